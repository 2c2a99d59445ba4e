"""A calibration rises, says what share is fraud, and is chosen on rows it was not fitted to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.calibration import KINDS
from model.fitting.calibrating import choose_calibration, fit_calibration

ROWS = st.lists(
    st.tuples(st.floats(-8, 8, width=32), st.booleans()), min_size=10, max_size=80
).filter(lambda rows: 0 < sum(fraud for _, fraud in rows) < len(rows))


@given(ROWS, st.sampled_from(KINDS))
def test_a_higher_raw_score_is_no_smaller_a_probability(
    rows: list[tuple[float, bool]], kind: str
) -> None:
    raw = np.array([one for one, _ in rows], np.float32)
    found = fit_calibration(raw, np.array([fraud for _, fraud in rows]), kind)
    everywhere = np.linspace(-10, 10, 500, dtype=np.float32)
    probability = found.apply(everywhere)
    assert (np.diff(probability) >= 0).all()
    assert probability.dtype == np.float32
    if kind == "isotonic":
        assert probability.min() > 0
        assert probability.max() < 1
        assert len(found.steps) == len(found.edges) + 1


@pytest.mark.parametrize("kind", KINDS)
def test_probabilities_are_shares_of_fraud(kind: str) -> None:
    rng = np.random.default_rng(1)
    raw = rng.normal(0, 2, 20_000).astype(np.float32)
    fraud = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * raw - 3)))
    probability = fit_calibration(raw, fraud, kind).apply(raw)
    assert probability.mean() == pytest.approx(fraud.mean(), abs=0.002)
    for low, high in ((-9, -2), (-2, 0), (0, 2), (2, 9)):
        some = (raw >= low) & (raw < high)
        assert probability[some].mean() == pytest.approx(fraud[some].mean(), abs=0.01)


def test_what_is_no_sigmoid_is_calibrated_by_steps() -> None:
    rng = np.random.default_rng(2)
    raw = rng.uniform(-4, 4, 8_000).astype(np.float32)
    fraud = rng.random(8_000) < np.where(raw > 1, 0.6, 0.05)
    assert choose_calibration(raw, fraud, 1).kind == "isotonic"
    smooth = rng.random(2_000) < 1 / (1 + np.exp(-raw[:2_000]))
    found = choose_calibration(raw[:2_000], smooth, 1)
    assert found.kind == "sigmoid"
    assert found.log_loss["sigmoid"] < found.log_loss["isotonic"]


def test_a_step_keeps_the_order_of_its_scores() -> None:
    raw = np.concatenate([np.linspace(-2, -1, 900), np.linspace(1, 2, 100)]).astype(np.float32)
    fraud = np.append(np.arange(900) % 10 == 0, np.ones(100, bool))
    found = fit_calibration(raw, fraud, "isotonic")
    best = found.apply(raw[-100:])
    assert len(np.unique(best)) == 10
    assert (np.diff(np.unique(best)) > 1e-5).all()
    assert np.ptp(best) < 3e-4
    assert found.apply(raw[:900]).mean() == pytest.approx(0.1, abs=2e-3)


def test_scores_that_say_nothing_give_everyone_the_base_rate() -> None:
    raw = np.arange(40, dtype=np.float32)
    fraud = np.arange(40) < 10  # the more, the more honest
    found = fit_calibration(raw, fraud, "sigmoid")
    assert found.apply(raw) == pytest.approx(np.full(40, 0.25))
