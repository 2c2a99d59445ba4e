"""Shares with their uncertainty, and how well a number tells fraud from honest.

Intervals are Wilson's (1927), which stay inside 0 to 1 and hold for few events and for shares
near 0, where fraud is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, rankdata

_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Share:
    """``count`` of ``total`` with a 95 % Wilson interval.

    Attributes:
        count: events that have the property.
        total: events looked at, at least one.
        value: their ratio.
        low, high: ends of the interval.
    """

    count: int
    total: int
    value: float
    low: float
    high: float


def share_of(count: int, total: int) -> Share | None:
    """The share, None where there is nothing to take a share of."""
    if not total:
        return None
    ends = binomtest(count, total).proportion_ci(_CONFIDENCE, "wilson")
    return Share(count, total, count / total, float(ends.low), float(ends.high))


def fraud_share(label: NDArray[np.int8]) -> Share | None:
    """Share of fraud among the labelled events; 1 fraud, 0 honest, −1 unknown, shape (n,)."""
    return share_of(int((label == 1).sum()), int((label >= 0).sum()))


def separation(values: NDArray[np.float64], label: NDArray[np.int8]) -> float | None:
    """ROC AUC of a number as a score for fraud: .5 tells nothing, 0 and 1 tell everything.

    Args:
        values: shape (n,); events whose value is NaN are left out.
        label: 1 fraud, 0 honest, −1 unknown, shape (n,).

    Returns:
        None where one of the classes is not there.
    """
    usable = (label >= 0) & ~np.isnan(values)
    fraud = label[usable] == 1
    positive = int(fraud.sum())
    negative = len(fraud) - positive
    if not positive or not negative:
        return None
    ranks = rankdata(values[usable])
    above = float(ranks[fraud].sum()) - positive * (positive + 1) / 2
    return above / (positive * negative)


def rank_correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Spearman's ρ over the events that have both numbers; None where one of them is constant."""
    both = ~np.isnan(first) & ~np.isnan(second)
    return correlation_of_ranks(rankdata(first[both]), rankdata(second[both]))


def correlation_of_ranks(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Pearson's r of two series of ranks; None where one of them is constant."""
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.clip(np.corrcoef(first, second)[0, 1], -1.0, 1.0))
