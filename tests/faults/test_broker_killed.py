"""The broker dies and comes back, or falls silent for so long that it gives its members up.

What was acknowledged is in its log, since only the process dies; what was not may be sent again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.faults.checks import assert_run_was_exact, assert_run_was_serial
from tests.faults.conftest import NewStage
from tests.faults.fault_worker import IMPATIENT, FaultWorker
from tests.faults.scale import scaled
from tests.faults.stage import PACED, Stage
from tests.servers.own_kafka import OwnKafka
from tests.stream.test_worker import events

EVENTS = scaled(6_000)
#: So that the broker meets workers in the middle of their work.
BATCH_MAX = 64
ROUNDS = scaled(1)
HASTY = {**IMPATIENT, "broker_max_poll_interval": 2.0}
#: Longer than the session and than the poll interval.
SILENCE_S = 2 * IMPATIENT["broker_session_timeout"]
SCORED = "fraudstream_transactions_total"
REBALANCES = "fraudstream_rebalances_total"
#: How often it falls silent, at most, until it has given members up.
TRIES = 4
#: How long the broker stays away, beside the time that it takes to start.
AWAY_S = 1.0


@pytest.fixture
def broker(own_kafka: OwnKafka) -> Iterator[OwnKafka]:
    """The workers' broker; it is running again when the scenario is over, however that ended."""
    yield own_kafka
    own_kafka.thaw()
    if own_kafka.process.poll() is not None:
        own_kafka.start()


def test_a_broker_killed_under_a_working_worker_costs_no_event_and_no_restart(
    new_stage: NewStage, broker: OwnKafka
) -> None:
    stage = new_stage()
    batch = events(EVENTS, seed=41)
    stage.publish(batch)
    watch = stage.watch_commits()
    worker = stage.start(batch_max=BATCH_MAX, poor=PACED)
    for turn in range(ROUNDS):
        stage.await_scored((turn + 1) * EVENTS // (ROUNDS + 3))
        broker.kill()
        assert worker.metric(SCORED) < EVENTS, (
            "the worker was too fast for the broker to die under it"
        )
        time.sleep(AWAY_S)
        broker.start()
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_exact(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    assert worker.lives, worker.said()
    said = worker.said()
    assert said.count("holding the line") == said.count("answers again") == ROUNDS, said
    assert len(said.splitlines()) < 20 + 10 * ROUNDS, said


def test_a_broker_killed_under_two_workers_while_events_keep_coming(
    new_stage: NewStage, broker: OwnKafka
) -> None:
    stage = new_stage()
    batch = events(EVENTS, seed=42)
    watch = stage.watch_commits()
    for number in range(2):
        stage.start(f"worker-{number}", batch_max=BATCH_MAX, poor=PACED)
    for worker in stage.workers:
        worker.await_text("worker ready")
    parts = np.array_split(np.arange(EVENTS), ROUNDS + 1)
    for part in parts[:-1]:
        for some in np.array_split(part, 10):
            stage.publish(batch.take(some))
            time.sleep(0.1)
        broker.kill()
        time.sleep(AWAY_S)
        broker.start()
    stage.publish(batch.take(parts[-1]))
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    assert all(worker.lives for worker in stage.workers), stage.report()


def started_as_it_dies(stage: Stage, broker: OwnKafka, signal: Path) -> FaultWorker:
    """A worker whose consumer does not find the broker that it has just asked for its topics."""
    worker = stage.start(poor={"starts_with": str(signal)})
    worker.await_text("on purpose: waits")
    broker.kill()
    signal.touch()
    worker.await_text("holding the line")
    return worker


def test_a_broker_killed_under_a_starting_worker_costs_no_restart(
    new_stage: NewStage, broker: OwnKafka, tmp_path: Path
) -> None:
    """It has been asked for its topics, and is gone when the consumer looks for it."""
    stage = new_stage()
    batch = events(EVENTS, seed=45)
    stage.publish(batch)
    worker = started_as_it_dies(stage, broker, tmp_path / "go")
    time.sleep(AWAY_S)
    assert "worker ready" not in worker.said()
    broker.start()
    stage.await_drained()
    assert_run_was_exact(stage.settings, stage.oracle(batch), stage.outcomes())
    assert worker.lives, worker.said()
    said = worker.said()
    # The publisher finds out for itself, when it has something to publish.
    assert 1 <= said.count("holding the line") == said.count("answers again") <= 2, said
    assert said.count("worker ready") == 1, said
    assert "Traceback" not in said


def test_a_worker_that_finds_no_broker_stops_when_told_to(
    new_stage: NewStage, broker: OwnKafka, tmp_path: Path
) -> None:
    stage = new_stage()
    worker = started_as_it_dies(stage, broker, tmp_path / "go")
    worker.stop_gracefully()
    assert "Traceback" not in worker.said()


def test_a_broker_silent_for_longer_than_the_session_costs_nothing(
    new_stage: NewStage, broker: OwnKafka
) -> None:
    stage = new_stage()
    batch = events(EVENTS, seed=43)
    stage.publish(batch)
    watch = stage.watch_commits()
    worker = stage.start(impatient=HASTY, batch_max=BATCH_MAX, poor=PACED)
    for turn in range(ROUNDS):
        stage.await_scored((turn + 1) * EVENTS // (ROUNDS + 3))
        broker.freeze()
        assert worker.metric(SCORED) < EVENTS, "the worker was too fast for the silence to meet it"
        time.sleep(SILENCE_S)
        broker.thaw()
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_exact(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    assert worker.lives, worker.said()


def test_a_silent_broker_that_gives_both_workers_up_takes_both_back(
    new_stage: NewStage, broker: OwnKafka
) -> None:
    stage = new_stage()
    batch = events(EVENTS, seed=44)
    half = EVENTS // 2
    stage.publish(batch.take(range(half)))
    watch = stage.watch_commits()
    for number in range(2):
        stage.start(f"worker-{number}", HASTY, batch_max=BATCH_MAX, poor=PACED)
    stage.await_scored(EVENTS // 6)

    def rebalances() -> float:
        return sum(worker.metric(REBALANCES) for worker in stage.workers)

    before = rebalances()
    # Whether it gives them up or reads first what they have sent in the meantime is luck.
    for _ in range(TRIES):
        broker.freeze()
        time.sleep(SILENCE_S)
        broker.thaw()
        time.sleep(IMPATIENT["broker_session_timeout"])
        if rebalances() > before:
            break
    else:  # it is busy, and reads first each time: so that there is nothing to read
        for worker in stage.workers:
            worker.freeze()
        time.sleep(1)  # what they have asked is answered
        broker.freeze()
        time.sleep(SILENCE_S)
        broker.thaw()
        time.sleep(1)
        for worker in stage.workers:
            worker.thaw()
        stage.wait_for(lambda: rebalances() > before)
    stage.publish(batch.take(range(half, EVENTS)))
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    assert all(worker.lives for worker in stage.workers), stage.report()
