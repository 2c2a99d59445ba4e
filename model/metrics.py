"""How good scores and decisions were, with intervals.

All figures come from counts over the ranking, each event with a weight: 1 for the figure itself,
how often it was drawn for a bootstrap resample. So an interval costs a few passes over sorted
columns for each resample and no sorting.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

RESAMPLES = 300
#: Of the percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, ch. 13).
CONFIDENCE = 0.95
MAX_FPR = 0.01
HALF = 0.5
#: Digits in the files: far below the width of any interval, and the same on every machine.
_DIGITS = 6

Weights = NDArray[np.int64]


class Interval(msgspec.Struct, frozen=True):
    """A figure and its 95 % interval; None where it is not defined (one class only)."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What was said about n events and what was true, all of shape (n,).

    Attributes:
        fraud: labels.
        score: fraud probabilities.
        flagged: whether the event was above the review threshold of the model that scored it.
    """

    fraud: NDArray[np.bool_]
    score: NDArray[np.float32]
    flagged: NDArray[np.bool_]


def measure(outcomes: Outcomes, seed: int, resamples: int = RESAMPLES) -> dict[str, Interval]:
    """Every metric with its interval.

    ``precision``, ``recall`` and ``f1`` are 0 where nothing was flagged. ``recall_at_fpr_1pct`` is
    the largest recall at which at most 1 % of the honest events are flagged.

    Args:
        outcomes: n > 0 events.
        seed: of the resampling.
        resamples: number of bootstrap samples.
    """
    ranking = _Ranking(outcomes)
    size = len(outcomes.fraud)
    values = ranking.metrics(np.ones(size, np.int64))
    rng = np.random.default_rng(seed)
    drawn = [
        list(ranking.metrics(np.bincount(rng.integers(0, size, size), minlength=size)).values())
        for _ in range(resamples)
    ]
    table = np.array(drawn, np.float64)
    tail = (1.0 - CONFIDENCE) / 2.0
    return {
        name: _interval(value, table[:, column], tail)
        for column, (name, value) in enumerate(values.items())
    }


def _interval(value: float, drawn: NDArray[np.float64], tail: float) -> Interval:
    defined = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(defined):
        return Interval(None, None, None)
    low, high = np.quantile(defined, (tail, 1.0 - tail)).tolist()
    return Interval(*(round(float(one), _DIGITS) for one in (value, low, high)))


class _Ranking:
    """Events by falling score, with what does not depend on the weights worked out once."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._order = np.argsort(-outcomes.score, kind="stable")
        score = outcomes.score[self._order]
        self._fraud = outcomes.fraud[self._order].astype(np.int64)
        self._flagged = outcomes.flagged[self._order]
        self._at_half = score >= HALF
        self._error = (score.astype(np.float64) - self._fraud) ** 2
        # Events with equal scores are one step of every curve.
        self._ends = np.flatnonzero(np.append(score[1:] != score[:-1], True))

    def metrics(self, weights: Weights) -> dict[str, float]:
        """All metrics with each event counted ``weights`` times; NaN where not defined."""
        weight = weights[self._order]
        fraud = weight * self._fraud
        caught, seen = np.cumsum(fraud)[self._ends], np.cumsum(weight)[self._ends]
        return {
            **_decided(weight, fraud, self._flagged, ""),
            **_decided(weight, fraud, self._at_half, "_at_half"),
            **_ranked(caught, seen - caught),
            "brier": float(weight @ self._error) / float(weight.sum()),
        }


def _decided(
    weight: Weights, fraud: Weights, flagged: NDArray[np.bool_], suffix: str
) -> dict[str, float]:
    alerts, caught = int(weight[flagged].sum()), int(fraud[flagged].sum())
    total, events = int(fraud.sum()), int(weight.sum())
    wrong = (alerts - caught) + (total - caught)
    return {
        f"f1{suffix}": 2 * caught / (alerts + total) if alerts + total else 0.0,
        f"precision{suffix}": caught / alerts if alerts else 0.0,
        f"recall{suffix}": caught / total if total else 0.0,
        f"accuracy{suffix}": 1.0 - wrong / events,
    }


def _ranked(caught: Weights, false: Weights) -> dict[str, float]:
    fraud, honest = int(caught[-1]), int(false[-1])
    if not fraud or not honest:
        return dict.fromkeys(("roc_auc", "average_precision", "recall_at_fpr_1pct"), np.nan)
    new_caught, new_false = np.diff(caught, prepend=0), np.diff(false, prepend=0)
    # A pair of a fraud and an honest event with one score counts half.
    pairs = float(new_false @ (2 * caught - new_caught)) / 2.0
    # Steps on which no drawn event lies have caught + false of the step before; 0 before the first.
    precision = caught / np.maximum(caught + false, 1)
    allowed = int(np.searchsorted(false, MAX_FPR * honest, side="right"))
    return {
        "roc_auc": pairs / (fraud * honest),
        "average_precision": float(new_caught @ precision) / fraud,
        "recall_at_fpr_1pct": float(caught[allowed - 1]) / fraud if allowed else 0.0,
    }
