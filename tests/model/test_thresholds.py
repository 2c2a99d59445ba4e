"""Thresholds stand clear of every validation score and are the best ones there."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from model.thresholds import BLOCK_PRECISION, MIN_GAP, bands_of, choose_thresholds

#: Few distinct scores, some closer together than the smallest gap.
SCORES = st.sampled_from([0.0, 0.1, 0.100004, 0.2, 0.5, 0.500009, 0.7, 0.90001, 0.90003, 1.0])
EVENTS = st.lists(st.tuples(SCORES, st.booleans()), min_size=2, max_size=40)


def split(events: list[tuple[float, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([score for score, _ in events], np.float32), np.array([y for _, y in events])


def f1(flagged: np.ndarray, fraud: np.ndarray) -> float:
    return float(2 * (flagged & fraud).sum() / (flagged.sum() + fraud.sum()))


@given(EVENTS)
def test_no_score_lies_within_half_a_gap_of_a_threshold(events: list[tuple[float, bool]]) -> None:
    scores, fraud = split(events)
    assume(fraud.any())
    found = choose_thresholds(scores, fraud)
    for threshold in (found.review, found.block):
        assert np.float32(threshold) == threshold
        if threshold < 1.0:
            assert np.abs(scores.astype(float) - threshold).min() > MIN_GAP / 2 - 1e-7
    assert found.review <= found.block


@given(EVENTS)
def test_review_has_the_best_f1_of_all_permitted_thresholds(
    events: list[tuple[float, bool]],
) -> None:
    scores, fraud = split(events)
    assume(fraud.any())
    steps = np.unique(scores).astype(float)
    permitted = [
        (low + high) / 2 for low, high in pairwise(steps.tolist()) if high - low >= MIN_GAP
    ]
    assume(permitted)
    found = choose_thresholds(scores, fraud)
    best = max(f1(scores >= threshold, fraud) for threshold in permitted)
    assert f1(scores >= found.review, fraud) == best


@given(EVENTS)
def test_block_is_precise_or_above_all_scores(events: list[tuple[float, bool]]) -> None:
    scores, fraud = split(events)
    assume(fraud.any())
    found = choose_thresholds(scores, fraud)
    blocked = scores >= found.block
    assert not blocked.any() or fraud[blocked].mean() >= BLOCK_PRECISION


def test_block_is_the_lowest_precise_threshold() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.1], np.float32)
    fraud = np.array([1, 1, 1, 0, 1, 1, 0], bool)
    found = choose_thresholds(scores, fraud)
    assert found.review == np.float32(0.25)
    assert found.block == np.float32(0.65)
    assert "best F1 of 7 validation events" in found.review_by


def test_where_nothing_is_precise_block_is_above_every_validation_score() -> None:
    scores = np.array([0.9, 0.8, 0.2, 0.1], np.float32)
    fraud = np.array([0, 1, 0, 0], bool)
    found = choose_thresholds(scores, fraud)
    assert found.block == np.float32(0.95)
    assert "no threshold reached precision" in found.block_by


def test_an_honest_event_with_the_highest_possible_score_is_not_blocked() -> None:
    scores = np.array([1.0, 0.5, 0.2], np.float32)
    found = choose_thresholds(scores, np.array([False, True, False]))
    assert not (scores.astype(float) >= found.block).any()


def test_equal_scores_flag_nobody() -> None:
    found = choose_thresholds(np.full(9, 0.3, np.float32), np.arange(9) < 3)
    assert found.review == found.block == np.float32(0.65)


def test_severity_bands_ascend_between_review_and_one() -> None:
    found = choose_thresholds(
        np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.1], np.float32),
        np.array([1, 1, 1, 0, 1, 1, 0], bool),
    )
    bands = bands_of(found)
    assert found.review < bands.medium < bands.high == found.block < bands.critical < 1
