"""The projector waits while Redis or Kafka is away, and goes on from where it was."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.settings import Settings, load_settings
from tests.redis_cluster import LocalCluster
from tests.servers.own_kafka import OwnKafka
from tests.servers.own_redis import OwnRedis
from tests.views.read_model import (
    PROFILE,
    START_MS,
    Message,
    assert_same,
    expected,
    many,
    produce,
    projecting,
    taken_in,
    wait_for,
)
from views.periods import HOUR_MS, Span
from views.readmodel.forget import forget
from views.readmodel.projector import Projector
from views.readmodel.rebuild import rebuild
from views.readmodel.redis_store import RedisStore
from views.store import AlertFilter

SPANS = [Span(START_MS + 5 * HOUR_MS + 1, START_MS + 70 * HOUR_MS + 12_345)]
_PATIENCE_S = 60.0


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def settings_of(redis_url: str, kafka: str, folder: Path) -> Settings:
    return load_settings(
        kafka=kafka,
        redis=redis_url,
        namespace=f"t-{uuid.uuid4().hex[:12]}",
        models=folder / "models",
        metrics_port=0,
    )


def assert_exact(settings: Settings, messages: list[Message]) -> None:
    store = RedisStore(settings)
    try:
        assert_same(store, expected(messages), SPANS)
    finally:
        store.close()


@contextmanager
def at_work(settings: Settings, messages: list[Message]) -> Iterator[Projector]:
    """A projector that has taken some messages in, and has more to do."""
    produce(settings, messages[: len(messages) // 2])
    with projecting(settings) as projector:
        until(lambda: taken_in(settings) > 0, "nothing is taken in")
        yield projector


@pytest.mark.parametrize("outage", ["killed", "frozen"])
def test_redis_away_is_waited_for_and_counts_are_exact(
    own_redis: OwnRedis,
    kafka: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    outage: str,
) -> None:
    settings = settings_of(own_redis.url, kafka, tmp_path)
    messages = many(1_500, 6)
    caplog.set_level("INFO", "views.readmodel.projector")
    with at_work(settings, messages):
        if outage == "killed":
            own_redis.kill()
        else:
            own_redis.freeze()
        produce(settings, messages[len(messages) // 2 :])
        until(lambda: "the projector waits: " in caplog.text, "it does not say that it waits")
        if outage == "killed":
            own_redis.start()
        else:
            own_redis.thaw()
        wait_for(settings, len(messages))
    assert "the projector goes on" in caplog.text
    assert_exact(settings, messages)


def test_kafka_away_is_waited_for_and_counts_are_exact(
    own_kafka: OwnKafka, redis_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_of(redis_url, own_kafka.address, tmp_path)
    messages = many(1_500, 7)
    with at_work(settings, messages):
        own_kafka.kill()
        try:
            store = RedisStore(settings)
            until(lambda: store.health().detail != "", "its trouble is not seen")
            store.close()
        finally:
            own_kafka.start()
        produce(settings, messages[len(messages) // 2 :])
        wait_for(settings, len(messages), 120)
    assert settings.kafka in caplog.text
    assert_exact(settings, messages)


def test_the_read_model_may_be_on_a_cluster(
    redis_cluster: LocalCluster, kafka: str, tmp_path: Path
) -> None:
    settings = settings_of(redis_cluster.url, kafka, tmp_path)
    messages = many(600, 8)
    with at_work(settings, messages):
        produce(settings, messages[len(messages) // 2 :])
        wait_for(settings, len(messages))
    assert_exact(settings, messages)
    # Made anew, and without a person's ids.
    rebuild(settings, lambda _: None)
    assert_exact(settings, messages)
    by_user = AlertFilter(user_id="u7")
    mine = {one.body["event_id"] for one in messages if one.body.get("user_id") == "u7"}
    store = RedisStore(settings)
    try:
        before = store.totals(PROFILE, Span())
        assert store.alerts(PROFILE, Span(), by_user, None, 1).alerts
        assert forget(settings, PROFILE, "u7").records == len(mine)
        assert not store.alerts(PROFILE, Span(), by_user, None, 1).alerts
        assert store.totals(PROFILE, Span()) == before
    finally:
        store.close()
