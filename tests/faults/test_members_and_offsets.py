"""What a group and a log may come to that is no outage: idle members, deleted and skipped offsets.

Each is something that Faust, or a consumer built on it, has been stuck on.
"""

from __future__ import annotations

from confluent_kafka import Producer

from core.names import Topics
from tests.faults.checks import (
    assert_each_event_has_one_outcome,
    assert_features,
    assert_run_was_exact,
    assert_run_was_serial,
)
from tests.faults.conftest import NewStage
from tests.faults.scale import scaled
from tests.faults.stage import Stage
from tests.stream.test_worker import events, messages
from tests.stream.workers import committed, end_offsets

EVENTS = scaled(3_000)
BATCH_MAX = 64


def topic_of(stage: Stage) -> str:
    return Topics(stage.settings.namespace).transactions(stage.settings.profile).name


def test_a_worker_without_partitions_takes_over_when_another_dies(new_stage: NewStage) -> None:
    """More workers than partitions are no reason to hang, for none of them."""
    stage = new_stage(partitions=2)
    batch = events(EVENTS, seed=121)
    third = EVENTS // 3
    stage.publish(batch.take(range(third)))
    workers = [stage.start(f"worker-{number}", batch_max=BATCH_MAX) for number in range(4)]
    stage.await_drained()
    for part, dying in ((1, workers[:1]), (2, workers[2:])):
        stage.publish(batch.take(range(part * third, EVENTS if part == 2 else 2 * third)))
        for worker in dying:
            worker.kill()
        stage.await_drained()
    assert_run_was_serial(stage.settings, stage.oracle(batch), stage.outcomes())


def test_offsets_that_no_event_has_are_passed_over(new_stage: NewStage) -> None:
    """Marks of transactions, and events of one that was given up, which this worker reads."""
    stage = new_stage(partitions=1)
    batch = events(EVENTS, seed=122)
    sender = Producer(
        {**stage.settings.confluent_config(), "transactional.id": stage.settings.namespace}
    )
    sender.init_transactions(30)
    written = messages(batch)
    for number, begin in enumerate(range(0, EVENTS, 100)):
        sender.begin_transaction()
        for key, value in written[begin : begin + 100]:
            sender.produce(topic_of(stage), value, key)
        sender.flush(30)
        (sender.commit_transaction if number % 3 else sender.abort_transaction)(30)
    stage.start(batch_max=BATCH_MAX)
    stage.wait_for(lambda: _behind(stage) <= 1)  # the last mark is behind the last event
    outcomes = stage.outcomes()
    oracle = stage.oracle(batch)
    assert_each_event_has_one_outcome(oracle, outcomes, oracle.offline())
    assert_features(oracle, outcomes, oracle.offline())
    assert not outcomes.repeated


def test_a_log_that_was_cut_behind_the_committed_offset_is_read_from_where_it_begins(
    new_stage: NewStage,
) -> None:
    """Nobody can score what retention has deleted; the rest must not wait for it."""
    stage = new_stage()
    batch = events(EVENTS, seed=123)
    third = EVENTS // 3
    stage.publish(batch.take(range(third)))
    worker = stage.start("before")
    stage.await_drained()
    worker.stop_gracefully()
    stage.publish(batch.take(range(third, 2 * third)))
    stage.delete_records(end_offsets(stage.settings))
    stage.publish(batch.take(range(2 * third, EVENTS)))
    stage.start("after")
    stage.await_drained()
    kept = batch.take([*range(third), *range(2 * third, EVENTS)])
    assert_run_was_exact(stage.settings, stage.oracle(kept), stage.outcomes())


def _behind(stage: Stage) -> int:
    return sum(end_offsets(stage.settings).values()) - sum(committed(stage.settings).values())
