"""Partitions change hands while work is under way, and while the work cannot get on."""

from __future__ import annotations

import time

from aiokafka.errors import GroupLoadInProgressError

from core.names import worker_group
from stack.ports import LOOPBACK
from stream.transport import DRAIN_S
from tests.faults.checks import assert_run_was_serial
from tests.faults.conftest import NewStage
from tests.faults.scale import scaled
from tests.faults.stage import PARTITIONS
from tests.servers.own_kafka import OwnKafka
from tests.servers.own_redis import OwnRedis
from tests.servers.proxy import Proxy
from tests.stream.test_worker import events

EVENTS = scaled(4_000)
BATCH_MAX = 32
#: Events that come in while members come and go.
PER_S = 800
SCORED = "fraudstream_transactions_total"
#: Answers of Redis come, but so slowly that a revocation does not wait for the batches in work.
SLOW_S = 3.0


def test_members_that_come_and_go_under_load_double_and_lose_nothing(new_stage: NewStage) -> None:
    stage = new_stage()
    batch = events(scaled(40_000), seed=131)
    watch = stage.watch_commits()
    stays = stage.start("stays", batch_max=BATCH_MAX)
    stays.await_text("worker ready")
    with stage.steady_load(batch, PER_S) as published:
        for turn in range(scaled(3)):
            guest = stage.start(f"guest-{turn}", batch_max=BATCH_MAX)
            guest.await_text("worker ready")
            guest.await_metric(SCORED)
            guest.stop_gracefully()
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch.take(published)), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    assert stays.lives, stays.said()


def test_partitions_that_are_taken_away_while_redis_is_slow_cost_no_worker_its_life(
    new_stage: NewStage, own_redis: OwnRedis, way_to_redis: Proxy
) -> None:
    through = f"redis://{LOOPBACK}:{way_to_redis.port}/0"
    stage = new_stage(redis=own_redis.url, redis_of_workers=through)
    batch = events(EVENTS, seed=132)
    stage.publish(batch)
    watch = stage.watch_commits()
    first = stage.start("first", batch_max=BATCH_MAX)
    stage.await_scored(EVENTS // 10)
    second = stage.start("second", batch_max=BATCH_MAX)
    second.await_text("worker ready")  # it joins the group a moment later
    way_to_redis.delay_s = SLOW_S
    first.await_text("rebalancing")
    assert stage.scored() < EVENTS, "the worker was too fast for the slowness to meet it at work"
    time.sleep(DRAIN_S + SLOW_S)
    way_to_redis.heal()
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    assert first.lives, first.said()
    assert second.lives, second.said()


def test_commits_that_were_not_taken_before_a_rebalance_move_nothing_back_after_it(
    new_stage: NewStage, own_kafka: OwnKafka
) -> None:
    stage = new_stage()
    batch = events(EVENTS, seed=133)
    stage.publish(batch)
    watch = stage.watch_commits()
    first = stage.start("first", batch_max=BATCH_MAX)
    stage.await_scored(EVENTS // 10)
    # A client is to try again when it is told so, and the first worker does while it loses some
    # of its partitions.
    own_kafka.proxy.commit_error = GroupLoadInProgressError.errno
    stage.wait_for(lambda: own_kafka.proxy.refused > 0)
    second = stage.start("second", batch_max=BATCH_MAX)
    group = worker_group(stage.settings.namespace, stage.settings.profile)

    def each_wants_to_commit_its_own() -> bool:
        wanted = [offsets for of, offsets in own_kafka.proxy.refused_commits if of == group]
        return len({one for offsets in wanted if len(offsets) < PARTITIONS for one in offsets}) == (
            PARTITIONS
        )

    stage.wait_for(each_wants_to_commit_its_own)
    own_kafka.proxy.heal()
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_serial(stage.settings, stage.oracle(batch), outcomes)
    watch.assert_commits_followed_outcomes(outcomes)
    assert first.lives, first.said()
    assert second.lives, second.said()
    reached: dict[int, int] = {}
    for committing, offsets in own_kafka.proxy.commits:
        for partition, offset in offsets.items() if committing == group else ():
            assert offset >= reached.get(partition, 0), f"partition {partition} went back"
            reached[partition] = offset
