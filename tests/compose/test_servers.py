"""Servers of others run outside of Docker with the arguments and settings of the compose file."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import redis
from confluent_kafka.admin import AdminClient, ConfigResource

from core.kafka_admin import CLIENT_LOG, ensure_topics
from core.names import DLQ_MAX_MESSAGE_BYTES, Topics
from core.settings import load_settings
from features.open_wire import open_wire
from stack.java import find_java
from stack.kafka import fetch
from stack.redis_server import find_server
from tests.compose.compose_file import arguments, environment, services
from tests.compose.installed import replaced
from tests.servers.ports import lasting_port
from tests.stream.forked import ROOT

PASSWORD = "letters0and1digits"
WITH_PASSWORD = services({"GRAFANA_ADMIN_PASSWORD": "chosen", "REDIS_PASSWORD": PASSWORD})
SERVICES = services({"GRAFANA_ADMIN_PASSWORD": "chosen"})
_START_S = 90

Run = Callable[[Sequence[str], dict[str, str]], None]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Starts programs in an empty folder, and ends them."""
    started: list[subprocess.Popen[bytes]] = []

    def start(words: Sequence[str], more: dict[str, str]) -> None:
        with (tmp_path / "log").open("ab") as log:
            started.append(
                subprocess.Popen(
                    words, cwd=tmp_path, env={**os.environ, **more}, stdout=log, stderr=log
                )
            )

    yield start
    for process in started:
        process.terminate()
        process.wait(20)


def until(true: Callable[[], bool], log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while not true():
        assert time.monotonic() < deadline, log.read_text()[-4000:]
        time.sleep(0.1)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError):
        return False


@pytest.mark.parametrize("password", ["", PASSWORD])
def test_redis_takes_its_arguments_and_the_worker_s_url(
    password: str, run: Run, tmp_path: Path
) -> None:
    every = WITH_PASSWORD if password else SERVICES
    port = lasting_port()
    words = [replaced(word, {"/data": str(tmp_path)}) for word in arguments(every["redis"])]
    run([find_server(), *words, "--port", str(port)], {})
    url = environment(every["worker"])["FRAUDSTREAM_REDIS"].replace(
        "redis:6379", f"127.0.0.1:{port}"
    )

    def there() -> bool:
        try:
            return bool(redis.Redis.from_url(url).ping())
        except redis.ConnectionError:
            return False

    until(there, tmp_path / "log")
    wire = open_wire(url)
    wire.check_policy()
    wire.close()
    assert (tmp_path / "appendonlydir").is_dir()
    stranger = redis.Redis(port=port)
    if password:
        with pytest.raises(redis.AuthenticationError):
            stranger.ping()
    else:
        assert stranger.ping()


@pytest.mark.integration
def test_kafka_is_set_up_by_its_image_s_own_program_and_keeps_the_data_in_the_volume(
    run: Run, tmp_path: Path
) -> None:
    """As the image's start script does it: settings from the environment, storage, the broker."""
    inside, outside, controller = (lasting_port() for _ in range(3))
    places = {
        "INSIDE://:9092": f"INSIDE://127.0.0.1:{inside}",
        "INSIDE://kafka:9092": f"INSIDE://127.0.0.1:{inside}",
        "OUTSIDE://:19092": f"OUTSIDE://127.0.0.1:{outside}",
        "127.0.0.1:19092": f"127.0.0.1:{outside}",
        "CONTROLLER://:9093": f"CONTROLLER://127.0.0.1:{controller}",
        "1@kafka:9093": f"1@127.0.0.1:{controller}",
        "/var/lib/kafka/data": str(tmp_path / "volume"),
        "/etc/kafka/log4j2.properties": str(ROOT / "stack" / "log4j2.properties"),
    }
    settings = {
        name: replaced(value, places) for name, value in environment(SERVICES["kafka"]).items()
    }
    for folder in ("defaults", "mounted", "final", "volume"):  # `final` is empty, as the tmpfs is
        (tmp_path / folder).mkdir()
    java = [
        find_java(), *settings["KAFKA_HEAP_OPTS"].split(), *settings["KAFKA_LOG4J_OPTS"].split()
    ]  # fmt: skip
    settings["CLASSPATH"] = os.pathsep.join(str(jar) for jar in fetch(lambda _: None).jars)
    made = subprocess.run(
        [
            *java, "kafka.docker.KafkaDockerWrapper", "setup",
            "--default-configs-dir", str(tmp_path / "defaults"),
            "--mounted-configs-dir", str(tmp_path / "mounted"),
            "--final-configs-dir", str(tmp_path / "final"),
        ],
        env={**os.environ, **settings, "CLUSTER_ID": "5L6g3nShT-eMCtK--X86sw"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr
    run([*java, "kafka.Kafka", str(tmp_path / "final" / "server.properties")], settings)

    addresses = [f"127.0.0.1:{port}" for port in (inside, outside)]
    for address in addresses:
        until(lambda address=address: is_broker(address), tmp_path / "log")  # type: ignore[misc]
    own = load_settings(kafka=addresses[1])
    topics = Topics("live").all("ecommerce")
    assert len(ensure_topics(own, topics, 2)) == len(topics)
    broker = ConfigResource("broker", "1")
    client = AdminClient(own.confluent_config(), logger=CLIENT_LOG)
    (found,) = client.describe_configs([broker]).values()
    assert found.result(10)["message.max.bytes"].value == str(DLQ_MAX_MESSAGE_BYTES)
    assert found.result(10)["auto.create.topics.enable"].value == "false"
    assert (tmp_path / "volume" / "transactions-0").is_dir()
    # Nothing but the console is logged to: files would fill the tmpfs.
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "defaults", "final", "log", "mounted", "volume",
    ]  # fmt: skip


def is_broker(address: str) -> bool:
    client = AdminClient({"bootstrap.servers": address}, logger=CLIENT_LOG)
    try:
        return bool(client.list_topics(timeout=2).brokers)
    except Exception:
        return False


@pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="`prometheus` and `promtool` are not on PATH",
)
def test_prometheus_takes_its_arguments_and_its_health_check_finds_it(
    run: Run, tmp_path: Path
) -> None:
    port = lasting_port()
    shutil.copytree(ROOT / "prometheus" / "rules", tmp_path / "rules")
    shutil.copy(ROOT / "prometheus" / "compose.yml", tmp_path)
    places = {"/etc/prometheus": str(tmp_path), "/prometheus": str(tmp_path / "volume")}
    words = [replaced(word, places) for word in arguments(SERVICES["prometheus"])]
    kind, *check = SERVICES["prometheus"]["healthcheck"]["test"]
    assert kind == "CMD"
    check = [replaced(word, {":9090": f":{port}"}) for word in check]

    def healthy() -> bool:
        return subprocess.run(check, capture_output=True, check=False).returncode == 0

    assert not healthy()
    run(["prometheus", *words, f"--web.listen-address=127.0.0.1:{port}"], {})
    until(healthy, tmp_path / "log")
    assert (tmp_path / "volume" / "wal").is_dir()


ALERTMANAGER = shutil.which("alertmanager") or shutil.which("prometheus-alertmanager")


@pytest.mark.skipif(ALERTMANAGER is None, reason="`alertmanager` is not on PATH")
def test_alertmanager_takes_its_arguments(run: Run, tmp_path: Path) -> None:
    port = lasting_port()
    places = {
        "/etc/alertmanager": str(ROOT / "prometheus"),
        "=/alertmanager": f"={tmp_path / 'volume'}",
    }
    words = [replaced(word, places) for word in arguments(SERVICES["alertmanager"])]
    run([str(ALERTMANAGER), *words, f"--web.listen-address=127.0.0.1:{port}"], {})
    check = SERVICES["alertmanager"]["healthcheck"]["test"]
    until(lambda: answers(check[-1].replace(":9093", f":{port}")), tmp_path / "log")
