"""Thresholds stand clear of every validation score and are the cheapest ones there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model.costs import CostMatrix
from model.fitting.thresholds import MIN_GAP, WAYS, bands_of, choose_thresholds
from model.metadata import Policy

#: Few distinct scores, some closer together than the smallest gap.
SCORES = st.sampled_from([0.0, 0.1, 0.100004, 0.2, 0.5, 0.500009, 0.7, 0.90001, 0.90003, 1.0])
EVENTS = st.lists(st.tuples(SCORES, st.booleans()), min_size=2, max_size=40)
COSTS = st.builds(
    CostMatrix,
    missed=st.sampled_from([20.0, 100.0]),
    review=st.sampled_from([5.0, 15.0]),
    blocked=st.sampled_from([10.0, 200.0]),
)
USUAL = Policy(CostMatrix(missed=100.0, review=15.0, blocked=200.0))


def split(events: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score for score, _ in events], np.float32), np.array([y for _, y in events])


def cost(
    scores: np.ndarray, fraud: np.ndarray, review: float, block: float, costs: CostMatrix
) -> float:
    """As an accountant would: event by event."""
    total = 0.0
    for score, bad in zip(scores.astype(float).tolist(), fraud.tolist(), strict=True):
        if score >= block:
            total += 0.0 if bad else costs.blocked
        elif score >= review:
            total += costs.review
        elif bad:
            total += costs.missed
    return total


def permitted(scores: np.ndarray) -> list[float]:
    steps = np.unique(scores).astype(float).tolist()
    return [2.0, *((a + b) / 2 for a, b in pairwise(steps) if b - a >= MIN_GAP)]


@given(EVENTS, COSTS, st.sampled_from([0.01, 0.1, 0.5]))
def test_no_score_lies_within_half_a_gap_of_a_threshold(
    events: list[tuple[float, bool]], costs: CostMatrix, budget: float
) -> None:
    scores, fraud = split(events)
    found = choose_thresholds(scores, fraud, Policy(costs, budget=budget))
    assert tuple(found) == WAYS
    for one in found.values():
        for threshold in (one.review, one.block):
            assert np.float32(threshold) == threshold
            if threshold < 1.0 and threshold < scores.max():
                assert np.abs(scores.astype(float) - threshold).min() > MIN_GAP / 2 - 1e-7
        assert one.review <= one.block


@given(EVENTS, COSTS)
def test_no_other_pair_of_thresholds_costs_less(
    events: list[tuple[float, bool]], costs: CostMatrix
) -> None:
    scores, fraud = split(events)
    found = choose_thresholds(scores, fraud, Policy(costs))["cost"]
    places = permitted(scores)
    least = min(
        cost(scores, fraud, review, block, costs)
        for review in places
        for block in places
        if review <= block
    )
    assert cost(scores, fraud, found.review, found.block, costs) == least


@given(EVENTS, st.sampled_from([0.01, 0.1, 0.3, 0.5, 0.9]))
def test_the_budget_is_used_and_not_exceeded(
    events: list[tuple[float, bool]], budget: float
) -> None:
    scores, fraud = split(events)
    found = choose_thresholds(scores, fraud, Policy(USUAL.costs, "budget", budget))["budget"]
    flagged = int((scores >= found.review).sum())
    assert flagged <= budget * len(scores)
    possible = [int((scores >= place).sum()) for place in permitted(scores)]
    assert flagged == max(one for one in possible if one <= budget * len(scores))


def test_review_and_block_stand_where_they_pay() -> None:
    scores = np.repeat(np.array([0.05, 0.3, 0.99], np.float32), 100)
    fraud = np.concatenate([np.arange(100) < 5, np.arange(100) < 30, np.arange(100) < 99])
    found = choose_thresholds(scores, fraud, USUAL)["cost"]
    # .05 · 100 < 15 < .3 · 100, and .01 · 200 < 15 < .7 · 200
    assert 0.05 < found.review < 0.3 < found.block < 0.99
    assert "precision 0.645, recall 0.963, 66.67% of events" in found.review_by
    assert "precision 0.990" in found.block_by


def test_where_blocking_is_cheaper_than_looking_both_fall_together() -> None:
    scores = np.array([0.9, 0.8, 0.2, 0.1], np.float32)
    fraud = np.array([1, 1, 0, 0], bool)
    dear = Policy(CostMatrix(missed=100.0, review=90.0, blocked=1.0))
    found = choose_thresholds(scores, fraud, dear)["cost"]
    assert found.review == found.block == np.float32(0.5)


def test_an_honest_event_with_the_highest_possible_score_is_not_blocked() -> None:
    scores = np.array([1.0, 0.5, 0.2], np.float32)
    found = choose_thresholds(scores, np.array([False, True, False]), USUAL)["cost"]
    assert not (scores.astype(float) >= found.block).any()
    assert found.block_by == "least cost: above all of them"


def test_equal_scores_flag_nobody() -> None:
    found = choose_thresholds(np.full(9, 0.3, np.float32), np.arange(9) < 3, USUAL)["cost"]
    assert found.review == found.block == np.float32(0.65)


def test_severity_bands_ascend_between_review_and_one() -> None:
    found = choose_thresholds(
        np.repeat(np.array([0.05, 0.3, 0.99], np.float32), 100),
        np.concatenate([np.arange(100) < 5, np.arange(100) < 30, np.arange(100) < 99]),
        USUAL,
    )["cost"]
    bands = bands_of(found)
    assert found.review < bands.medium < bands.high == found.block < bands.critical < 1
