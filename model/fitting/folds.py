"""Expanding folds: what a model would have known, and what came then.

Time is cut into stretches; a fold learns from all that lies before a stretch, but for the last
while, whose labels would not have been known yet, and is judged on the stretch (Fraud Detection
Handbook, chapter 5: prequential validation). The first cut is where some share of the fraud has
been seen, behind it stretches hold equally many events. For e-commerce it is a fifth, so that an
attack that fills the beginning is learnt from in part and judged in part; for banking, where fraud
is rare and comes evenly, a half, so that the folds' models are about as good as the last one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from core.names import DAY_MS

EXPANDING_FOLDS = 3
#: Share of the fraud that the first fold learns from.
FIRST_SHARE = {"ecommerce": 0.2, "banking": 0.5}
#: How long a label takes to be known, unless told otherwise: the banking data are two days long.
LABEL_DELAY_MS = {"ecommerce": DAY_MS, "banking": 3_600_000}
#: A fold needs this many of each class to learn from, and to be judged on.
LEAST = 10

Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Row numbers to learn from and to be judged on."""

    train: Indices
    test: Indices


def expanding_folds(
    time_ms: NDArray[np.int64], fraud: NDArray[np.bool_], delay_ms: int, first_share: float
) -> list[Fold]:
    """The folds of n rows in total order; those that hold too little are left out.

    Args:
        time_ms: event times, ascending, shape (n,).
        fraud: labels, shape (n,).
        delay_ms: how long a label takes to be known.
        first_share: of the fraud, that the first fold learns from.
    """
    caught = np.cumsum(fraud)
    first = int(np.searchsorted(caught, first_share * caught[-1])) + 1
    cuts = np.linspace(first, len(fraud), EXPANDING_FOLDS + 1).astype(int)
    found = []
    for begin, end in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
        if begin >= len(fraud):
            break
        known = int(np.searchsorted(time_ms, time_ms[begin] - delay_ms))
        fold = Fold(np.arange(known), np.arange(begin, end))
        if _is_usable(fold, fraud):
            found.append(fold)
    return found


def stratified_folds(fraud: NDArray[np.bool_], number: int, seed: int) -> list[Fold]:
    """Folds with equal shares of fraud, shuffled; every row is judged once."""
    folds = StratifiedKFold(number, shuffle=True, random_state=seed)
    return [Fold(*one) for one in folds.split(np.zeros(len(fraud)), fraud)]


def _is_usable(fold: Fold, fraud: NDArray[np.bool_]) -> bool:
    return all(
        min(int(fraud[rows].sum()), int((~fraud[rows]).sum())) >= LEAST
        for rows in (fold.train, fold.test)
    )
