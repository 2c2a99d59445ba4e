"""Apache Kafka as one process: broker and controller (KRaft) on loopback."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import uuid
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from core.errors import StackError
from core.kafka_admin import CLIENT_LOG
from core.names import DLQ_MAX_MESSAGE_BYTES
from stack.artefacts import Fetched, Lock, cache_folder, ensure_jars
from stack.clients import CLIENTS
from stack.java import find_java
from stack.ports import LOOPBACK, listens, pick
from stack.service import Command, NotReadyError, Report

_LOGGING = Path(__file__).resolve().with_name("log4j2.properties")
_PROBE_S = 3.0
_FORMAT_S = 60
#: The serial collector and a small heap start fastest and are plenty for one node.
#: A large young generation: its collections stop the broker for 20 ms each, and at a few thousand
#: requests a second the one that Java would choose is full every two seconds.
_JVM = (
    "-Xmx512m",
    "-Xmn320m",
    "-XX:+UseSerialGC",
    f"-Dlog4j2.configurationFile={_LOGGING.as_uri()}",
)


class Kafka:
    """The broker of a stack; its cluster id is made once and lives as long as its data."""

    name = "kafka"
    usual_port = 9092
    start_timeout = 90.0
    stop_grace = 20.0

    def prepare(self, folder: Path, port: int, report: Report) -> Command:
        """Find Java, have the jars, format the data folder the first time, write the settings."""
        java = find_java()
        jars = fetch(report).jars
        for path in (folder, *jars[:1], _LOGGING):
            _refuse_separators(path)
        environ = {**os.environ, "CLASSPATH": os.pathsep.join(str(jar) for jar in jars)}
        folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "server.properties"
        settings.write_text(server_properties(folder, port, pick(())), encoding="utf-8")
        if not _cluster_file(folder).exists():
            _format(java, environ, folder)
        crash = f"-XX:ErrorFile={folder / 'jvm-crash.log'}"
        return Command((java, *_JVM, crash, "kafka.Kafka", str(settings)), environ)

    def probe(self, folder: Path, port: int) -> None:
        """Ask for metadata: a broker must be there, of the cluster that lives in ``folder``."""
        if not listens(port):  # spares the client's own retries while the broker starts
            raise NotReadyError(f"nobody listens on port {port}")
        client = AdminClient({"bootstrap.servers": self.address(port)}, logger=CLIENT_LOG)
        try:
            metadata = client.list_topics(timeout=_PROBE_S)
        except KafkaException as error:
            raise NotReadyError(f"no metadata from port {port}: {error.args[0].str()}") from None
        if metadata.cluster_id != _cluster_file(folder).read_text(encoding="utf-8"):
            raise NotReadyError(f"port {port} belongs to another Kafka cluster")
        if not metadata.brokers:
            raise NotReadyError("the broker has not joined its cluster yet")

    def address(self, port: int) -> str:
        """Bootstrap servers."""
        return f"{LOOPBACK}:{port}"


def fetch(report: Report) -> Fetched:
    """Download what the local stack needs and the user's cache lacks; says how much beforehand.

    Raises:
        StackError: it cannot be downloaded, or is not what the lock file names.
    """
    return ensure_jars(Lock.read(), CLIENTS, cache_folder(), report)


def server_properties(folder: Path, port: int, controller_port: int) -> str:
    """Kafka's settings for one node with its data in ``folder``."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "log.dirs": folder / "data",
        # One node cannot keep the three copies that these ask for by default.
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # Fifty partitions each by default; the first consumer would wait for all of them.
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 4,
        # A group of one developer's workers is complete at once.
        "group.initial.rebalance.delay.ms": 0,
        # A mistyped topic name must be an error, not a new topic with the wrong settings.
        "auto.create.topics.enable": "false",
        "message.max.bytes": DLQ_MAX_MESSAGE_BYTES,
        # 128 MB by default: a quarter of the heap, for compacted topics far larger than ours.
        "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
    }
    escaped = ((key, str(value).replace("\\", "\\\\")) for key, value in settings.items())
    return "".join(f"{key}={value}\n" for key, value in escaped)


def _format(java: str, environ: dict[str, str], folder: Path) -> None:
    # Without the cluster file an earlier formatting was cut off: begin anew, no broker ran on it.
    shutil.rmtree(folder / "data", ignore_errors=True)
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    tool = ("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}")
    settings = ("--config", str(folder / "server.properties"))
    # Stopping at the first compiler: the tool is over before the second one would pay.
    argv = (java, *_JVM, "-XX:TieredStopAtLevel=1", *tool, *settings)
    try:
        done = subprocess.run(
            argv, env=environ, capture_output=True, text=True, timeout=_FORMAT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StackError(f"Kafka's data folder {folder} cannot be formatted: {error}") from None
    if done.returncode != 0:
        last = " ".join((done.stdout + done.stderr).split())[-400:]
        raise StackError(f"Kafka's data folder {folder} cannot be formatted: {last}")
    _cluster_file(folder).write_text(cluster, encoding="utf-8")


def _cluster_file(folder: Path) -> Path:
    return folder / "cluster.id"


def _refuse_separators(path: Path) -> None:
    # Kafka splits log.dirs at commas, the JVM splits the class path at colons; neither can escape.
    for separator in (",", os.pathsep):
        if separator in str(path):
            raise StackError(
                f"Kafka cannot work in {path}: the path holds a {separator!r}; move it, or set "
                "XDG_CACHE_HOME if it is the cache"
            )
