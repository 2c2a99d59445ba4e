"""Champion and challenger over the same live events: agreement, alerts, and what labels say.

Every event that both scored counts for the agreement. Precision, recall and the other metrics count
labelled events alone, and their intervals and differences are those of ``model.comparison``: every
resample draws the same events for both.

What was blocked seldom gets a label. Where there are labelled control events (to be blocked, let
through to review), they stand for all that was blocked: each counts with its weight, and labelled
events that were blocked are left out (Horvitz and Thompson, JASA 47, 1952), as in
``views.live_performance``. Where there are none, every labelled event counts once.

Shares have exact intervals (Clopper and Pearson,
Biometrika 26, 1934), by ``scipy.stats``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from core.names import Decision
from model.comparison import RESAMPLES, SplitComparison, compare_outcomes
from model.costs import ALERTS_PER_DAY, COSTS
from model.metrics import CONFIDENCE, Outcomes, Yardstick, day_of
from model.results import Interval

DECISIONS = tuple(Decision)
_SEED = 42
_DIGITS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What one version said of n events.

    Attributes:
        score: fraud probabilities, shape (n,).
        decision: places in ``DECISIONS``, shape (n,).
    """

    score: NDArray[np.float32]
    decision: NDArray[np.int8]

    def outcomes(
        self, rows: NDArray[np.intp], fraud: NDArray[np.bool_], time_ms: NDArray[np.int64]
    ) -> Outcomes:
        """The same as outcomes of the labelled rows."""
        decision = self.decision[rows]
        return Outcomes(
            fraud=fraud,
            score=self.score[rows],
            flagged=decision != DECISIONS.index(Decision.ALLOW),
            blocked=decision == DECISIONS.index(Decision.BLOCK),
            day=day_of(time_ms[rows]),
        )


@dataclass(frozen=True, slots=True)
class LivePair:
    """A champion and a challenger, compared on the events that both scored.

    Attributes:
        champion, challenger: names of the versions.
        events: how many both scored.
        first, last: times of the first and the last of them, milliseconds since 1970 UTC.
        agreement: share about which both decide the same.
        decisions: what the champion's model decides → the challenger's → events.
        alerts: share of events that each would alert, the champion first.
        labelled, fraud: events with a label, and the fraud among them.
        weighted: whether control events stand for blocked ones in the metrics.
        labelled_metrics: the challenger (second) against the champion (first) on labelled events;
            None where they are not both fraud and honest.
    """

    champion: str
    challenger: str
    events: int
    first: int
    last: int
    agreement: Interval
    decisions: Mapping[str, Mapping[str, int]]
    alerts: tuple[Interval, Interval]
    labelled: int
    fraud: int
    weighted: bool
    labelled_metrics: SplitComparison | None


def compare_live(
    profile: str,
    versions: tuple[str, str],
    time_ms: NDArray[np.int64],
    scores: tuple[Scores, Scores],
    label: NDArray[np.int8],
    control_weight: NDArray[np.float64],
    blocked: NDArray[np.bool_],
    resamples: int = RESAMPLES,
) -> LivePair:
    """One pair of versions on n > 0 events.

    Args:
        profile: by whose costs and alerts a day events are counted.
        versions: champion and challenger.
        time_ms: event times, shape (n,).
        scores: of the champion and of the challenger.
        label: 1 fraud, 0 honest, −1 unknown, shape (n,).
        control_weight: of control events, how many blocked ones each stands for; 0 where an event
            is none, shape (n,).
        blocked: whether an event was blocked in the end, shape (n,).
        resamples: behind the intervals of the metrics.
    """
    first, second = scores
    table = np.zeros((len(DECISIONS), len(DECISIONS)), np.int64)
    np.add.at(table, (first.decision, second.decision), 1)
    labelled = np.flatnonzero(label >= 0)
    weighted = bool(control_weight[labelled].any())
    is_control = control_weight > 0
    counting = labelled[is_control[labelled] | ~blocked[labelled]] if weighted else labelled
    fraud = label[counting] == 1
    metrics = None
    if fraud.any() and not fraud.all():
        metrics = compare_outcomes(
            first.outcomes(counting, fraud, time_ms),
            second.outcomes(counting, fraud, time_ms),
            Yardstick(COSTS[profile], ALERTS_PER_DAY[profile]),
            _SEED,
            same_events=True,
            resamples=resamples,
            weight=np.where(is_control, control_weight, 1.0)[counting] if weighted else None,
        )
    allow, n = DECISIONS.index(Decision.ALLOW), len(time_ms)
    return LivePair(
        champion=versions[0],
        challenger=versions[1],
        events=n,
        first=int(time_ms.min()),
        last=int(time_ms.max()),
        agreement=share_of(int(np.trace(table)), n),
        decisions={
            one: dict(zip(DECISIONS, row, strict=True))
            for one, row in zip(DECISIONS, table.tolist(), strict=True)
        },
        alerts=(
            share_of(n - int(table[allow].sum()), n),
            share_of(n - int(table[:, allow].sum()), n),
        ),
        labelled=len(labelled),
        fraud=int((label[labelled] == 1).sum()),
        weighted=weighted,
        labelled_metrics=metrics,
    )


def share_of(part: int, whole: int) -> Interval:
    """A share with its exact interval; ``whole`` > 0."""
    found = binomtest(part, whole).proportion_ci(CONFIDENCE, method="exact")
    return Interval(*(round(float(one), _DIGITS) for one in (part / whole, found.low, found.high)))
