"""Events that are delivered again change neither state nor outcomes, whoever delivers them."""

from __future__ import annotations

import numpy as np
from confluent_kafka import Consumer, TopicPartition

from core.names import Topics, worker_group
from tests.faults.checks import assert_run_was_exact, assert_run_was_serial
from tests.faults.conftest import NewStage
from tests.faults.scale import scaled
from tests.faults.stage import Stage
from tests.stream.test_worker import events
from tests.stream.workers import committed

EVENTS = scaled(4_000)


def seek_back(stage: Stage, offsets: dict[int, int]) -> None:
    """Move what the group has committed, as an operator does while no worker runs."""
    topic = Topics(stage.settings.namespace).transactions(stage.settings.profile).name
    consumer = Consumer(
        {
            **stage.settings.confluent_config(),
            "group.id": worker_group(stage.settings.namespace, stage.settings.profile),
            "enable.auto.commit": False,
        }
    )
    consumer.commit(
        offsets=[TopicPartition(topic, one, offset) for one, offset in offsets.items()],
        asynchronous=False,
    )
    consumer.close()


def test_offsets_that_were_sought_back_double_nothing(new_stage: NewStage) -> None:
    stage = new_stage()
    batch = events(EVENTS, seed=81)
    rng = np.random.default_rng(81)
    half = EVENTS // 2
    repeated = 0
    for turn, part in enumerate([range(half), range(half, EVENTS), range(0)]):
        stage.publish(batch.take(part))
        worker = stage.start(f"worker-{turn}")
        stage.await_drained()
        worker.stop_gracefully()
        if len(part):
            reached = committed(stage.settings)
            # Of one partition everything, of the others a random part.
            back = {one: int(rng.integers(0, end)) for one, end in reached.items()} | {turn: 0}
            seek_back(stage, back)
            repeated = sum(reached.values()) - sum(back.values())
    outcomes = stage.outcomes()
    assert outcomes.repeated >= repeated
    assert_run_was_exact(stage.settings, stage.oracle(batch), outcomes)
    assert "restor" not in worker.said()


def test_events_that_a_sender_sent_twice_double_nothing(new_stage: NewStage) -> None:
    """They lie in the log at other offsets and are scored there; what is said is the same."""
    stage = new_stage()
    batch = events(EVENTS, seed=82)
    worker = stage.start()
    stage.publish(batch)
    # A file sent again from its middle, and one that two senders sent at the same time.
    stage.publish(batch.take(range(EVENTS // 2, EVENTS)))
    stage.publish(batch.take(np.repeat(np.arange(EVENTS // 4), 2)))
    stage.await_drained()
    outcomes = stage.outcomes()
    assert outcomes.repeated == EVENTS // 4 + EVENTS // 2
    assert_run_was_serial(stage.settings, stage.oracle(batch), outcomes)
    assert worker.lives, worker.said()
