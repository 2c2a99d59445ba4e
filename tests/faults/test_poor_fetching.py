"""Records that were fetched and never arrived are read again: no offset is passed over."""

from __future__ import annotations

import time

import numpy as np

from features.batch import EventBatch
from tests.faults.checks import assert_run_was_exact, assert_run_was_serial
from tests.faults.conftest import NewStage
from tests.faults.scale import scaled
from tests.faults.stage import Stage
from tests.stream.test_worker import events

EVENTS = scaled(2_000)
BATCH_MAX = 64
PARTS = 20


def publish_in_parts(stage: Stage, batch: EventBatch) -> None:
    """So that there is something to fetch again and again; a worker is at it from the first on."""
    for part in np.array_split(np.arange(len(batch)), PARTS):
        stage.publish(batch.take(part))
        stage.await_scored(int(part[0]) + 1)


def test_lists_that_are_lost_on_their_way_are_read_again_in_order(new_stage: NewStage) -> None:
    """Again and again: that the second try brings the same list does not mean it was deleted."""
    stage = new_stage()
    batch = events(EVENTS, seed=141)
    watch = stage.watch_commits()
    worker = stage.start(batch_max=BATCH_MAX, poor={"loses": 0.5})
    publish_in_parts(stage, batch)
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    said = worker.said()
    assert said.count("on purpose: lost") > 5
    assert "reading again" in said
    assert "no longer in the log" not in said
    assert not outcomes.repeated


def test_a_position_that_is_reset_under_a_fetch_goes_back_to_where_it_was(
    new_stage: NewStage,
) -> None:
    stage = new_stage()
    batch = events(EVENTS, seed=144)
    watch = stage.watch_commits()
    worker = stage.start(batch_max=BATCH_MAX, poor={"resets": 0.5})
    publish_in_parts(stage, batch)
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    said = worker.said()
    assert said.count("on purpose: reset") > 5
    assert "reading again" in said
    assert worker.lives, worker.said()
    assert not outcomes.repeated


def test_a_fetch_that_sleeps_through_a_rebalance_takes_nothing_from_the_next_assignment(
    new_stage: NewStage,
) -> None:
    stage = new_stage()
    batch = events(scaled(20_000), seed=142)
    watch = stage.watch_commits()
    stays = stage.start("stays", batch_max=BATCH_MAX, poor={"late_s": 1.0})
    stays.await_text("worker ready")
    with stage.steady_load(batch, per_s=400) as published:
        for turn in range(scaled(3)):
            guest = stage.start(f"guest-{turn}", batch_max=BATCH_MAX, poor={"late_s": 1.0})
            guest.await_text("FetchThread]: Starting")  # from then on it stops gracefully
            time.sleep(2.0)
            guest.stop_gracefully()
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch.take(published)), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    said = "".join(worker.said() for worker in stage.workers)
    assert "on purpose: put back" in said, "no fetch slept through a rebalance"
    assert "reading again" not in said
    assert stays.lives, stays.said()


def test_lists_lost_from_a_log_in_order_leave_the_features_of_offline(new_stage: NewStage) -> None:
    stage = new_stage(partitions=1)
    batch = events(EVENTS, seed=143)
    worker = stage.start(batch_max=BATCH_MAX, poor={"loses": 0.3})
    publish_in_parts(stage, batch)
    stage.await_drained()
    assert_run_was_exact(stage.settings, stage.oracle(batch), stage.outcomes())
    assert "reading again" in worker.said()
