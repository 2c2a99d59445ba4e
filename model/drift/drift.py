"""Has the stream changed? Counts of two sets of events held against each other, feature by feature.

The population stability index of shares p and q over bins is Σ (p − q) ln(p / q) (Siddiqi, Credit
Risk Scorecards, 2006): below 0.1 nothing has changed, from 0.25 on much has. Half an event is
added to each bin, as a bin that is empty in one of the sets would make it infinite. Between two
samples of one stream it is about (bins − 1)(1 / n + 1 / m), so with few events it is large by
chance; the two-sample test (χ² of homogeneity) says whether it may be. A feature
has drifted where both say so, the test at a level that holds for all features together
(Bonferroni).

A fixed reference alarms for ever once the world has moved on, and a trailing one tells of changes
only: both are computed. Drift is declared by the score, or by several features at once: single
features of a hundred move all the time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from model.drift.bins import SCORE, Counts

#: From here on a feature has changed much.
LARGE_PSI = 0.25
#: Of all features together.
LEVEL = 0.001
#: So large a share of the features must have drifted, where the score has not.
LARGE_SHARE = 0.2
#: Fewer events are not judged.
LEAST_EVENTS = 200
#: Event-time days that are judged together, and those before them that they are held against.
WINDOW_DAYS = 7
TRAILING_DAYS = 28
#: A trailing reference of fewer days with events is none: it has not seen each weekday twice, and
#: the look-back windows of the features have not filled.
LEAST_DAYS = 14


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """One feature, or the score.

    Attributes:
        name: of the feature.
        psi: population stability index.
        p: of the two-sample test.
        drifted: whether both say that it has changed.
    """

    name: str
    psi: float
    p: float
    drifted: bool


@dataclass(frozen=True, slots=True)
class Drift:
    """Two sets of events held against each other.

    Attributes:
        events: how many there are, those of the reference second.
        features: every feature in model order, the score last; empty where events are too few.
    """

    events: tuple[int, int]
    features: tuple[FeatureDrift, ...]

    @property
    def judged(self) -> bool:
        """Whether there are enough events to say anything."""
        return bool(self.features)

    @property
    def share(self) -> float:
        """Share of the features, without the score, that have drifted."""
        found = [one.drifted for one in self.features if one.name != SCORE]
        return sum(found) / len(found) if found else 0.0

    @property
    def drifted(self) -> bool:
        """Whether the stream has changed: the score has, or many features have."""
        score = any(one.drifted for one in self.features if one.name == SCORE)
        return score or self.share >= LARGE_SHARE


def compare_counts(names: tuple[str, ...], now: Counts, reference: Counts) -> Drift:
    """Every feature of two sets of events.

    Args:
        names: of the rows.
        now, reference: events by bin, int64 of shape (len(names), bins).
    """
    events = int(now[0].sum()), int(reference[0].sum())
    if min(events) < LEAST_EVENTS:
        return Drift(events, ())
    found = []
    for name, one, other in zip(names, now, reference, strict=True):
        psi, p = psi_of(one, other), p_value(one, other)
        found.append(FeatureDrift(name, psi, p, psi >= LARGE_PSI and p < LEVEL / len(names)))
    return Drift(events, tuple(found))


def psi_of(now: NDArray[np.int64], reference: NDArray[np.int64]) -> float:
    """Population stability index of events by bin, both of shape (bins,)."""
    used = (now + reference) > 0
    p, q = (one[used] + 0.5 for one in (now, reference))
    p, q = p / p.sum(), q / q.sum()
    return float(((p - q) * np.log(p / q)).sum())


def p_value(now: NDArray[np.int64], reference: NDArray[np.int64]) -> float:
    """That two samples of one stream differ as much: χ² test of homogeneity over the used bins.

    1 where all lie in one bin.
    """
    used = (now + reference) > 0
    table = np.stack([now[used], reference[used]]).astype(np.float64)
    if table.shape[1] < 2:
        return 1.0
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return float(chdtrc(table.shape[1] - 1, statistic))


def windows(
    days: NDArray[np.int64], counts: NDArray[np.int64], day: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Counts of the window that ends with a day, and of the trailing reference before it.

    The reference is empty where it has fewer than ``LEAST_DAYS`` days.

    Args:
        days: numbers of the days there are counts of, shape (d,).
        counts: of each day, shape (d, …).
        day: last day of the window.
    """
    age = day - days
    now = (age >= 0) & (age < WINDOW_DAYS)
    before = (age >= WINDOW_DAYS) & (age < WINDOW_DAYS + TRAILING_DAYS)
    if before.sum() < LEAST_DAYS:
        before[:] = False
    return counts[now].sum(axis=0), counts[before].sum(axis=0)
