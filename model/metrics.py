"""How good scores and decisions were, with intervals.

All figures come from counts over the ranking, each event with a weight: 1 for the figure itself,
how often it was drawn for a bootstrap resample. So an interval costs a few passes over sorted
columns for each resample and no sorting.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.results import Figures, Interval

RESAMPLES = 300
#: Of the percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, ch. 13).
CONFIDENCE = 0.95
MAX_FPR = 0.01
HALF = 0.5
#: Digits in the files: far below the width of any interval, and the same on every machine.
_DIGITS = 6

#: An event's kind is the sum of those that are true of it.
_FLAGGED, _HALF, _FRAUD = 1, 2, 4

Weights = NDArray[np.int64]


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


def measure(outcomes: Outcomes, seed: int, resamples: int = RESAMPLES) -> Figures:
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
    draws = (rng.integers(0, size, size, dtype=np.int32) for _ in range(resamples))
    drawn = [list(ranking.metrics(np.bincount(rows, minlength=size)).values()) for rows in draws]
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
    """Events by falling score, with what does not depend on the weights worked out once.

    Curves move only where there is fraud, so they are followed over the scores of fraud events
    alone. Sums are taken without BLAS, whose threads cost more than they bring at this size.
    """

    def __init__(self, outcomes: Outcomes) -> None:
        self._order = np.argsort(-outcomes.score, kind="stable")
        score, fraud = outcomes.score[self._order], outcomes.fraud[self._order]
        self._error = (score.astype(np.float64) - fraud) ** 2
        self._cell = (
            outcomes.flagged[self._order] * _FLAGGED + (score >= HALF) * _HALF + fraud * _FRAUD
        )
        # Events with equal scores are one step of every curve.
        change = np.append(True, score[1:] != score[:-1])
        starts = np.flatnonzero(change)
        ends = np.append(starts[1:], len(score))
        self._fraud_rows = np.flatnonzero(fraud)
        steps, self._first_in_step = np.unique(
            np.cumsum(change)[self._fraud_rows] - 1, return_index=True
        )
        self._starts, self._ends = starts[steps], ends[steps]

    def metrics(self, weights: Weights) -> dict[str, float]:
        """All metrics with each event counted ``weights`` times; NaN where not defined."""
        weight = weights[self._order]
        cells = np.bincount(self._cell, weight, 2 * _FRAUD).astype(np.float64)
        return {
            **_decided(cells, _FLAGGED, ""),
            **_decided(cells, _HALF, "_at_half"),
            **self._ranked(weight),
            "brier": float((weight * self._error).sum() / weight.sum()),
        }

    def _ranked(self, weight: Weights) -> dict[str, float]:
        fraud_weight = weight[self._fraud_rows]
        fraud = int(fraud_weight.sum())
        honest = int(weight.sum()) - fraud
        if not fraud or not honest:
            return dict.fromkeys(("roc_auc", "average_precision", "recall_at_fpr_1pct"), np.nan)
        seen = np.append(0, np.cumsum(weight))
        new = np.add.reduceat(fraud_weight, self._first_in_step)
        caught = np.cumsum(new)
        false = seen[self._ends] - caught
        false_before = seen[self._starts] - (caught - new)
        # A pair of a fraud and an honest event with one score counts half.
        pairs = (new * (honest - (false + false_before) / 2.0)).sum()
        # Steps of which no event was drawn have no precision and count 0 times.
        precision = caught / np.maximum(caught + false, 1)
        allowed = int(np.searchsorted(false, MAX_FPR * honest, side="right"))
        return {
            "roc_auc": float(pairs) / (fraud * honest),
            "average_precision": float((new * precision).sum()) / fraud,
            "recall_at_fpr_1pct": float(caught[allowed - 1]) / fraud if allowed else 0.0,
        }


def _decided(cells: NDArray[np.float64], bit: int, suffix: str) -> dict[str, float]:
    """Metrics of one kind of decision from the weights of the eight kinds of event."""
    kind = np.arange(len(cells))
    flagged, is_fraud = (kind & bit) > 0, (kind & _FRAUD) > 0
    alerts, total = float(cells[flagged].sum()), float(cells[is_fraud].sum())
    caught = float(cells[flagged & is_fraud].sum())
    wrong = (alerts - caught) + (total - caught)
    return {
        f"f1{suffix}": 2 * caught / (alerts + total) if alerts + total else 0.0,
        f"precision{suffix}": caught / alerts if alerts else 0.0,
        f"recall{suffix}": caught / total if total else 0.0,
        f"accuracy{suffix}": 1.0 - wrong / float(cells.sum()),
    }
