"""The way between a worker and Redis, or Kafka, is cut, stalls, or is slow.

A worker waits for as long as it takes, in place; then it goes on, and nothing is different for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from features.batch import EventBatch
from features.wire import TIMEOUT_S
from stack.ports import LOOPBACK
from tests.faults.checks import assert_run_was_exact, assert_run_was_serial
from tests.faults.conftest import NewStage
from tests.faults.fault_worker import IMPATIENT
from tests.faults.scale import scaled
from tests.faults.stage import PACED, Stage
from tests.servers.own_kafka import OwnKafka
from tests.servers.own_redis import OwnRedis
from tests.servers.proxy import Proxy
from tests.stream.test_worker import events, messages

EVENTS = scaled(4_000)
#: So that the network meets a worker in the middle of its work.
BATCH_MAX = 64
ROUNDS = scaled(1)
#: Longer than the broker waits for a sign of a member.
CUT_S = IMPATIENT["broker_session_timeout"] + 1.0
#: Longer than a worker waits for a reply of Redis, too.
STALL_S = max(TIMEOUT_S, CUT_S) + 1.0
#: Bytes of a large event.
FILLING = 40_000

Harm = Callable[[Proxy], None]


def cut(way: Proxy) -> None:
    way.cut()
    time.sleep(CUT_S)
    way.heal()


def stall(way: Proxy) -> None:
    way.stall()
    time.sleep(STALL_S)
    way.heal()


def drop(way: Proxy) -> None:
    """Connections break, and new ones are welcome at once."""
    way.drop()
    time.sleep(0.2)


HARMS = [cut, stall, drop]


@dataclass
class Network:
    """A stage whose workers reach both servers through proxies."""

    stage: Stage
    to_redis: Proxy
    to_kafka: Proxy

    def way(self, server: str) -> Proxy:
        return self.to_redis if server == "redis" else self.to_kafka


@pytest.fixture
def network(
    new_stage: NewStage, own_redis: OwnRedis, way_to_redis: Proxy, own_kafka: OwnKafka
) -> Network:
    through = f"redis://{LOOPBACK}:{way_to_redis.port}/0"
    stage = new_stage(redis=own_redis.url, redis_of_workers=through)
    return Network(stage, way_to_redis, own_kafka.proxy)


@pytest.fixture
def batch() -> EventBatch:
    return events(EVENTS, seed=51)


def assert_went_on(network: Network, batch: EventBatch) -> None:
    """One worker did everything, as if nothing had been."""
    stage = network.stage
    stage.await_drained()
    assert_run_was_exact(stage.settings, stage.oracle(batch), stage.outcomes())
    assert all(worker.lives for worker in stage.workers), stage.report()


@pytest.mark.parametrize("server", ["redis", "kafka"])
@pytest.mark.parametrize("harm", HARMS)
def test_a_network_that_breaks_is_waited_for_in_place(
    server: str, harm: Harm, network: Network, batch: EventBatch
) -> None:
    stage = network.stage
    stage.publish(batch)
    watch = stage.watch_commits()
    worker = stage.start(batch_max=BATCH_MAX, poor=PACED)
    stage.await_scored(EVENTS // 10)
    for turn in range(ROUNDS):
        stage.await_scored((turn + 1) * EVENTS // (ROUNDS + 3))
        harm(network.way(server))
        assert stage.scored() < EVENTS, "the worker was too fast for the network to break under it"
    assert_went_on(network, batch)
    watch.assert_commits_followed_outcomes(stage.outcomes())
    said = worker.said()
    away, back = said.count("holding the line"), said.count("answers again")
    if harm is drop:  # may be over before anybody noticed
        assert away == back <= ROUNDS, said
    else:
        assert away == back == ROUNDS, said
        assert said.count(f"{server.title()}: ") == 2 * ROUNDS, said
    assert len(said.splitlines()) < 20 + 10 * ROUNDS, said
    # The mark of a batch may be lost on its way, and looks as if its events were.
    on_their_way = ROUNDS * 2 * BATCH_MAX if server == "redis" else 0
    assert worker.metric("fraudstream_restored_total") <= on_their_way
    assert "rebuil" not in worker.said()


def test_a_backlog_of_large_events_is_not_read_into_memory_while_redis_does_not_answer(
    network: Network,
) -> None:
    stage = network.stage
    batch = events(scaled(8_000), seed=53)
    filling = np.random.default_rng(53)
    stage.publish_messages(
        (key, (value or b"")[:-1] + b',"note":"%s"}' % filling.bytes(FILLING // 2).hex().encode())
        for key, value in messages(batch)
    )
    worker = stage.start(batch_max=BATCH_MAX, poor=PACED)
    stage.await_scored(len(batch) // 20)
    before = worker.resident_bytes()
    network.to_redis.stall()
    time.sleep(TIMEOUT_S)
    grown = worker.resident_bytes() - before
    assert stage.scored() < len(batch) // 2, "the worker was too fast for a backlog"
    network.to_redis.heal()
    assert_went_on(network, batch)
    assert grown < len(batch) * FILLING // 4


@pytest.mark.parametrize("server", ["redis", "kafka"])
def test_a_slow_network_makes_a_worker_slow_and_nothing_else(
    server: str, network: Network, batch: EventBatch
) -> None:
    stage = network.stage
    stage.publish(batch)
    worker = stage.start(batch_max=BATCH_MAX)
    stage.await_scored(EVENTS // 10)
    way = network.way(server)
    way.delay_s, way.bytes_per_s = 0.02, 500_000.0
    assert_went_on(network, batch)
    assert "holding the line" not in worker.said(), "slow is not away"


def test_two_workers_that_are_cut_off_from_kafka_both_come_back(
    network: Network, batch: EventBatch
) -> None:
    stage = network.stage
    half = EVENTS // 2
    stage.publish(batch.take(range(half)))
    watch = stage.watch_commits()
    for number in range(2):
        stage.start(f"worker-{number}", batch_max=BATCH_MAX, poor=PACED)
    stage.await_scored(EVENTS // 6)
    cut(network.to_kafka)
    assert stage.scored() < half, "the workers were too fast to be cut off at work"
    stage.publish(batch.take(range(half, EVENTS)))
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    assert all(worker.lives for worker in stage.workers), stage.report()
