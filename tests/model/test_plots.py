"""Pictures show what was counted, and the same figures give the same bytes."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.declared import declared_features
from model.costs import CostMatrix
from model.metadata import Thresholds
from model.metrics import Outcomes, Yardstick, measure
from model.plots.calibration import reliability
from model.plots.decisions import confusion, cost_curve
from model.plots.importance import importance
from model.plots.plots import plots_of
from tests.model.test_metrics import random_outcomes

COSTS = CostMatrix(missed=40.0, review=15.0, blocked=150.0)
THRESHOLDS = Thresholds(0.45, 0.6)
FEATURES = declared_features("ecommerce")
NAMES = [feature.name for feature in FEATURES]


def moved(rows: int = 20) -> np.ndarray:
    rng = np.random.default_rng(3)
    return rng.normal(size=(rows, len(FEATURES) + 1)).astype(np.float32)


def drawn() -> dict[str, bytes]:
    outcomes = {name: random_outcomes(400, seed) for seed, name in enumerate(("random", "time"))}
    return plots_of(
        outcomes,
        validation=random_outcomes(400, 9),
        thresholds=THRESHOLDS,
        costs=COSTS,
        moved=moved(),
        features=FEATURES,
    )


def test_every_plot_is_a_png_and_comes_out_the_same_under_other_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = drawn()
    assert sorted(first) == [
        f"plots/{name}.png"
        for name in ("calibration", "confusion", "cost", "importance", "precision_recall", "roc")
    ]
    monkeypatch.setitem(mpl.rcParams, "font.size", 20.0)
    monkeypatch.setitem(mpl.rcParams, "axes.facecolor", "black")
    for name, content in drawn().items():
        assert content.startswith(b"\x89PNG")
        assert content == first[name]
        assert b"Matplotlib" not in content
    assert mpl.rcParams["font.size"] == 20.0


def test_a_model_that_flags_nothing_and_scores_of_one_value_are_drawn() -> None:
    fraud = np.arange(30) < 3
    nothing = np.zeros(30, bool)
    flat = Outcomes(fraud, np.full(30, 0.1, np.float32), nothing, nothing)
    found = plots_of(
        {"random": flat},
        validation=flat,
        thresholds=Thresholds(1.0000001192092896, 1.0000001192092896),
        costs=COSTS,
        moved=np.zeros((1, len(FEATURES) + 1), np.float32),
        features=FEATURES,
    )
    assert len(found) == 6


@given(
    st.integers(0, 50),
    st.sampled_from([0.0, 0.2, 0.45, 0.61, 0.9]),
    st.sampled_from([0.3, 0.6, 0.95]),
)
def test_the_cost_curve_is_what_the_decisions_would_cost(
    seed: int, review: float, block: float
) -> None:
    one = random_outcomes(300, seed)
    scores = one.score.astype(np.float64)
    decided = Outcomes(one.fraud, one.score, scores >= review, scores >= max(review, block))
    (cost,) = cost_curve(one, COSTS, block, np.array([review]))
    expected = measure(decided, Yardstick(COSTS, 1), seed=1, resamples=1)["cost_per_1000"].value
    assert cost == pytest.approx(expected, abs=1e-3)


def test_every_event_is_in_one_cell_of_its_class() -> None:
    one = random_outcomes()
    table = confusion(one)
    assert table.sum(axis=0).tolist() == [int((~one.fraud).sum()), int(one.fraud.sum())]
    assert table[2].sum() == one.blocked.sum()
    assert table[1].sum() == (one.flagged & ~one.blocked).sum()
    assert table[0, 1] == (one.fraud & ~one.flagged).sum()


def test_bins_of_the_calibration_count_every_event_and_the_interval_is_wilsons() -> None:
    fraud = np.arange(20) < 5
    score = np.where(np.arange(20) < 10, 0.25, 1.0).astype(np.float32)
    nothing = np.zeros(20, bool)
    found = reliability(Outcomes(fraud, score, nothing, nothing))
    assert found.bins.tolist() == [2, 9]  # a probability of 1 lies in the last one
    assert found.events.tolist() == [10, 10]
    assert found.fraud.tolist() == [5, 0]
    assert found.predicted.tolist() == [0.25, 1.0]
    # Wilson (1927) for 5 and 0 of 10, z = 1.96
    assert found.low == pytest.approx([0.2366, 0.0], abs=1e-4)
    assert found.high == pytest.approx([0.7634, 0.2775], abs=1e-4)


def test_windows_and_forms_of_a_quantity_are_one_bar() -> None:
    matrix = np.zeros((2, len(FEATURES) + 1), np.float32)
    for name, both in (
        ("device_count_1h", (3.0, 1.0)),
        ("device_count_7d", (-1.0, 1.0)),  # takes back what the other said, in the first event
        ("seconds_since_signup", (1.0, 0.0)),
        ("log_seconds_since_signup", (4.0, 5.0)),
    ):
        matrix[:, NAMES.index(name)] = both
    matrix[:, -1] = 100.0  # the mean is no feature
    found = importance(matrix, FEATURES)
    assert found[:2] == [("seconds since signup", 5.0), ("device count", 2.0)]
    assert found[2][1] == 0.0


def test_importance_loses_no_feature() -> None:
    one = np.abs(moved())
    total = sum(size for _, size in importance(one, FEATURES))
    assert total == pytest.approx(one[:, :-1].sum(axis=1).mean(), rel=1e-5)
