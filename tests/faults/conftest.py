"""Servers that may be killed, and scenarios on them.

The broker is that of the other tests, which run before and after these and not beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings
from tests.faults.stage import PARTITIONS, Stage, with_changes
from tests.servers.own_kafka import OwnKafka
from tests.servers.own_redis import OwnRedis
from tests.servers.proxy import Proxy
from tests.stream.conftest import install_model  # noqa: F401 - a fixture

#: Every event becomes an alert, and every alert carries its features.
ALERT_ALL = {"threshold_review": 0.0, "threshold_block": 1.0}

NewStage = Callable[..., Stage]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these need servers."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.integration)


@pytest.fixture(scope="session")
def kafka(own_kafka: OwnKafka) -> str:
    """The one that is harmed, whatever serves the other tests."""
    return own_kafka.address


@pytest.fixture(scope="session")
def redis_url(shared_redis: OwnRedis) -> str:
    """Likewise one of our own."""
    return shared_redis.url


@pytest.fixture
def way_to_redis(own_redis: OwnRedis) -> Iterator[Proxy]:
    """A proxy before ``own_redis``; a stage whose workers go through it names its port."""
    proxy = Proxy(own_redis.port)
    yield proxy
    proxy.close()


@pytest.fixture
def new_stage(
    settings: Settings,
    own_kafka: OwnKafka,
    install_model: Callable[[Settings], None],  # noqa: F811
    tmp_path: Path,
) -> Iterator[NewStage]:
    """Sets a scenario up.

    Args:
        redis: URL as the tests reach it; None: the one that nobody harms.
        redis_of_workers: URL as the workers reach it; None: the same.
        alert_all: whether every event is to become an alert.
        partitions: of each topic.
        profile: of the events.
    """
    stages: list[Stage] = []

    def build(
        redis: str | None = None,
        redis_of_workers: str | None = None,
        alert_all: bool = True,
        partitions: int = PARTITIONS,
        profile: str = "ecommerce",
    ) -> Stage:
        direct = with_changes(
            settings,
            profile=profile,
            redis=redis or settings.redis.get_secret_value(),
            **(ALERT_ALL if alert_all else {}),
        )
        install_model(direct)
        ensure_topics(direct, Topics(direct.namespace).all(direct.profile), partitions)
        far = with_changes(
            direct,
            kafka=own_kafka.proxied,
            redis=redis_of_workers or direct.redis.get_secret_value(),
        )
        stages.append(Stage(direct, far, tmp_path))
        return stages[-1]

    yield build
    own_kafka.thaw()
    own_kafka.proxy.heal()
    for stage in stages:
        stage.close()
