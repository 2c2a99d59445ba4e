"""Redis goes away under a working worker and comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings, load_settings
from tests.servers.own_redis import OwnRedis
from tests.stream.test_worker import ALERT_ALL, assert_features_equal_offline, events, messages
from tests.stream.workers import Reader, committed, publish, running_worker

pytestmark = pytest.mark.integration


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path / "redis")
    yield server
    server.close()


def test_redis_killed_for_seconds_holds_the_line_and_the_worker_goes_on_by_itself(
    settings: Settings,
    own_redis: OwnRedis,
    tmp_path: Path,
    install_model: Callable[[Settings], None],
) -> None:
    own = load_settings(**{**settings.model_dump(), "redis": own_redis.url})
    install_model(own)
    # One partition: live traffic over several is merged as it comes, not as in a filled topic.
    ensure_topics(own, Topics(own.namespace).all(own.profile), 1)
    batch = events(2000, seed=9)
    everything = messages(batch)
    reader = Reader(own)
    publish(own, everything[:1000])
    with running_worker(own, tmp_path / "worker.log", **ALERT_ALL) as worker:
        reader.read_until(1000)
        own_redis.kill()
        publish(own, everything[1000:])
        worker.await_text("holding the line")
        held = sum(committed(own).values())
        time.sleep(2)
        assert sum(committed(own).values()) == held <= 1000
        own_redis.start()
        found = reader.read_until(len(batch))
        assert worker.process.poll() is None
        log = worker.log.read_text()
        assert log.count("holding the line") == log.count("answers again") == 1
    reader.close()
    assert found.scored_ids == set(batch.event_id)
    assert_features_equal_offline(found.alerts, batch)
