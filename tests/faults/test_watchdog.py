"""A worker that gets nowhere ends, so that its supervisor can start another; one that waits stays.

A broker that refuses every commit stands for whatever may keep a consumer from getting anywhere
without an error that ends it.
"""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Producer

from core.names import Topics
from stream.watchdog import EXIT_STALLED
from tests.faults.checks import assert_run_was_exact, assert_run_was_serial
from tests.faults.conftest import NewStage
from tests.faults.scale import scaled
from tests.servers.own_kafka import OwnKafka
from tests.servers.own_redis import OwnRedis
from tests.stream.test_worker import events, messages
from tests.stream.workers import committed, end_offsets

EVENTS = scaled(2_000)
STALL_S = 5
#: Longer than the watchdog waits.
LONG_S = STALL_S + 3.0
BATCH_MAX = 64
COORDINATOR_LOADS = 14


def test_a_worker_whose_commits_go_nowhere_ends_and_the_next_one_doubles_nothing(
    new_stage: NewStage, own_kafka: OwnKafka
) -> None:
    stage = new_stage()
    batch = events(EVENTS, seed=101)
    stage.publish(batch)
    watch = stage.watch_commits()
    own_kafka.proxy.commit_error = COORDINATOR_LOADS
    worker = stage.start(stall_s=STALL_S)
    begun = time.monotonic()
    assert worker.process.wait(60) == EXIT_STALLED, worker.said()
    assert time.monotonic() - begun > STALL_S
    assert "ending the process" in worker.said()
    own_kafka.proxy.heal()
    stage.start("next", stall_s=STALL_S)
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_exact(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)


@pytest.mark.parametrize("step", ["fetch", "complete"])
def test_a_worker_of_which_one_thread_hangs_ends_and_the_next_one_doubles_nothing(
    step: str, new_stage: NewStage
) -> None:
    stage = new_stage()
    batch = events(EVENTS, seed=106)
    stage.publish(batch.take(range(EVENTS // 2)))
    worker = stage.start(stall_s=STALL_S, batch_max=BATCH_MAX, poor={"hangs_in": step, "after": 3})
    worker.await_text(f"{step} hangs")
    stage.publish(batch.take(range(EVENTS // 2, EVENTS)))
    assert worker.process.wait(60) == EXIT_STALLED, worker.said()
    stage.start("next", stall_s=STALL_S)
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch), outcomes)


def test_a_worker_with_nothing_to_do_stays(new_stage: NewStage) -> None:
    """So does one that has no partition, while another works on them all."""
    stage = new_stage(partitions=1)
    batch = events(EVENTS, seed=102)
    workers = [stage.start(f"worker-{number}", stall_s=STALL_S) for number in range(2)]
    stage.publish(batch)
    stage.await_drained()
    time.sleep(LONG_S)
    assert all(worker.lives for worker in workers), stage.report()
    assert_run_was_exact(stage.settings, stage.oracle(batch), stage.outcomes())


def test_a_worker_that_waits_for_redis_stays(new_stage: NewStage, own_redis: OwnRedis) -> None:
    stage = new_stage(redis=own_redis.url)
    batch = events(EVENTS, seed=103)
    stage.publish(batch)
    worker = stage.start(stall_s=STALL_S, batch_max=BATCH_MAX)
    stage.await_scored(EVENTS // 4)
    own_redis.kill()
    assert stage.scored() < EVENTS, "the worker was too fast for Redis to die under it"
    time.sleep(LONG_S)
    assert worker.lives, worker.said()
    own_redis.start()
    stage.await_drained()
    assert_run_was_exact(stage.settings, stage.oracle(batch), stage.outcomes())


def test_a_worker_that_waits_for_kafka_stays(new_stage: NewStage, own_kafka: OwnKafka) -> None:
    stage = new_stage()
    batch = events(EVENTS, seed=104)
    stage.publish(batch)
    worker = stage.start(stall_s=STALL_S, batch_max=BATCH_MAX)
    stage.await_scored(EVENTS // 4)
    own_kafka.proxy.cut()
    assert stage.scored() < EVENTS, "the worker was too fast to be cut off at work"
    time.sleep(LONG_S)
    assert worker.lives, worker.said()
    own_kafka.proxy.heal()
    stage.await_drained()
    assert_run_was_exact(stage.settings, stage.oracle(batch), stage.outcomes())


def test_marks_of_transactions_at_the_end_of_the_log_are_no_lag(new_stage: NewStage) -> None:
    """They have offsets that no event ever gets; gaps before them must not hold a commit up."""
    stage = new_stage(partitions=1)
    batch = events(EVENTS, seed=105)
    topic = Topics(stage.settings.namespace).transactions(stage.settings.profile).name
    sender = Producer(
        {
            **stage.settings.confluent_config(),
            "partitioner": "murmur2_random",
            "transactional.id": stage.settings.namespace,
        }
    )
    sender.init_transactions(30)
    written = messages(batch)
    for begin in range(0, EVENTS, 100):
        sender.begin_transaction()
        for key, value in written[begin : begin + 100]:
            sender.produce(topic, value, key)
        sender.commit_transaction(30)
    worker = stage.start(stall_s=STALL_S)
    # The mark behind the last event is the last thing in the log.
    end = end_offsets(stage.settings)[0]
    stage.wait_for(lambda: committed(stage.settings).get(0, 0) >= end - 1)
    time.sleep(LONG_S)
    assert worker.lives, worker.said()
    outcomes = stage.outcomes()
    assert outcomes.scores.keys() == set(batch.event_id)
    assert not outcomes.repeated
