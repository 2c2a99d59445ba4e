"""Drift: bins add up, the index is its definition, and it is declared only where it is there."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.stats import chi2_contingency

from core.names import DAY_MS
from features.countries import load_country_table
from features.csv_source import read_transactions
from features.declared import declared_features
from features.offline import compute_features
from model.drift.bins import BINS, SCORE, UNKNOWN, Binning, Bins, bins_of, reference_counts
from model.drift.days import DAYS, DayCounts
from model.drift.drift import LEAST_EVENTS, compare_counts, p_value, psi_of
from model.drift.history import DriftHistory, drift_history
from producer.sample import SampleOptions, write_sample

FEATURES = declared_features("ecommerce")
COUNTS = arrays.arrays(np.int64, 11, elements=st.integers(0, 10_000))


def matrix_of(n: int, seed: int = 0, shift: float = 0.0, moved: int = 0) -> np.ndarray:
    """Rows with numbers, unknown values and codes; the first ``moved`` numbers shifted."""
    rng = np.random.default_rng(seed)
    values = rng.exponential(1.0, (n, len(FEATURES)))
    numbers = [at for at, one in enumerate(FEATURES) if not one.categories]
    values[:, numbers[:moved]] += shift
    values[rng.random(values.shape) < 0.05] = np.nan
    for column, one in enumerate(FEATURES):
        if one.categories:
            values[:, column] = rng.integers(0, len(one.categories), n)
    return values.astype(np.float32)


def scores_of(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(n).astype(np.float32)


@pytest.fixture(scope="module")
def bins() -> tuple[Bins, ...]:
    return bins_of(FEATURES, matrix_of(4_000), scores_of(4_000))


def test_every_event_lies_in_one_bin_of_every_feature(bins: tuple[Bins, ...]) -> None:
    counts = reference_counts(bins)
    assert counts.shape == (len(FEATURES) + 1, BINS)
    assert (counts.sum(axis=1) == 4_000).all()
    assert [one.name for one in bins] == [*(one.name for one in FEATURES), SCORE]
    unknown = np.isnan(matrix_of(4_000)).sum(axis=0)
    np.testing.assert_array_equal(counts[:-1, UNKNOWN], unknown)


def test_bins_are_those_of_a_plain_loop(bins: tuple[Bins, ...]) -> None:
    matrix, score = matrix_of(200, seed=1), scores_of(200, seed=1)
    expected = np.zeros((len(bins), BINS), np.int64)
    for row in np.column_stack([matrix, score]):
        for at, (value, one) in enumerate(zip(row.tolist(), bins, strict=True)):
            if math.isnan(value):
                place = UNKNOWN
            elif one.codes:
                place = one.codes.index(int(value)) if int(value) in one.codes else len(one.codes)
            else:
                place = sum(value > np.float32(edge) for edge in one.edges)
            expected[at, place] += 1
    np.testing.assert_array_equal(Binning(bins).count(matrix, score), expected)


@given(cuts=st.lists(st.integers(0, 300), max_size=4))
@settings(max_examples=20)
def test_counts_of_pieces_add_up_to_those_of_the_whole(
    bins: tuple[Bins, ...], cuts: list[int]
) -> None:
    matrix, score = matrix_of(300, seed=2), scores_of(300, seed=2)
    binning = Binning(bins)
    ends = sorted({0, *cuts, 300})
    pieces = [binning.count(matrix[one:other], score[one:other]) for one, other in pairwise(ends)]
    np.testing.assert_array_equal(sum(pieces), binning.count(matrix, score))


def test_a_value_that_never_varied_has_one_bin_for_it_and_one_for_more() -> None:
    matrix = matrix_of(500)
    column = next(at for at, one in enumerate(FEATURES) if not one.categories)
    matrix[:, column] = 0
    found = bins_of(FEATURES, matrix, scores_of(500))[column]
    assert found.edges == ()
    assert found.counts[0] == 500


@given(COUNTS, COUNTS)
def test_the_index_is_its_definition_and_knows_no_direction(
    one: np.ndarray, other: np.ndarray
) -> None:
    used = [at for at in range(11) if one[at] + other[at]]
    total = sum(one[at] + 0.5 for at in used), sum(other[at] + 0.5 for at in used)
    expected = 0.0
    for at in used:
        p, q = (one[at] + 0.5) / total[0], (other[at] + 0.5) / total[1]
        expected += (p - q) * math.log(p / q)
    assert psi_of(one, other) == pytest.approx(expected, abs=1e-9)
    assert psi_of(other, one) == pytest.approx(expected, abs=1e-9)
    assert psi_of(one, one) == 0


@given(COUNTS, COUNTS)
def test_the_test_is_that_of_scipy(one: np.ndarray, other: np.ndarray) -> None:
    used = (one + other) > 0
    if used.sum() < 2 or not one.sum() or not other.sum():
        return
    expected = chi2_contingency(np.stack([one[used], other[used]]), correction=False).pvalue
    assert p_value(one, other) == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_samples_of_one_stream_do_not_drift_and_a_change_of_many_features_does(
    bins: tuple[Bins, ...],
) -> None:
    binning = Binning(bins)
    usual = binning.count(matrix_of(2_000, seed=3), scores_of(2_000, seed=3))
    for seed in range(4, 24):
        n = 200 + 40 * seed
        again = binning.count(matrix_of(n, seed), scores_of(n, seed))
        assert not compare_counts(binning.names, again, usual).drifted
    many = binning.count(matrix_of(800, 9, shift=1.0, moved=30), scores_of(800, 9))
    found = compare_counts(binning.names, many, usual)
    assert found.drifted
    few = binning.count(matrix_of(800, 9, shift=1.0, moved=3), scores_of(800, 9))
    assert not compare_counts(binning.names, few, usual).drifted


def test_the_score_alone_is_enough(bins: tuple[Bins, ...]) -> None:
    binning = Binning(bins)
    usual = binning.count(matrix_of(2_000, seed=3), scores_of(2_000, seed=3))
    now = binning.count(matrix_of(800, seed=4), scores_of(800, seed=4) ** 3)
    assert compare_counts(binning.names, now, usual).drifted


def test_few_events_are_not_judged(bins: tuple[Bins, ...]) -> None:
    binning = Binning(bins)
    usual = binning.count(matrix_of(2_000), scores_of(2_000))
    n = LEAST_EVENTS - 1
    few = binning.count(matrix_of(n, 1, shift=5, moved=90), scores_of(n))
    found = compare_counts(binning.names, few, usual)
    assert not found.judged
    assert not found.drifted


def test_memory_is_bounded_by_the_days_of_window_and_reference(bins: tuple[Bins, ...]) -> None:
    counts = DayCounts(bins)
    matrix, score = matrix_of(1), scores_of(1)
    for day in range(400):
        counts.add(np.array([day * DAY_MS]), matrix, score)
    assert sorted(counts.days) == list(range(400 - DAYS, 400))
    assert counts.add(np.array([0]), matrix, score) == set()  # so old that nobody looks at it
    assert sum(one.nbytes for one in counts.days.values()) < 1_000_000


def test_of_a_large_batch_some_stand_for_all(bins: tuple[Bins, ...]) -> None:
    counts = DayCounts(bins)
    counts.add(np.zeros(512, np.int64), matrix_of(512), scores_of(512))
    assert (counts.days[0].sum(axis=1) == 512).all()
    assert (counts.days[0] % 8 == 0).all()


def test_an_attack_is_one_episode_and_what_follows_it_is_not(bins: tuple[Bins, ...]) -> None:
    """Ten days of something else, then ten weeks that are all the same."""
    per_day, days = 60, 84
    n = per_day * days
    time_ms = np.repeat(np.arange(days), per_day) * DAY_MS
    calm = matrix_of(n, seed=5)
    attack = matrix_of(n, seed=6, shift=2.0, moved=40)
    matrix = np.where((time_ms < 10 * DAY_MS)[:, None], attack, calm)
    label = np.where(time_ms < 10 * DAY_MS, 1, 0).astype(np.int8)
    label[::9] = 1
    found = drift_history(bins, time_ms, matrix, scores_of(n, 5), label)
    assert len(found.episodes) == 1
    assert found.episodes[0].last < "1970-02-25"
    assert "of the features" in found.episodes[0].what
    assert found.base_rate is not None
    assert found.base_rate.p > 0.01
    training = [day.training.drifted for day in found.days if day.training.judged]
    assert training[5]
    assert not any(training[20:])


def drift_of(csv: Path, ip_table: Path | None, rejects: Path) -> DriftHistory:
    """The drift of a file in bins of its own events."""
    data = read_transactions(csv, "ecommerce", rejects=rejects)
    order = data.batch.in_total_order()
    batch, label = data.batch.take(order), data.label[order]
    matrix = compute_features(batch, load_country_table(ip_table)).matrix
    score = np.where(label == 1, 0.9, 0.1).astype(np.float32)  # as of a model that is right
    bins = bins_of(FEATURES, matrix, score)
    return drift_history(bins, batch.time_ms, matrix, score, label)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., DriftHistory]:
    """The drift of generated samples that follow one another, in bins of their own events."""
    folder = tmp_path_factory.mktemp("shop")

    def history(*parts: SampleOptions) -> DriftHistory:
        rows: list[str] = []
        for number, options in enumerate(parts):
            path = folder / f"{number}.csv"
            write_sample(path, options)
            head, *lines = path.read_text().splitlines()
            rows += lines if rows else [head, *lines]
        whole = folder / "whole.csv"
        whole.write_text("\n".join(rows) + "\n")
        return drift_of(whole, None, folder / "rejects.csv")

    return history


def test_a_generated_spring_is_steady_from_its_first_day(
    shop: Callable[..., DriftHistory],
) -> None:
    found = shop(SampleOptions(rows=12_000, seed=1))
    assert found.episodes == ()
    assert sum(day.trailing.judged for day in found.days) > 30
    assert found.base_rate is not None
    assert found.base_rate.p > 0.01


def test_a_generated_attack_fires_once_when_it_is_over_and_what_follows_does_not(
    shop: Callable[..., DriftHistory],
) -> None:
    """As on the public file: the attack is what the stream begins with."""
    begin = datetime(2025, 1, 1, tzinfo=UTC)
    found = shop(
        SampleOptions(rows=3_000, days=14, start=begin, fraud_rate=0.3, seed=4),
        SampleOptions(rows=9_000, days=70, start=begin + timedelta(14), fraud_rate=0.01, seed=5),
    )
    assert len(found.episodes) == 1
    assert found.episodes[0].first < "2025-02-01"
    assert found.episodes[0].last < "2025-03-01"
    assert found.episodes[0].what.startswith("score")


@pytest.mark.realdata
def test_the_public_file_fires_when_its_attack_is_over_and_never_again(
    real_data: Path, tmp_path: Path
) -> None:
    found = drift_of(
        real_data / "Fraud_Data.csv",
        real_data / "IpAddress_to_Country.csv",
        tmp_path / "rejects.csv",
    )
    assert [(one.first, one.last) for one in found.episodes] == [("2015-02-01", "2015-02-15")]
    assert sum(day.trailing.judged for day in found.days) > 250
