"""A worker that stands still for so long that it is given up, and then goes on as if nothing were.

It still holds batches, marks and positions of an assignment that is another's by then, or that it
gets anew. None of that may count.
"""

from __future__ import annotations

import time

from tests.faults.checks import assert_run_was_exact, assert_run_was_serial
from tests.faults.conftest import NewStage
from tests.faults.fault_worker import IMPATIENT, FaultWorker
from tests.faults.scale import scaled
from tests.faults.stage import PACED
from tests.servers.own_redis import OwnRedis
from tests.stream.test_worker import events

EVENTS = scaled(4_000)
#: So that a worker is frozen in the middle of its work.
BATCH_MAX = 32
ROUNDS = scaled(2)
REBALANCES = "fraudstream_rebalances_total"
POLL_INTERVAL_S = 2.0
HASTY = {**IMPATIENT, "broker_max_poll_interval": POLL_INTERVAL_S}
#: Longer than the session and than the poll interval.
FROZEN_S = 1.5 * max(IMPATIENT["broker_session_timeout"], POLL_INTERVAL_S)


def stand_still(worker: FaultWorker) -> None:
    worker.freeze()
    time.sleep(FROZEN_S)
    worker.thaw()


def test_a_frozen_worker_that_has_the_topic_for_itself_takes_it_up_again(
    new_stage: NewStage,
) -> None:
    stage = new_stage()
    batch = events(EVENTS, seed=61)
    stage.publish(batch)
    watch = stage.watch_commits()
    worker = stage.start(impatient=HASTY, batch_max=BATCH_MAX, poor=PACED)
    for turn in range(ROUNDS):
        stage.await_scored((turn + 1) * EVENTS // (ROUNDS + 3))
        stand_still(worker)
        assert stage.scored() < EVENTS, "the worker was too fast to be frozen at work"
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_exact(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    assert worker.lives, worker.said()
    assert worker.metric(REBALANCES) > 0, "nobody noticed that it stood still"


def test_a_frozen_worker_whose_partitions_went_to_another_does_no_harm_when_it_wakes(
    new_stage: NewStage,
) -> None:
    stage = new_stage()
    batch = events(EVENTS, seed=62)
    half = EVENTS // 2
    stage.publish(batch.take(range(half)))
    watch = stage.watch_commits()
    workers = [
        stage.start(f"worker-{number}", HASTY, batch_max=BATCH_MAX, poor=PACED)
        for number in range(2)
    ]
    stage.await_scored(EVENTS // 8)
    for turn in range(ROUNDS):
        frozen, other = workers[turn % 2], workers[1 - turn % 2]
        frozen.freeze()
        assert turn or stage.scored() < half, "the workers were too fast to be frozen at work"
        time.sleep(FROZEN_S)
        assert other.lives, other.said()
        # There is work for both when it wakes.
        part = range(half + turn * half // ROUNDS, half + (turn + 1) * half // ROUNDS)
        stage.publish(batch.take(part))
        frozen.thaw()
        time.sleep(0.5)
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    assert all(worker.lives for worker in workers), stage.report()


def test_a_worker_that_waits_for_redis_beyond_the_poll_interval_keeps_its_place_in_the_group(
    new_stage: NewStage, own_redis: OwnRedis
) -> None:
    """Its consumer is asked for nothing in the meantime; it is not to leave the group for that."""
    stage = new_stage(redis=own_redis.url)
    batch = events(EVENTS, seed=63)
    stage.publish(batch)
    worker = stage.start(impatient=HASTY, batch_max=BATCH_MAX, poor=PACED)
    stage.await_scored(EVENTS // 8)
    rebalances = worker.metric(REBALANCES)
    own_redis.kill()
    assert stage.scored() < EVENTS, "the worker was too fast for Redis to die under it"
    time.sleep(2.5 * POLL_INTERVAL_S)
    own_redis.start()
    stage.await_drained()
    assert_run_was_exact(stage.settings, stage.oracle(batch), stage.outcomes())
    assert worker.lives, worker.said()
    assert worker.metric(REBALANCES) == rebalances
