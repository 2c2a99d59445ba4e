"""Kafka takes no commit, or no outcome, or takes it and does not say so.

What was not acknowledged is not committed, and what was not committed may be sent again; neither
shows in what a consumer of the outcomes ends up with.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    IllegalGenerationError,
    NotCoordinatorForGroupError,
    RebalanceInProgressError,
    UnknownMemberIdError,
)
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from core.names import Topics, worker_group
from stream.work_thread import EXIT_BROKEN
from tests.faults.checks import assert_run_was_exact
from tests.faults.conftest import NewStage
from tests.faults.scale import scaled
from tests.faults.stage import Stage
from tests.servers.kafka_proxy import OFFSET_COMMIT, PRODUCE
from tests.servers.own_kafka import OwnKafka
from tests.stream.test_worker import events
from tests.stream.workers import committed

EVENTS = scaled(3_000)
#: So that the refusals meet a worker in the middle of its work.
BATCH_MAX = 64
#: Some commits, at one every half second.
REFUSED_S = 2.5

REFUSALS = [
    CoordinatorLoadInProgressError,
    NotCoordinatorForGroupError,
    RebalanceInProgressError,
    IllegalGenerationError,
    UnknownMemberIdError,
]


def assert_all_came_to_its_end(stage: Stage, seed: int) -> None:
    stage.await_drained()
    outcomes = stage.outcomes()
    assert_run_was_exact(stage.settings, stage.oracle(events(EVENTS, seed)), outcomes)


@pytest.mark.parametrize("error", REFUSALS, ids=lambda error: error.__name__)
def test_a_refused_commit_is_made_good_later(
    error: type[Exception], new_stage: NewStage, own_kafka: OwnKafka
) -> None:
    stage = new_stage()
    stage.publish(events(EVENTS, seed=71))
    watch = stage.watch_commits()
    worker = stage.start(batch_max=BATCH_MAX)
    stage.await_scored(EVENTS // 10)
    own_kafka.proxy.commit_error = error.errno  # type: ignore[attr-defined]
    stage.wait_for(lambda: own_kafka.proxy.refused > 0)
    held = committed(stage.settings)
    time.sleep(REFUSED_S)
    assert committed(stage.settings) == held
    own_kafka.proxy.heal()
    assert_all_came_to_its_end(stage, 71)
    watch.assert_commits_followed_outcomes(stage.outcomes())
    assert worker.lives, worker.said()


@pytest.mark.parametrize("kind", [OFFSET_COMMIT, PRODUCE], ids=["commit", "produce"])
@pytest.mark.parametrize("how", ["cut_on", "lose_reply_to"])
def test_a_request_that_is_lost_or_whose_reply_is_lost_is_made_again(
    kind: int, how: str, new_stage: NewStage, own_kafka: OwnKafka
) -> None:
    stage = new_stage()
    stage.publish(events(EVENTS, seed=72))
    watch = stage.watch_commits()
    worker = stage.start(batch_max=BATCH_MAX)
    stage.await_scored(EVENTS // 10)
    setattr(own_kafka.proxy, how, (kind,))
    stage.wait_for(lambda: own_kafka.proxy.refused > 0)
    time.sleep(REFUSED_S)
    own_kafka.proxy.heal()
    assert_all_came_to_its_end(stage, 72)
    watch.assert_commits_followed_outcomes(stage.outcomes())
    assert worker.lives, worker.said()
    # The producer is idempotent: the broker knows what it already has.
    assert kind == OFFSET_COMMIT or not stage.outcomes().repeated


def test_an_outcome_that_kafka_refuses_for_good_ends_the_worker_before_it_commits(
    new_stage: NewStage,
) -> None:
    """Nothing may be acknowledged that left no outcome, and no error may pass for one."""
    stage = new_stage()
    stage.publish(events(EVENTS, seed=73))
    watch = stage.watch_commits()
    limit_alerts(stage, 200)
    worker = stage.start(batch_max=BATCH_MAX)
    assert worker.process.wait(60) == EXIT_BROKEN, worker.said()
    assert not sum(committed(stage.settings).values())
    assert "Kafka refuses an outcome" in worker.said()
    limit_alerts(stage, 1_000_000)
    stage.start("next", batch_max=BATCH_MAX)
    assert_all_came_to_its_end(stage, 73)
    watch.assert_commits_followed_outcomes(stage.outcomes())


def test_a_worker_that_is_shut_out_of_its_group_ends_and_says_why(new_stage: NewStage) -> None:
    """Faust never asks its consumer for such an error, and would wait for ever."""
    stage = new_stage()
    batch = events(EVENTS, seed=74)
    stage.publish(batch.take(range(EVENTS // 2)))
    watch = stage.watch_commits()
    worker = stage.start(batch_max=BATCH_MAX)
    stage.await_drained()
    with shut_out(stage):
        assert worker.process.wait(60) != 0, worker.said()
        assert "GroupAuthorizationFailedError" in worker.said()
    stage.publish(batch.take(range(EVENTS // 2, EVENTS)))
    stage.start("next", batch_max=BATCH_MAX)
    assert_all_came_to_its_end(stage, 74)
    watch.assert_commits_followed_outcomes(stage.outcomes())


@contextmanager
def shut_out(stage: Stage) -> Iterator[None]:
    """Nobody may take part in the workers' group."""
    group = worker_group(stage.settings.namespace, stage.settings.profile)
    rule = AclBinding(
        ResourceType.GROUP, group, ResourcePatternType.LITERAL, "User:ANONYMOUS", "*",
        AclOperation.READ, AclPermissionType.DENY,
    )  # fmt: skip
    admin = AdminClient(stage.settings.confluent_config())
    for done in admin.create_acls([rule]).values():
        done.result(10)
    try:
        yield
    finally:
        filter_ = AclBindingFilter(
            rule.restype, rule.name, rule.resource_pattern_type, rule.principal, rule.host,
            rule.operation, rule.permission_type,
        )  # fmt: skip
        for done in admin.delete_acls([filter_]).values():
            assert done.result(10)


def limit_alerts(stage: Stage, size: int) -> None:
    """The broker is to take no larger batch of alerts."""
    resource = ConfigResource(
        ResourceType.TOPIC,
        Topics(stage.settings.namespace).alerts.name,
        incremental_configs=[
            ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
        ],
    )
    admin = AdminClient(stage.settings.confluent_config())
    for done in admin.incremental_alter_configs([resource]).values():
        done.result(10)
