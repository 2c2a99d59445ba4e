"""A worker that is told to stop is gone within ten seconds, whatever it was doing.

``stop_gracefully`` asserts the exit code and the time. What was under way is either finished and
committed, or left to the next worker.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from stack.ports import LOOPBACK
from tests.faults.checks import assert_run_was_exact, assert_run_was_serial
from tests.faults.conftest import NewStage
from tests.faults.scale import scaled
from tests.faults.stage import PACED, Stage
from tests.servers.own_kafka import OwnKafka
from tests.servers.own_redis import OwnRedis
from tests.servers.proxy import Proxy
from tests.stream.test_worker import events

EVENTS = scaled(4_000)
#: So that the word to stop meets a worker in the middle of its work.
BATCH_MAX = 64


@pytest.fixture
def stage(new_stage: NewStage, own_redis: OwnRedis, way_to_redis: Proxy) -> Stage:
    """With a Redis that can be harmed."""
    through = f"redis://{LOOPBACK}:{way_to_redis.port}/0"
    return new_stage(redis=own_redis.url, redis_of_workers=through)


@pytest.fixture
def way_to_kafka(own_kafka: OwnKafka) -> Iterator[Proxy]:
    yield own_kafka.proxy
    own_kafka.proxy.heal()


def assert_the_next_one_completes(stage: Stage, seed: int) -> None:
    stage.start("next")
    stage.await_drained()
    batch = events(EVENTS, seed)
    assert_run_was_exact(stage.settings, stage.oracle(batch), stage.outcomes())


def test_under_load_the_batches_in_work_are_finished_and_committed(stage: Stage) -> None:
    stage.publish(events(EVENTS, seed=91))
    for turn in range(3):
        worker = stage.start(f"worker-{turn}", batch_max=BATCH_MAX, poor=PACED)
        stage.await_scored((turn + 1) * EVENTS // 6)
        worker.stop_gracefully()
        assert stage.scored() < EVENTS, "the worker was too fast to be stopped at work"
    assert_the_next_one_completes(stage, 91)
    assert not stage.outcomes().repeated, "something was published and not committed"


def test_one_of_two_that_is_told_to_stop_leaves_the_other_everything(stage: Stage) -> None:
    batch = events(EVENTS, seed=92)
    stage.publish(batch)
    first, second = (
        stage.start(f"worker-{number}", batch_max=BATCH_MAX, poor=PACED) for number in range(2)
    )
    for worker in (first, second):
        worker.await_text("worker ready")
    stage.await_scored(EVENTS // 4)
    first.stop_gracefully()
    assert stage.scored() < EVENTS, "the workers were too fast to be stopped at work"
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch), outcomes)
    assert not outcomes.repeated, "something was published and not committed"
    second.stop_gracefully()


@pytest.mark.parametrize("how", ["killed", "cut", "stalled"])
def test_while_redis_is_away_the_batch_in_work_is_left_to_the_next(
    how: str, stage: Stage, own_redis: OwnRedis, way_to_redis: Proxy
) -> None:
    stage.publish(events(EVENTS, seed=93))
    worker = stage.start(batch_max=BATCH_MAX, poor=PACED)
    stage.await_scored(EVENTS // 4)
    {"killed": own_redis.kill, "cut": way_to_redis.cut, "stalled": way_to_redis.stall}[how]()
    time.sleep(0.5)
    assert stage.scored() < EVENTS, "the worker was too fast to be stopped at work"
    worker.stop_gracefully()
    if how == "killed":
        own_redis.start()
    way_to_redis.heal()
    assert_the_next_one_completes(stage, 93)


@pytest.mark.parametrize("how", ["cut", "stall"])
def test_while_kafka_is_away_what_was_not_committed_is_left_to_the_next(
    how: str, stage: Stage, way_to_kafka: Proxy
) -> None:
    stage.publish(events(EVENTS, seed=94))
    worker = stage.start(batch_max=BATCH_MAX, poor=PACED)
    stage.await_scored(EVENTS // 4)
    getattr(way_to_kafka, how)()
    time.sleep(0.5)
    assert stage.scored() < EVENTS, "the worker was too fast to be stopped at work"
    worker.stop_gracefully()
    way_to_kafka.heal()
    assert_the_next_one_completes(stage, 94)


def test_while_state_is_rebuilt_the_rest_is_left_to_the_next(
    stage: Stage, own_redis: OwnRedis, way_to_redis: Proxy
) -> None:
    half = EVENTS // 2
    batch = events(EVENTS, seed=95)
    stage.publish(batch.take(range(half)))
    stage.start("before").await_text("worker ready")
    stage.await_drained()
    stage.workers[0].stop_gracefully()
    own_redis.flush()
    stage.publish(batch.take(range(half, EVENTS)))
    way_to_redis.delay_s = 0.1
    worker = stage.start("rebuilding")
    worker.await_text("rebuilding (")
    worker.stop_gracefully()
    assert "state rebuilt" not in worker.said(), "rebuilt before it was stopped"
    way_to_redis.heal()
    assert_the_next_one_completes(stage, 95)


def test_before_anything_has_come_it_is_quick(stage: Stage) -> None:
    worker = stage.start()
    worker.await_text("FetchThread")  # Faust listens to signals by then
    begun = time.monotonic()
    worker.stop_gracefully()
    assert time.monotonic() - begun < 5
