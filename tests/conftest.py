"""Shared fixtures: one broker and one Redis for the session, a fresh namespace for each test."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from core.names import DLQ_MAX_MESSAGE_BYTES
from core.settings import Settings, load_settings
from tests.redis_cluster import LocalCluster, local_cluster
from tests.servers.own_kafka import OwnKafka
from tests.servers.own_redis import OwnRedis
from tests.stream.forked import the_nursery

# Speed is measured in bench/; a busy machine fails no test.
hypothesis_settings.register_profile("untimed", deadline=None)
hypothesis_settings.load_profile("untimed")

BACKENDS = ("local", "testcontainers")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--backend",
        choices=BACKENDS,
        default="local",
        help="where Kafka and Redis come from: the local stack, or containers (needs Docker)",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tests on real data run only where FRAUDSTREAM_DATA names the folder that holds it."""
    if os.environ.get("FRAUDSTREAM_DATA"):
        return
    real = [item for item in items if item.get_closest_marker("realdata")]
    if real:
        config.hook.pytest_deselected(items=real)
        items[:] = [item for item in items if item not in real]
        print(f"\n{len(real)} tests on real data deselected: FRAUDSTREAM_DATA is not set")  # noqa: T201


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with the real CSV files."""
    return Path(os.environ["FRAUDSTREAM_DATA"])


@pytest.fixture(scope="session", autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No setting of the developer's shell or checkout reaches a test."""
    kept = {"FRAUDSTREAM_DATA"}
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("FRAUDSTREAM_") and name not in kept:
                patch.delenv(name)
        patch.setitem(Settings.model_config, "env_file", None)
        yield


@pytest.fixture(scope="session")
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """(Kafka bootstrap servers, Redis URL)."""
    if request.config.getoption("--backend") == "testcontainers":
        from testcontainers.kafka import KafkaContainer
        from testcontainers.redis import RedisContainer

        broker = (
            KafkaContainer()
            .with_kraft()
            .with_env("KAFKA_MESSAGE_MAX_BYTES", str(DLQ_MAX_MESSAGE_BYTES))
            .with_env("KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS", "0")
            .with_env("KAFKA_AUTO_CREATE_TOPICS_ENABLE", "false")
        )
        with broker as kafka, RedisContainer() as redis:
            host, port = redis.get_container_host_ip(), redis.get_exposed_port(6379)
            yield kafka.get_bootstrap_server(), f"redis://{host}:{port}/0"
        return
    redis_server = request.getfixturevalue("shared_redis")
    yield request.getfixturevalue("own_kafka").address, redis_server.url


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    """A Redis that a test may do anything to."""
    server = OwnRedis(tmp_path / "redis")
    yield server
    server.close()


@pytest.fixture(scope="session")
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnKafka]:
    """A broker that every test leaves running and reachable, whatever it did to it."""
    the_nursery()  # takes as long to get ready: both do so side by side
    server = OwnKafka(tmp_path_factory.mktemp("kafka"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnRedis]:
    """A Redis that nobody harms."""
    server = OwnRedis(tmp_path_factory.mktemp("redis"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def kafka(servers: tuple[str, str]) -> str:
    return servers[0]


@pytest.fixture(scope="session")
def redis_url(servers: tuple[str, str]) -> str:
    return servers[1]


@pytest.fixture(scope="session")
def redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """A Redis Cluster of three nodes; a test leaves it as it found it, but for its keys."""
    with local_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def settings(kafka: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings with a namespace of the test's own, a free metrics port and an empty registry."""
    return load_settings(
        kafka=kafka,
        redis=redis_url,
        namespace=f"t-{uuid.uuid4().hex[:12]}",
        models=tmp_path / "models",
        metrics_port=0,
    )
