"""How data are divided into what a model may see and what it is judged on.

``random``: stratified 5-fold, shuffled with seed 42. ``time``: the first 70 % in the total order
against the rest. ``attack`` (e-commerce): what came before 2015-01-08 against 2015-01-08 to 31, the
weeks in which that data set's ring attack continues.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from model.fitting.dataset import Dataset

RANDOM_FOLDS = 5
RANDOM_SEED = 42
TIME_SHARE = 0.7
ATTACK_FROM_MS = 1_420_675_200_000  # 2015-01-08T00:00:00Z
ATTACK_END_MS = 1_422_748_800_000  # 2015-02-01T00:00:00Z
#: A training part needs this many of each class to be divided once more for the thresholds.
MIN_IN_TRAINING = 10

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Row numbers of one training part and of the rows its model is judged on."""

    train: Rows
    test: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """One way to divide the data; the test rows of its parts are judged together."""

    name: str
    parts: tuple[Part, ...]


def splits_of(data: Dataset) -> tuple[list[Split], dict[str, str]]:
    """The splits that these data allow.

    Returns:
        The splits, and for each one that is left out its name and why.
    """
    candidates = [_random(data), _time(data)]
    if data.profile == "ecommerce":
        candidates.append(_attack(data))
    reasons = {split.name: _unusable(split, data.fraud) for split in candidates}
    usable = [split for split in candidates if not reasons[split.name]]
    return usable, {name: reason for name, reason in reasons.items() if reason}


def _random(data: Dataset) -> Split:
    folds = StratifiedKFold(RANDOM_FOLDS, shuffle=True, random_state=RANDOM_SEED)
    parts = folds.split(np.zeros(len(data)), data.fraud)
    return Split("random", tuple(Part(train, test) for train, test in parts))


def _time(data: Dataset) -> Split:
    rows = np.arange(len(data))
    cut = int(len(rows) * TIME_SHARE)
    return Split("time", (Part(rows[:cut], rows[cut:]),))


def _attack(data: Dataset) -> Split:
    start, end = np.searchsorted(data.time_ms, (ATTACK_FROM_MS, ATTACK_END_MS))
    rows = np.arange(len(data))
    return Split("attack", (Part(rows[:start], rows[start:end]),))


def _unusable(split: Split, fraud: NDArray[np.bool_]) -> str:
    """Why a split cannot be evaluated, or the empty string."""
    for part in split.parts:
        for what, rows, least in (
            ("training", part.train, MIN_IN_TRAINING),
            ("test", part.test, 1),
        ):
            bad = int(fraud[rows].sum())
            if min(bad, len(rows) - bad) < least:
                return (
                    f"its {what} part has {bad} fraud and {len(rows) - bad} honest events, "
                    f"at least {least} of each are needed"
                )
    return ""
