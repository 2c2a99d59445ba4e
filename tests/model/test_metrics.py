"""Metrics are scikit-learn's; weights count events; intervals are seeded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from model.costs import CostMatrix
from model.metrics import Outcomes, Yardstick, measure
from model.results import TITLES

YARDSTICK = Yardstick(CostMatrix(missed=100.0, review=15.0, blocked=200.0), per_day=5)
EVENTS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.7, 1.0]), st.booleans()),
    min_size=2,
    max_size=60,
).filter(lambda events: 0 < sum(fraud for fraud, *_ in events) < len(events))


def outcomes_of(events: list[tuple[bool, float, bool]]) -> Outcomes:
    fraud, score, flagged = zip(*events, strict=True)
    scores = np.array(score, np.float32)
    blocked = np.array(flagged) & (scores > 0.6)
    return Outcomes(np.array(fraud), scores, np.array(flagged), blocked, np.arange(len(fraud)) // 9)


def simple(fraud: np.ndarray, flagged: np.ndarray) -> Outcomes:
    """Scores that are the labels; nothing is blocked."""
    return Outcomes(fraud, fraud.astype(np.float32), flagged, np.zeros(len(fraud), bool))


def random_outcomes(size: int = 2_000, seed: int = 0) -> Outcomes:
    rng = np.random.default_rng(seed)
    fraud = rng.random(size) < 0.1
    score = np.clip(rng.normal(0.3, 0.15, size) + 0.2 * fraud, 0, 1).astype(np.float32)
    return Outcomes(fraud, score, score >= 0.45, score >= 0.6, np.arange(size) // 100)


def of_each_day(one: Outcomes) -> float:
    """Share of fraud among the highest scores of each day, one day after another."""
    assert one.day is not None
    looked_at: list[bool] = []
    for day in np.unique(one.day).tolist():
        rows = np.flatnonzero(one.day == day)
        best = rows[np.argsort(-one.score[rows], kind="stable")][: YARDSTICK.per_day]
        looked_at += one.fraud[best].tolist()
    return sum(looked_at) / len(looked_at)


def cost(one: Outcomes) -> float:
    costs = YARDSTICK.costs
    return sum(
        (0.0 if bad else costs.blocked) if blocked else costs.review if flagged
        else costs.missed if bad else 0.0
        for bad, flagged, blocked in zip(one.fraud, one.flagged, one.blocked, strict=True)
    )  # fmt: skip


@given(EVENTS)
def test_every_metric_is_that_of_scikit_learn(events: list[tuple[bool, float, bool]]) -> None:
    one = outcomes_of(events)
    at_half = one.score >= 0.5
    found = {name: figure.value for name, figure in measure(one, YARDSTICK, 1, resamples=1).items()}
    false, true, _ = sk.roc_curve(one.fraud, one.score, drop_intermediate=False)
    expected = {
        "roc_auc": sk.roc_auc_score(one.fraud, one.score),
        "average_precision": sk.average_precision_score(one.fraud, one.score),
        "recall_at_fpr_1pct": true[false <= 0.01].max(),
        "recall_at_fpr_01pct": true[false <= 0.001].max(),
        "precision_at_k_per_day": of_each_day(one),
        "cost_per_1000": 1000 * cost(one) / len(one.fraud),
        "brier": sk.brier_score_loss(one.fraud, one.score.astype(float)),
    }
    for suffix, said in (("", one.flagged), ("_at_half", at_half)):
        expected |= {
            f"f1{suffix}": sk.f1_score(one.fraud, said, zero_division=0),
            f"precision{suffix}": sk.precision_score(one.fraud, said, zero_division=0),
            f"recall{suffix}": sk.recall_score(one.fraud, said, zero_division=0),
            f"accuracy{suffix}": sk.accuracy_score(one.fraud, said),
        }
    # A lone resample may hold one class only, and then has no interval.
    defined = {name: value for name, value in found.items() if value is not None}
    assert defined == pytest.approx({name: expected[name] for name in defined}, abs=1e-6)
    assert set(found) == set(expected) == set(TITLES)


def test_an_interval_surrounds_its_value_and_narrows_with_more_events() -> None:
    few, many = (measure(random_outcomes(size), YARDSTICK, 1) for size in (500, 20_000))
    for name in TITLES:
        small, large = few[name], many[name]
        assert small.low is not None
        assert small.value is not None
        assert small.high is not None
        assert small.low <= small.value <= small.high
        assert large.low is not None
        assert large.high is not None
        assert large.high - large.low < small.high - small.low


def test_the_bootstrap_interval_of_a_share_is_the_binomial_one() -> None:
    flagged = np.arange(1_000) < 300
    found = measure(simple(flagged, ~flagged), YARDSTICK, 3, 2_000)["accuracy"]
    assert found.value == 0.0
    half = np.arange(1_000) % 2 == 0
    figure = measure(simple(half, np.ones(1_000, bool)), YARDSTICK, 3, 2_000)
    wide = 1.96 * np.sqrt(0.25 / 1_000)
    assert figure["precision"].low == pytest.approx(0.5 - wide, abs=0.004)
    assert figure["precision"].high == pytest.approx(0.5 + wide, abs=0.004)


def test_the_seed_decides_the_interval_and_not_the_value() -> None:
    one, same, other = (measure(random_outcomes(), YARDSTICK, seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert {name: figure.value for name, figure in one.items()} == {
        name: figure.value for name, figure in other.items()
    }


@pytest.mark.parametrize("fraud", [True, False])
def test_one_class_has_no_ranking_metrics_but_the_others(fraud: bool) -> None:
    score = np.linspace(0, 1, 10, dtype=np.float32)
    found = measure(Outcomes(np.full(10, fraud), score, score > 0.5, score > 0.5), YARDSTICK, 1)
    for name in ("roc_auc", "average_precision", "recall_at_fpr_1pct"):
        assert found[name].value is None
        assert str(found[name]) == "–"
    assert found["accuracy"].value == 0.5


def test_nothing_flagged_is_zero_not_an_error() -> None:
    fraud = np.arange(10) < 3
    found = measure(simple(fraud, np.zeros(10, bool)), YARDSTICK, 1)
    assert found["f1"].value == found["precision"].value == found["recall"].value == 0.0
    assert str(found["roc_auc"]) == "1.000 (1.000–1.000)"
