"""The projector over real topics: each message once, whatever happens to whom."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from core.kafka_admin import CLIENT_LOG
from core.names import Topics, views_group
from core.settings import Settings
from tests.stream.forked import ROOT
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
    taken_in,
    wait_for,
)
from views.periods import HOUR_MS, Span
from views.readmodel.redis_store import RedisStore

SPANS = [Span(START_MS + 5 * HOUR_MS + 1, START_MS + 70 * HOUR_MS + 12_345)]
_RUN = (
    "from core.settings import load_settings;"
    "from views.readmodel.projector import run_projector;"
    "run_projector(load_settings(), lambda: True, member='one')"
)


@contextmanager
def projector_process(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN],
        cwd=ROOT,
        env=os.environ
        | {
            "FRAUDSTREAM_KAFKA": settings.kafka,
            "FRAUDSTREAM_REDIS": settings.redis.get_secret_value(),
            "FRAUDSTREAM_NAMESPACE": settings.namespace,
        },
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def test_what_is_on_the_topics_is_answered(settings: Settings) -> None:
    messages = many(400, 1)
    produce(settings, messages)
    store = RedisStore(settings)
    assert not store.health().ready
    assert store.profiles() == ()
    assert store.extent(PROFILE) is None
    with projecting(settings) as projector:
        wait_for(settings, len(messages))
    assert_same(store, expected(messages), SPANS)
    assert store.profiles() == (PROFILE,)
    health = store.health()
    assert (health.ready, health.detail, health.complete_from_ms, health.lag) == (True, "", None, 0)
    assert sum(projector.sorter.counted[PROFILE].values()) == len(messages)
    assert committed(settings) == len(messages)
    before = store.revision()
    more = [Message("scores", score("late", START_MS))]
    produce(settings, more)
    with projecting(settings):
        wait_for(settings, len(messages) + 1)
    assert store.revision() != before
    assert_same(store, expected(messages + more), SPANS)
    store.close()


def committed(settings: Settings) -> int:
    topics = Topics(settings.namespace)
    names = [topics.scores.name, topics.alerts.name, topics.labels.name]
    consumer = Consumer(
        {**settings.confluent_config(), "group.id": views_group(settings.namespace)},
        logger=CLIENT_LOG,
    )
    try:
        asked = [TopicPartition(name, partition) for name in names for partition in range(4)]
        return sum(max(0, one.offset) for one in consumer.committed(asked, 10))
    finally:
        consumer.close()


def test_killed_at_random_it_counts_exactly(settings: Settings) -> None:
    messages = many(1_500, 2)
    rounds = random.Random(3)
    kills = 0
    for start in range(0, len(messages), 2_500):
        produce(settings, messages[start : start + 2_500])
        wanted = min(start + 2_500, len(messages))
        while taken_in(settings) < wanted:
            with projector_process(settings):
                at_work = taken_in(settings)
                deadline = time.monotonic() + 30
                while taken_in(settings) == at_work and time.monotonic() < deadline:
                    time.sleep(0.01)
                time.sleep(rounds.random() * 0.3)
            kills += 1
    assert kills >= 2
    store = RedisStore(settings)
    assert_same(store, expected(messages), SPANS)
    store.close()


def test_two_at_once_count_exactly(settings: Settings) -> None:
    messages = many(1_500, 4)
    produce(settings, messages[:2_500])
    with projecting(settings):
        with projecting(settings):
            produce(settings, messages[2_500:])
            wait_for(settings, len(messages) // 2)
        wait_for(settings, len(messages))
    store = RedisStore(settings)
    assert_same(store, expected(messages), SPANS)
    store.close()


def test_what_cannot_be_read_is_told_once_and_left_out(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    messages = many(20, 5)
    produce(settings, messages)
    topics = Topics(settings.namespace)
    producer = Producer(settings.confluent_config(), logger=CLIENT_LOG)
    bad = (b"", b"{", b"{", b'{"event_id":1}', b"\xff", b'{"event_id":"a","profile":"other"}')
    for value in bad:
        for topic in (topics.scores, topics.alerts, topics.labels):
            producer.produce(topic.name, value, "key")
    producer.produce(topics.labels.name, None, "tombstone")
    assert producer.flush(30) == 0
    with projecting(settings) as projector:
        wait_for(settings, len(messages) + 3 * len(bad) + 1)
    assert projector.sorter.unreadable.total() == 3 * len(bad) + 1
    told = [one.getMessage() for one in caplog.records if "cannot be read" in one.getMessage()]
    assert len(told) == len(set(told))
    store = RedisStore(settings)
    assert_same(store, expected(messages), SPANS)
    store.close()
