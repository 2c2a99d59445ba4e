"""The drift of a whole history: every day's window, and the episodes in which it had changed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact

from core.names import DAY_MS
from model.drift.bins import SCORE, Bins, Counts
from model.drift.days import TRAILING, TRAINING, DayCounts
from model.drift.drift import TRAILING_DAYS, WINDOW_DAYS, Drift

#: Features named with an episode.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Day:
    """The window that ends with a day.

    Attributes:
        day: ISO date.
        trailing, training: the window against the days before it and against the training events.
    """

    day: str
    trailing: Drift
    training: Drift


@dataclass(frozen=True, slots=True)
class Episode:
    """Days in a row whose windows differed from the days before them.

    Attributes:
        first, last: ISO dates.
        what: in words, what had changed most on the first of them.
    """

    first: str
    last: str
    what: str


@dataclass(frozen=True, slots=True)
class BaseRate:
    """Fraud among labelled events of the last window and of the days before it; ``p`` by Fisher's
    exact test.
    """

    now: float
    before: float
    p: float


@dataclass(frozen=True, slots=True)
class DriftHistory:
    """What drift a history has.

    Attributes:
        days: every day with events.
        episodes: of drift against the trailing reference.
        base_rate: of the last window; None where either side has no labels.
    """

    days: tuple[Day, ...]
    episodes: tuple[Episode, ...]
    base_rate: BaseRate | None


def drift_history(
    bins: tuple[Bins, ...],
    time_ms: NDArray[np.int64],
    matrix: NDArray[np.float32],
    score: NDArray[np.float32],
    label: NDArray[np.int8],
) -> DriftHistory:
    """Every day of n > 0 events.

    Args:
        bins: of a version.
        time_ms: event times, ascending, shape (n,).
        matrix: features, float32 of shape (n, features).
        score: shape (n,).
        label: 1 fraud, 0 honest, −1 unknown, shape (n,).
    """
    counts = DayCounts(bins)
    number = time_ms // DAY_MS
    days: dict[int, Counts] = {}
    for one in np.unique(number).tolist():
        rows = slice(*np.searchsorted(number, [one, one + 1]))
        days[one] = counts.binning.count(matrix[rows], score[rows])
    found = []
    for one in days:
        drift = counts.drift(days, one)
        found.append(Day(_date(one), drift[TRAILING], drift[TRAINING]))
    return DriftHistory(tuple(found), tuple(_episodes(found)), _base_rate(number, label))


def _episodes(days: list[Day]) -> list[Episode]:
    episodes: list[Episode] = []
    before = False
    for day in days:
        if day.trailing.drifted and before:
            episodes[-1] = Episode(episodes[-1].first, day.day, episodes[-1].what)
        elif day.trailing.drifted:
            episodes.append(Episode(day.day, day.day, _what(day.trailing)))
        before = day.trailing.drifted
    return episodes


def _what(drift: Drift) -> str:
    worst = sorted((one for one in drift.features if one.drifted), key=lambda one: -one.psi)
    score = next((one for one in worst if one.name == SCORE), None)
    names = ", ".join(f"{one.name} {one.psi:.2f}" for one in worst[:_NAMED])
    told = "" if score is None else f"score {score.psi:.2f}; "
    return f"{told}{drift.share:.0%} of the features, most of all {names} (PSI)"


def _base_rate(number: NDArray[np.int64], label: NDArray[np.int8]) -> BaseRate | None:
    age = number.max() - number
    now = label[age < WINDOW_DAYS]
    before = label[(age >= WINDOW_DAYS) & (age < WINDOW_DAYS + TRAILING_DAYS)]
    table = [[int((part == 1).sum()), int((part == 0).sum())] for part in (now, before)]
    if not all(sum(row) for row in table):
        return None
    rates = [row[0] / sum(row) for row in table]
    return BaseRate(rates[0], rates[1], float(fisher_exact(table).pvalue))


def _date(number: int) -> str:
    return str(np.datetime64(number, "D"))
