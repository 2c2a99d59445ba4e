"""Thresholds and bands are reached from the exact score on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.names import Decision, Severity
from model.decision import decide, severity
from model.metadata import SeverityBands

scores32 = st.lists(st.floats(0, 1, width=32), max_size=20).map(lambda x: np.array(x, np.float32))
shares = st.floats(0, 1)


def test_a_threshold_belongs_to_the_stricter_side() -> None:
    scores = np.array([0.0, 0.4999, 0.5, 0.7499, 0.75, 1.0], np.float32)
    assert decide(scores, 0.5, 0.75) == [
        Decision.ALLOW, Decision.ALLOW, Decision.REVIEW, Decision.REVIEW, Decision.BLOCK,
        Decision.BLOCK,
    ]  # fmt: skip


def test_equal_thresholds_leave_nothing_to_review() -> None:
    assert decide(np.array([0.2, 0.5], np.float32), 0.5, 0.5) == [Decision.ALLOW, Decision.BLOCK]


def test_a_threshold_between_two_float32_numbers_is_not_rounded_to_one() -> None:
    score = np.float32(0.1)
    just_above = float(score) + 1e-10  # float32(just_above) == score
    assert decide(np.array([score]), just_above, 1.0) == [Decision.ALLOW]


def test_contradicting_thresholds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"review=0\.9 is above block=0\.5"):
        decide(np.zeros(1, np.float32), 0.9, 0.5)


def test_bands_are_reached_in_order() -> None:
    bands = SeverityBands(medium=0.25, high=0.5, critical=0.75)
    scores = np.array([0.1, 0.25, 0.5, 0.75], np.float32)
    assert severity(scores, bands) == list(Severity)


@given(scores32, shares, shares)
def test_decisions_are_those_of_comparing_one_by_one(
    scores: np.ndarray, one: float, other: float
) -> None:
    review, block = sorted((one, other))
    expected = [
        Decision.BLOCK if score >= block else Decision.REVIEW if score >= review else Decision.ALLOW
        for score in scores.astype(float).tolist()
    ]
    assert decide(scores, review, block) == expected
