"""State that is gone: the fence notices, and the log brings it back.

In each scenario one worker drains what was published in order, so state and features must in the
end be those of a run in which nothing happened, and nothing may be published twice for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from features.batch import EventBatch
from stack.ports import LOOPBACK
from tests.faults.checks import (
    assert_features,
    assert_run_was_exact,
    assert_state_holds_exactly_the_events,
)
from tests.faults.conftest import NewStage
from tests.faults.fault_worker import FaultWorker
from tests.faults.scale import SCALE, scaled
from tests.faults.stage import PACED, Stage
from tests.faults.state import StoredLogs
from tests.redis_cluster import LocalCluster, local_cluster
from tests.servers.own_redis import OwnRedis, cut_back, moment
from tests.servers.proxy import Proxy
from tests.stream.test_worker import events
from tests.stream.workers import committed, end_offsets

EVENTS = scaled(6_000)
#: So that a loss meets a worker in the middle of its work.
BATCH_MAX = 64
RESTORED = "fraudstream_restored_total"
#: What a worker says when it begins to read the whole log again, and when it has.
REBUILDING, REBUILT = "rebuilding (", "state rebuilt"
#: Each piece of data to and from Redis is so late where rebuilding must not be over at once.
SLOW_S = 0.1

Loss = Callable[[OwnRedis, Path], None]


def up_to_a_second(redis: OwnRedis, folder: Path) -> None:
    """Cut back to the moment that ``note`` noted."""
    redis.kill()
    redis.cut_back(int((folder / "moment").read_text()))
    redis.start()


def everything(redis: OwnRedis, folder: Path) -> None:
    del folder
    redis.kill()
    redis.empty()
    redis.start()


def an_older_backup(redis: OwnRedis, folder: Path) -> None:
    redis.kill()
    redis.restore(folder / "backup")
    redis.start()


def flushed(redis: OwnRedis, folder: Path) -> None:
    del folder
    redis.flush()


LOSSES = [up_to_a_second, everything, an_older_backup, flushed]
#: A fence that is behind and one that is gone; the other losses come to the same for a worker that
#: is not at work.
BOTH_KINDS = LOSSES if SCALE > 1 else LOSSES[:2]
#: Losses after which there is no fence, so that the whole log is read again.
ALL_IS_GONE = (everything, flushed)


def note(redis: OwnRedis, folder: Path) -> None:
    """Remember what the state is now, to go back to it later."""
    folder.mkdir(exist_ok=True)
    (folder / "moment").write_text(str(redis.moment()))
    redis.back_up(folder / "backup")


@pytest.fixture
def stage(new_stage: NewStage, own_redis: OwnRedis) -> Stage:
    return new_stage(redis=own_redis.url)


@pytest.fixture
def batch() -> EventBatch:
    return events(EVENTS, seed=31)


@pytest.fixture
def slow_stage(new_stage: NewStage, own_redis: OwnRedis, way_to_redis: Proxy) -> Stage:
    """One whose workers reach Redis through ``way_to_redis``."""
    through = f"redis://{LOOPBACK}:{way_to_redis.port}/0"
    return new_stage(redis=own_redis.url, redis_of_workers=through)


def assert_came_back(stage: Stage, worker: FaultWorker, batch: EventBatch) -> None:
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_exact(stage.settings, stage.oracle(batch), outcomes)
    assert not outcomes.repeated
    assert worker.lives, worker.said()
    assert worker.metric(RESTORED) > 0


@pytest.mark.parametrize("lose", LOSSES)
def test_state_lost_under_a_working_worker_comes_back_and_nothing_is_published_twice(
    lose: Loss, stage: Stage, own_redis: OwnRedis, batch: EventBatch, tmp_path: Path
) -> None:
    stage.publish(batch)
    worker = stage.start(batch_max=BATCH_MAX, poor=PACED)
    stage.await_scored(EVENTS // 10)
    note(own_redis, tmp_path)
    # Committed beyond the moment: what is lost now would not be read again by itself.
    before = sum(committed(stage.settings).values())
    stage.wait_for(lambda: sum(committed(stage.settings).values()) > before + EVENTS // 10)
    lose(own_redis, tmp_path)
    assert stage.scored() < EVENTS, "the worker was too fast for the loss to meet it at work"
    assert_came_back(stage, worker, batch)
    assert ("rebuil" in worker.said()) == (lose in ALL_IS_GONE)


@pytest.mark.parametrize("lose", BOTH_KINDS)
def test_state_lost_under_an_idle_worker_is_back_before_the_next_event_is_scored(
    lose: Loss, new_stage: NewStage, own_redis: OwnRedis, batch: EventBatch, tmp_path: Path
) -> None:
    # One partition: what comes over several while a worker waits for it is merged as it comes.
    stage = new_stage(redis=own_redis.url, partitions=1)
    first, second = EVENTS // 3, 2 * EVENTS // 3
    worker = stage.start(batch_max=BATCH_MAX)
    stage.publish(batch.take(range(first)))
    stage.await_drained()
    note(own_redis, tmp_path)
    stage.publish(batch.take(range(first, second)))
    stage.await_drained()
    lose(own_redis, tmp_path)
    stage.publish(batch.take(range(second, EVENTS)))
    assert_came_back(stage, worker, batch)


@pytest.mark.parametrize("lose", BOTH_KINDS)
def test_state_lost_while_no_worker_runs_is_found_at_the_start(
    lose: Loss, stage: Stage, own_redis: OwnRedis, batch: EventBatch, tmp_path: Path
) -> None:
    first, second = EVENTS // 3, 2 * EVENTS // 3
    for number, part in enumerate((range(first), range(first, second))):
        note(own_redis, tmp_path / str(number))
        stage.publish(batch.take(part))
        worker = stage.start(f"before-{number}")
        stage.await_drained()
        worker.stop_gracefully()
    lose(own_redis, tmp_path / "1")
    stage.publish(batch.take(range(second, EVENTS)))
    worker = stage.start("after")
    assert_came_back(stage, worker, batch)
    assert ("rebuil" in worker.said()) == (lose in ALL_IS_GONE)


def test_a_second_loss_while_the_first_is_being_repaired_is_repaired_too(
    slow_stage: Stage,
    own_redis: OwnRedis,
    way_to_redis: Proxy,
    batch: EventBatch,
    tmp_path: Path,
) -> None:
    stage = slow_stage
    stage.publish(batch)
    worker = stage.start(batch_max=BATCH_MAX, poor=PACED)
    stage.await_scored(3 * EVENTS // 10)
    way_to_redis.delay_s = SLOW_S
    for turn in range(3):
        everything(own_redis, tmp_path)
        stage.wait_for(partial(_has_begun, worker, turn + 1))
        assert REBUILT not in worker.said(), "rebuilt before the next loss"
    way_to_redis.heal()
    assert_came_back(stage, worker, batch)
    assert worker.said().count(REBUILT) == 1


def _has_begun(worker: FaultWorker, times: int) -> bool:
    return worker.said().count(REBUILDING) >= times


def test_a_worker_killed_while_it_restores_leaves_the_rest_to_the_next(
    slow_stage: Stage,
    own_redis: OwnRedis,
    way_to_redis: Proxy,
    batch: EventBatch,
    tmp_path: Path,
) -> None:
    stage = slow_stage
    half = EVENTS // 2
    stage.publish(batch.take(range(half)))
    stage.start("first").await_text("worker ready")
    stage.await_drained()
    stage.workers[0].kill()
    everything(own_redis, tmp_path)
    stage.publish(batch.take(range(half, EVENTS)))
    way_to_redis.delay_s = SLOW_S
    second = stage.start("second", batch_max=16)
    second.await_text(REBUILDING)
    second.kill()
    assert REBUILT not in second.said(), "rebuilt before it was killed"
    way_to_redis.heal()
    worker = stage.start("third")
    assert_came_back(stage, worker, batch)


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with local_cluster(folder) as cluster:
        yield cluster


def test_a_cluster_node_that_lost_its_last_second_gets_it_back_from_the_log(
    new_stage: NewStage, own_cluster: LocalCluster, batch: EventBatch
) -> None:
    stage = new_stage(redis=own_cluster.url)
    node = own_cluster.nodes[2]
    stage.publish(batch)
    worker = stage.start(batch_max=BATCH_MAX, poor=PACED)
    stage.await_scored(EVENTS // 10)
    then = moment(node.folder)
    before = sum(committed(stage.settings).values())
    stage.wait_for(lambda: sum(committed(stage.settings).values()) > before + EVENTS // 10)
    node.kill()
    cut_back(node.folder, then)
    node.start()
    assert stage.scored() < EVENTS, "the worker was too fast for the loss to meet it at work"
    assert_came_back(stage, worker, batch)


def test_two_workers_whose_state_was_lost_restore_every_partition(
    stage: Stage, own_redis: OwnRedis, batch: EventBatch, tmp_path: Path
) -> None:
    """Their pace decides what devices shared between them look like; the events are all there."""
    stage.publish(batch)
    for number in range(2):
        stage.start(f"worker-{number}", batch_max=BATCH_MAX, poor=PACED)
    stage.await_scored(EVENTS // 3)
    everything(own_redis, tmp_path)
    stage.await_drained()
    outcomes = stage.outcomes()
    oracle = stage.oracle(batch)
    assert outcomes.scores.keys() == outcomes.alerts.keys() == set(batch.event_id)
    assert not outcomes.repeated
    assert_state_holds_exactly_the_events(oracle, StoredLogs(stage.settings))
    # A user's events are one worker's.
    assert_features(oracle, outcomes, oracle.offline(), of="user_")


def test_a_backup_from_before_the_log_begins_is_made_whole_as_far_as_the_log_reaches(
    stage: Stage, own_redis: OwnRedis, batch: EventBatch, tmp_path: Path
) -> None:
    first, second = range(EVENTS // 3), range(EVENTS // 3, 2 * EVENTS // 3)
    ends = {}
    for number, part in enumerate((first, second)):
        stage.publish(batch.take(part))
        worker = stage.start(f"before-{number}")
        stage.await_drained()
        worker.stop_gracefully()
        note(own_redis, tmp_path / str(number))
        ends[number] = end_offsets(stage.settings)
    # Retention has taken the first half of what came after the backup.
    begins = {one: (ends[0][one] + ends[1][one]) // 2 for one in ends[0]}
    stage.delete_records(begins)
    an_older_backup(own_redis, tmp_path / "0")
    stage.publish(batch.take(range(2 * EVENTS // 3, EVENTS)))
    worker = stage.start("after")
    stage.await_drained()
    assert "state rebuilt from the log, complete since 2" in worker.said()
    outcomes = stage.outcomes()
    assert outcomes.scores.keys() == set(batch.event_id)
    assert not outcomes.repeated
    gone = {
        event_id
        for event_id, copies in outcomes.scores.items()
        for origin in [copies[0].content["origin"]]
        if ends[0][origin["partition"]] <= origin["offset"] < begins[origin["partition"]]
    }
    kept = [row for row, one in enumerate(batch.event_id) if one not in gone]
    assert 0 < len(gone) < EVENTS // 3
    oracle = stage.oracle(batch.take(kept))
    assert_state_holds_exactly_the_events(oracle, StoredLogs(stage.settings))
    later = set(batch.event_id[2 * EVENTS // 3 :])
    assert_features(oracle, outcomes.of(later), oracle.offline())
