"""Workers count what they score, add up what all have counted, and show the drift of the whole."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from redis import Redis, RedisError

from core import metrics as declared
from core.errors import StateError
from core.names import DAY_MS
from core.settings import Settings
from features.declared import declared_features
from model.drift.bins import Bins, bins_of
from model.drift.days import REFERENCES, DayCounts
from model.registry import ModelVersion, Registry
from stream.drift_watch import DriftWatch
from stream.metrics import WorkerMetrics
from tests.model.test_drift import matrix_of, scores_of

pytestmark = pytest.mark.integration
DAY = 20_000
#: No more than this of a micro-batch, and each event is counted.
PIECE = 60


@pytest.fixture(scope="module")
def bins() -> tuple[Bins, ...]:
    return bins_of(declared_features("ecommerce"), matrix_of(4_000), scores_of(4_000))


@pytest.fixture
def version(
    settings: Settings, install_model: Callable[[Settings], None], bins: tuple[Bins, ...]
) -> ModelVersion:
    """The small model with bins."""
    install_model(settings)
    found = Registry(settings.models).load(settings.profile)
    return replace(found, metadata=msgspec.structs.replace(found.metadata, drift=bins))


class Stream:
    """Forty days of events, the last week of them shifted."""

    def __init__(self) -> None:
        n = 40 * PIECE
        day = np.repeat(np.arange(DAY - 39, DAY + 1), PIECE)
        self.time_ms = day * DAY_MS
        calm, other = matrix_of(n, 1), matrix_of(n, 2, shift=1.5, moved=40)
        self.matrix = np.where((day > DAY - 7)[:, None], other, calm)
        self.score = scores_of(n, 1)

    def piece(self, number: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        rows = slice(number * PIECE, (number + 1) * PIECE)
        return self.time_ms[rows], self.matrix[rows], self.score[rows]


def shown(metrics: WorkerMetrics) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name in (declared.FEATURE_PSI.name, declared.DRIFTED.name)
    }


def test_workers_that_share_the_events_show_the_drift_of_all_of_them(
    settings: Settings, version: ModelVersion, bins: tuple[Bins, ...]
) -> None:
    stream = Stream()
    watches = []
    for number in range(2):
        metrics = WorkerMetrics("ecommerce")
        watches.append((DriftWatch(settings, metrics), metrics))
        for piece in range(40):
            rows = slice(number, None, 2)
            columns = [column[rows] for column in stream.piece(piece)]
            watches[-1][0].count(version, *columns)
    for _ in range(2):  # once more changes nothing
        for watch, _metrics in watches:
            watch.look()
    watches[0][0].look()
    whole = DayCounts(bins)
    for piece in range(40):
        whole.add(*stream.piece(piece))
    found = [shown(metrics) for _, metrics in watches]
    assert found[0] == found[1]
    for reference, drift in whole.drift(whole.days, DAY).items():
        assert drift.drifted
        assert found[0][declared.DRIFTED.name, "ecommerce", reference] == 1
        for one in drift.features:
            key = (declared.FEATURE_PSI.name, "ecommerce", one.name, reference)
            assert found[0][key] == pytest.approx(one.psi)
    assert len(found[0]) == len(REFERENCES) * (len(bins) + 1)


def test_what_a_worker_counted_outlives_it_and_is_not_kept_for_ever(
    settings: Settings, version: ModelVersion, redis_url: str
) -> None:
    stream = Stream()
    before = DriftWatch(settings, WorkerMetrics("ecommerce"))
    for piece in range(39):
        before.count(version, *stream.piece(piece))
    before.look()
    metrics = WorkerMetrics("ecommerce")
    after = DriftWatch(settings, metrics)
    after.count(version, *stream.piece(39))
    after.look()
    assert shown(metrics)[declared.DRIFTED.name, "ecommerce", "trailing"] == 1
    client = Redis.from_url(redis_url)
    keys = list(client.scan_iter(f"{settings.namespace}:*"))
    assert len(keys) == 36  # those in memory when it wrote, and the last day
    assert all(0 < client.ttl(key) <= 90 * 86_400 for key in keys)


def test_few_events_show_nothing_and_another_version_begins_anew(
    settings: Settings, version: ModelVersion
) -> None:
    stream, metrics = Stream(), WorkerMetrics("ecommerce")
    watch = DriftWatch(settings, metrics)
    watch.count(version, *stream.piece(39))
    watch.look()
    assert shown(metrics) == {}
    for piece in range(39):
        watch.count(version, *stream.piece(piece))
    watch.look()
    assert shown(metrics)
    watch.count(replace(version), *stream.piece(39))
    assert shown(metrics) == {}


def test_a_version_without_bins_is_said_once(
    settings: Settings, version: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    metrics = WorkerMetrics("ecommerce")
    watch = DriftWatch(settings, metrics)
    plain = replace(version, metadata=msgspec.structs.replace(version.metadata, drift=()))
    with caplog.at_level(logging.WARNING):
        for piece in range(3):
            watch.count(plain, *Stream().piece(piece))
        watch.look()
    assert caplog.text.count("without bins for drift") == 1
    assert shown(metrics) == {}


def test_what_could_not_be_written_is_written_when_redis_is_back(
    settings: Settings, version: ModelVersion
) -> None:
    stream, metrics = Stream(), WorkerMetrics("ecommerce")
    watch = DriftWatch(settings, metrics)
    for piece in range(40):
        watch.count(version, *stream.piece(piece))
    there = watch._url
    watch._url = "redis://127.0.0.1:1/0"
    with pytest.raises((RedisError, OSError, StateError)):
        watch.look()
    watch._url = there
    watch.look()
    assert shown(metrics)[declared.DRIFTED.name, "ecommerce", "trailing"] == 1
