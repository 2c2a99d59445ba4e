"""The read model made anew: the same answers, exactly as far as the topics reach."""

from __future__ import annotations

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from core.kafka_admin import CLIENT_LOG
from core.names import Topics
from core.settings import Settings
from features.iso_times import iso_time
from tests.views.read_model import (
    PROFILE,
    START_MS,
    Message,
    assert_same,
    expected,
    many,
    produce,
    projecting,
    score,
    wait_for,
)
from views.periods import HOUR_MS, Span
from views.readmodel.holding import Abandoned
from views.readmodel.rebuild import rebuild
from views.readmodel.redis_model import RedisModel
from views.readmodel.redis_store import RedisStore


def test_it_answers_as_before_and_the_projector_goes_on_with_it(settings: Settings) -> None:
    messages = many(600, 11)
    produce(settings, messages[:1_000])
    store = RedisStore(settings)
    model = RedisModel(settings)
    with projecting(settings):
        wait_for(settings, 1_000)
        before = model.ask(PROFILE)[0].serving
        said: list[str] = []
        rebuilt = rebuild(settings, said.append)
        assert said[0].endswith("the read model will have everything")
        assert (rebuilt.complete_from_ms, rebuilt.messages) == (None, 1_000)
        assert model.ask(PROFILE)[0].serving != before
        produce(settings, messages[1_000:])
        wait_for(settings, len(messages))
    assert_same(store, expected(messages), [Span(START_MS + HOUR_MS + 1)])
    keys = model.client.scan_iter(match=f"{settings.namespace}:views:*", count=10_000)
    assert not [key for key in keys if f":{before}:".encode() in key]
    store.close()
    model.close()


def test_it_says_from_when_it_is_complete(settings: Settings) -> None:
    messages = [Message("scores", score(f"e{n}", START_MS + n * HOUR_MS)) for n in range(50)]
    produce(settings, messages, partitions=1)
    topic = Topics(settings.namespace).scores.name
    client = AdminClient(settings.confluent_config(), logger=CLIENT_LOG)
    cut = TopicPartition(topic, 0, 20)
    client.delete_records([cut])[cut].result(10)
    said: list[str] = []
    complete_from = START_MS + 20 * HOUR_MS
    assert rebuild(settings, said.append).complete_from_ms == complete_from
    assert iso_time(complete_from) in said[0]
    store = RedisStore(settings)
    assert_same(store, expected(messages[20:]), [])
    assert store.extent(PROFILE) == (complete_from, START_MS + 49 * HOUR_MS)
    store.close()


def test_a_projector_that_comes_too_late_says_so(settings: Settings) -> None:
    messages = [Message("scores", score(f"e{n}", START_MS + n * HOUR_MS)) for n in range(50)]
    produce(settings, messages[:10], partitions=1)
    store = RedisStore(settings)
    with projecting(settings):
        wait_for(settings, 10)
    produce(settings, messages[10:], partitions=1)
    topic = Topics(settings.namespace).scores.name
    client = AdminClient(settings.confluent_config(), logger=CLIENT_LOG)
    cut = TopicPartition(topic, 0, 20)
    client.delete_records([cut])[cut].result(10)
    with projecting(settings):
        wait_for(settings, 50)
    health = store.health()
    assert health.complete_from_ms == START_MS + 20 * HOUR_MS
    assert "complete from" in health.detail
    assert_same(store, expected(messages[:10] + messages[20:]), [])
    store.close()


def test_given_up_it_leaves_the_old_one_in_place(settings: Settings) -> None:
    messages = many(100, 12)
    produce(settings, messages)
    store = RedisStore(settings)
    with projecting(settings):
        wait_for(settings, len(messages))
    with pytest.raises(Abandoned):
        rebuild(settings, lambda _: None, lambda: False)
    assert_same(store, expected(messages), [])
    store.close()
