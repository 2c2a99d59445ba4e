"""How good scores and decisions were, with intervals.

All figures come from counts over the ranking, each event with a weight: 1 for the figure itself,
how often it was drawn for a bootstrap resample. So an interval costs a few passes over sorted
columns for each resample and no sorting.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.names import DAY_MS
from model.costs import CostMatrix
from model.results import Figures, Interval

RESAMPLES = 300
#: Of the percentile bootstrap (Efron and Tibshirani, An Introduction to the Bootstrap, ch. 13).
CONFIDENCE = 0.95
#: Metric → the share of the honest events that may be flagged.
MAX_FPR = {"recall_at_fpr_1pct": 0.01, "recall_at_fpr_01pct": 0.001}
HALF = 0.5
#: Digits in the files: far below the width of any interval, and the same on every machine.
_DIGITS = 6

#: An event's kind is the sum of those that are true of it.
_FLAGGED, _HALF, _FRAUD, _BLOCKED, _DAILY = 1, 2, 4, 8, 16
_KINDS = np.arange(32)

Weights = NDArray[np.int64] | NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """What was said about n events and what was true, all of shape (n,).

    Attributes:
        fraud: labels.
        score: fraud probabilities.
        flagged: whether the event was above the review threshold of the model that scored it.
        blocked: likewise of the block threshold.
        day: number of its day, ascending or not; None: it has no time.
    """

    fraud: NDArray[np.bool_]
    score: NDArray[np.float32]
    flagged: NDArray[np.bool_]
    blocked: NDArray[np.bool_]
    day: NDArray[np.int64] | None = None

    def take(self, mask: NDArray[np.bool_]) -> Outcomes:
        """Some of the events."""
        day = None if self.day is None else self.day[mask]
        return Outcomes(
            self.fraud[mask], self.score[mask], self.flagged[mask], self.blocked[mask], day
        )


@dataclass(frozen=True, slots=True)
class Yardstick:
    """What metrics need to know beside the outcomes.

    Attributes:
        costs: of decisions.
        per_day: how many alerts of a day are looked at.
    """

    costs: CostMatrix
    per_day: int


def day_of(time_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number of the day (UTC) of each time, shape (n,)."""
    return time_ms // DAY_MS


def measure(
    outcomes: Outcomes, yardstick: Yardstick, seed: int, resamples: int = RESAMPLES
) -> Figures:
    """Every metric with its interval.

    ``precision``, ``recall`` and ``f1`` are 0 where nothing was flagged. ``recall_at_fpr_1pct`` is
    the largest recall at which at most 1 % of the honest events are flagged, ``…_01pct`` 0.1 %.
    ``precision_at_k_per_day`` is the share of fraud among the ``per_day`` highest scores of each
    day (Fraud Detection Handbook, chapter 4), ``cost_per_1000`` what 1,000 events cost.

    Args:
        outcomes: n > 0 events.
        yardstick: costs and alerts a day.
        seed: of the resampling.
        resamples: number of bootstrap samples.
    """
    ranking = Ranking(outcomes, yardstick)
    values = ranking.metrics(np.ones(len(outcomes.fraud), np.int64))
    table = np.array(
        [list(ranking.metrics(drawn).values()) for drawn in draws(ranking.size, seed, resamples)],
        np.float64,
    )
    tail = (1.0 - CONFIDENCE) / 2.0
    return {
        name: _interval(value, table[:, column], tail)
        for column, (name, value) in enumerate(values.items())
    }


def draws(size: int, seed: int, resamples: int) -> Iterator[Weights]:
    """How often each of so many events is drawn, for each resample; always the same for a seed."""
    rng = np.random.default_rng(seed)
    for _ in range(resamples):
        yield np.bincount(rng.integers(0, size, size, dtype=np.int32), minlength=size)


def drawn_values(ranking: Ranking, metric: str, seed: int, resamples: int) -> NDArray[np.float64]:
    """One metric of each resample: those of two rankings of the same events are pairs."""
    return np.array(
        [ranking.value(metric, drawn) for drawn in draws(ranking.size, seed, resamples)]
    )


def _interval(value: float, drawn: NDArray[np.float64], tail: float) -> Interval:
    defined = drawn[~np.isnan(drawn)]
    if np.isnan(value) or not len(defined):
        return Interval(None, None, None)
    low, high = np.quantile(defined, (tail, 1.0 - tail)).tolist()
    return Interval(*(round(float(one), _DIGITS) for one in (value, low, high)))


class Ranking:
    """Events by falling score, with what does not depend on the weights worked out once.

    Curves move only where there is fraud, so they are followed over the scores of fraud events
    alone. Sums are taken without BLAS, whose threads cost more than they bring at this size.
    """

    def __init__(self, outcomes: Outcomes, yardstick: Yardstick | None = None) -> None:
        self.size = len(outcomes.fraud)
        self._costs = None if yardstick is None else yardstick.costs
        self._order = np.argsort(-outcomes.score, kind="stable")
        score, fraud = outcomes.score[self._order], outcomes.fraud[self._order]
        self._error = (score.astype(np.float64) - fraud) ** 2
        daily = np.zeros(len(score), np.bool_)
        if yardstick is not None and outcomes.day is not None:
            daily = _first_of_each(outcomes.day[self._order], yardstick.per_day)
        self._cell = (
            outcomes.flagged[self._order] * _FLAGGED
            + (score >= HALF) * _HALF
            + fraud * _FRAUD
            + outcomes.blocked[self._order] * _BLOCKED
            + daily * _DAILY
        )
        # Events with equal scores are one step of every curve.
        change = np.append(True, score[1:] != score[:-1])
        starts = np.flatnonzero(change)
        ends = np.append(starts[1:], len(score))
        self._fraud_rows = np.flatnonzero(fraud)
        self._honest = ~fraud.astype(np.bool_)
        steps, self._first_in_step = np.unique(
            np.cumsum(change)[self._fraud_rows] - 1, return_index=True
        )
        self._starts, self._ends = starts[steps], ends[steps]

    def metrics(self, weights: Weights) -> dict[str, float]:
        """All metrics with each event counted ``weights`` times; NaN where not defined."""
        weight = weights[self._order]
        cells = np.bincount(self._cell, weight, len(_KINDS)).astype(np.float64)
        return {
            **_decided(cells, _FLAGGED, ""),
            **_decided(cells, _HALF, "_at_half"),
            **self._ranked(weight),
            "precision_at_k_per_day": _share_of_fraud(cells, _DAILY),
            "brier": float((weight * self._error).sum() / weight.sum()),
            "cost_per_1000": np.nan if self._costs is None else _cost(cells, self._costs),
        }

    def value(self, metric: str, weights: Weights | None = None) -> float:
        """One metric of the ranking itself, without decisions and days."""
        if weights is None:
            weights = np.ones(self.size, np.int64)
        return self._ranked(weights[self._order])[metric]

    def _ranked(self, weight: Weights) -> dict[str, float]:
        fraud_weight = weight[self._fraud_rows]
        fraud = float(fraud_weight.sum())
        honest = float(weight[self._honest].sum())
        if not fraud or not honest:
            return dict.fromkeys(("roc_auc", "average_precision", *MAX_FPR), np.nan)
        seen = np.append(0, np.cumsum(weight))
        new = np.add.reduceat(fraud_weight, self._first_in_step)
        caught = np.cumsum(new)
        false = seen[self._ends] - caught
        false_before = seen[self._starts] - (caught - new)
        # A pair of a fraud and an honest event with one score counts half.
        pairs = (new * (honest - (false + false_before) / 2.0)).sum()
        # Steps of which no event was drawn have no precision and count 0 times.
        precision = caught / np.maximum(caught + false, 1)
        return {
            "roc_auc": float(pairs) / (fraud * honest),
            "average_precision": float((new * precision).sum()) / fraud,
            **{
                name: float(caught[allowed - 1]) / fraud if allowed else 0.0
                for name, share in MAX_FPR.items()
                for allowed in (int(np.searchsorted(false, share * honest, side="right")),)
            },
        }


def _first_of_each(day: NDArray[np.int64], number: int) -> NDArray[np.bool_]:
    """Mask over events by falling score: the first so many of each day."""
    by_day = np.argsort(day, kind="stable")
    ordered = day[by_day]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    place = np.arange(len(day)) - np.repeat(starts, np.diff(np.append(starts, len(day))))
    first = np.zeros(len(day), np.bool_)
    first[by_day[place < number]] = True
    return first


def _where(bit: int) -> NDArray[np.bool_]:
    return (_KINDS & bit) > 0


def _share_of_fraud(cells: NDArray[np.float64], bit: int) -> float:
    of_these = float(cells[_where(bit)].sum())
    return float(cells[_where(bit) & _where(_FRAUD)].sum()) / of_these if of_these else np.nan


def _cost(cells: NDArray[np.float64], costs: CostMatrix) -> float:
    """Of 1,000 events."""
    fraud, flagged, blocked = _where(_FRAUD), _where(_FLAGGED), _where(_BLOCKED)
    missed = float(cells[fraud & ~flagged].sum()) * costs.missed
    reviewed = float(cells[flagged & ~blocked].sum()) * costs.review
    turned_away = float(cells[~fraud & blocked].sum()) * costs.blocked
    return 1000.0 * (missed + reviewed + turned_away) / float(cells.sum())


def _decided(cells: NDArray[np.float64], bit: int, suffix: str) -> dict[str, float]:
    """Metrics of one kind of decision from the weights of the kinds of event."""
    flagged, is_fraud = _where(bit), _where(_FRAUD)
    alerts, total = float(cells[flagged].sum()), float(cells[is_fraud].sum())
    caught = float(cells[flagged & is_fraud].sum())
    wrong = (alerts - caught) + (total - caught)
    return {
        f"f1{suffix}": 2 * caught / (alerts + total) if alerts + total else 0.0,
        f"precision{suffix}": caught / alerts if alerts else 0.0,
        f"recall{suffix}": caught / total if total else 0.0,
        f"accuracy{suffix}": 1.0 - wrong / float(cells.sum()),
    }
