"""A real worker whose state is in a Redis Cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot

from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings, load_settings
from tests.redis_cluster import LocalCluster, local_cluster
from tests.stream.test_worker import (
    ALERT_ALL,
    PARTITIONS,
    assert_features_equal_offline,
    await_committed,
    events,
    messages,
)
from tests.stream.workers import Reader, publish, running_worker

pytestmark = pytest.mark.integration


def on_cluster(
    settings: Settings, cluster: LocalCluster, install_model: Callable[[Settings], None]
) -> Settings:
    """The settings with the cluster as state store, topics of four partitions and a champion."""
    own = load_settings(**{**settings.model_dump(), "redis": cluster.url})
    install_model(own)
    ensure_topics(own, Topics(own.namespace).all(own.profile), PARTITIONS)
    return own


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    with local_cluster(tmp_path) as cluster:
        yield cluster


def test_filled_topic_drained_over_a_cluster_gives_offline_features(
    settings: Settings,
    redis_cluster: LocalCluster,
    tmp_path: Path,
    install_model: Callable[[Settings], None],
) -> None:
    own = on_cluster(settings, redis_cluster, install_model)
    batch = events(6000, seed=11)
    publish(own, messages(batch))
    reader = Reader(own)
    with running_worker(own, tmp_path / "worker.log", **ALERT_ALL):
        found = reader.read_until(len(batch))
        await_committed(own)
    reader.close()
    assert found.scored_ids == {alert["event_id"] for alert in found.alerts} == set(batch.event_id)
    assert_features_equal_offline(found.alerts, batch)
    for node in redis_cluster.nodes:
        assert node.client.keys(f"{own.namespace}:*")


def test_slots_that_move_and_a_node_that_dies_under_a_worker_change_no_feature(
    settings: Settings,
    own_cluster: LocalCluster,
    tmp_path: Path,
    install_model: Callable[[Settings], None],
) -> None:
    own = on_cluster(settings, own_cluster, install_model)
    batch = events(20_000, seed=12)
    publish(own, messages(batch))
    reader = Reader(own)
    small = {**ALERT_ALL, "FRAUDSTREAM_BATCH_MAX": "8"}
    first, second, third = own_cluster.nodes
    with running_worker(own, tmp_path / "worker.log", **small) as worker:
        reader.read_until(500)
        keys: list[Any] = first.client.keys(f"{own.namespace}:*")
        slots = sorted({key_slot(key) for key in keys})[:60]
        for slot in slots:
            own_cluster.begin_move(slot, second)
            own_cluster.move_keys(slot, second)
        reader.read_until(len(reader.published.scored_ids) + 2000)
        for slot in slots:
            own_cluster.move_keys(slot, second)
        own_cluster.end_move(second, *slots)
        reader.read_until(len(reader.published.scored_ids) + 2000)
        third.kill()
        worker.await_text("holding the line")  # so it was still at work while the slots moved
        third.start()
        found = reader.read_until(len(batch))
        assert worker.process.poll() is None
    reader.close()
    assert found.scored_ids == set(batch.event_id)
    assert_features_equal_offline(found.alerts, batch)
