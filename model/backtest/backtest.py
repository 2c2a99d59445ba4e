"""What would have happened: two ways to decide, held against each other event by event.

A way to decide is a model version with its thresholds, and the rules and lists beside it. Both
judge the same events with the same features, so every difference is one of the decision. Where
events have labels, figures are compared in pairs (``model.comparison``): what makes an event hard
is hard for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.names import DAY_MS, Decision
from features.batch import AMOUNT_SCALE
from features.iso_times import iso_time
from model.comparison import SplitComparison, compare_outcomes
from model.costs import ALERTS_PER_DAY, COSTS
from model.metrics import Outcomes, Yardstick, day_of

RESAMPLES = 300
SEED = 42
_DECISIONS = (Decision.ALLOW, Decision.REVIEW, Decision.BLOCK)
_CODE = {decision.value: code for code, decision in enumerate(_DECISIONS)}


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """The n events that both judge, in total order.

    Attributes:
        profile: of the events.
        event_id: of each.
        customer: number of each event's user or card, −1 unknown, shape (n,).
        time_ms: event time, shape (n,).
        amount: in units of 10⁻⁴, shape (n,).
        label: 1 fraud, 0 honest, −1 unknown, shape (n,).
    """

    profile: str
    event_id: Sequence[str]
    customer: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    amount: NDArray[np.int64]
    label: NDArray[np.int8]

    def take(self, mask: NDArray[np.bool_]) -> Subject:
        """Some of the events."""
        ids = [self.event_id[row] for row in np.flatnonzero(mask).tolist()]
        return Subject(
            self.profile,
            ids,
            self.customer[mask],
            self.time_ms[mask],
            self.amount[mask],
            self.label[mask],
        )


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """What one way to decide says of n events.

    Attributes:
        title: what tables call it.
        score: fraud probabilities, float32, shape (n,).
        decision: number of each ``Decision``, in the order of severity, shape (n,).
        rules: names of the rules and lists that each event met, n; those in shadow too.
        shadow: names of the rules in shadow mode.
    """

    title: str
    score: NDArray[np.float32]
    decision: NDArray[np.int8]
    rules: Sequence[Sequence[str]]
    shadow: frozenset[str] = frozenset()

    def take(self, mask: NDArray[np.bool_]) -> Verdicts:
        """Those on some of the events."""
        rules = [self.rules[row] for row in np.flatnonzero(mask).tolist()]
        return Verdicts(self.title, self.score[mask], self.decision[mask], rules, self.shadow)

    @property
    def alerted(self) -> NDArray[np.bool_]:
        """Whether each event is to be reviewed or blocked."""
        return self.decision > 0


class Group(msgspec.Struct, frozen=True):
    """Some of the events; money in currency units."""

    events: int
    fraud: int
    honest: int
    amount: float


class Side(msgspec.Struct, frozen=True):
    """What one way to decide comes to.

    ``customers`` have an alert, ``bothered`` those of them with an alert on an honest event;
    ``value_caught`` and ``value_missed`` are amounts of fraud. ``None`` without labels.
    """

    title: str
    alerts: Group
    blocked: int
    most_alerts_a_day: int
    customers: int
    bothered: int | None
    value_caught: float | None
    value_missed: float | None


class RuleHits(msgspec.Struct, frozen=True):
    """How often a rule or list was met, by one of the sides."""

    side: str
    rule: str
    shadow: bool
    hits: Group


class Example(msgspec.Struct, frozen=True):
    """One event that the two decide differently."""

    event_id: str
    event_time: str
    amount: float
    label: int | None
    against: str
    candidate: str
    against_score: float
    candidate_score: float
    against_rules: list[str]
    candidate_rules: list[str]


class Backtest(msgspec.Struct, frozen=True):
    """Both ways, and where they differ.

    Attributes:
        profile: of the events.
        first, last: event times.
        events: all of them.
        labelled: those whose label is known.
        against, candidate: what each comes to.
        overlap: ``both``, ``only_against``, ``only_candidate``, ``neither`` alert → events.
        changes: decision of one → decision of the other → events.
        metrics: metric → first is ``against``, second ``candidate``; None without labels.
        rules: of both.
        days: day → alerts of each and fraud.
        examples: events that only one alerts on, or that one reviews and the other blocks.
    """

    profile: str
    first: str
    last: str
    events: int
    labelled: int
    against: Side
    candidate: Side
    overlap: dict[str, Group]
    changes: dict[str, dict[str, int]]
    metrics: SplitComparison | None
    rules: list[RuleHits]
    days: list[dict[str, Any]]
    examples: dict[str, list[Example]]


def decision_codes(decisions: Sequence[str]) -> NDArray[np.int8]:
    """Numbers of decisions, shape (n,), as ``Verdicts`` has them."""
    return np.fromiter((_CODE[str(one)] for one in decisions), np.int8, len(decisions))


def backtest(
    subject: Subject, against: Verdicts, candidate: Verdicts, examples: int = 10
) -> Backtest:
    """Hold two ways to decide against each other.

    Args:
        subject: n > 0 events.
        against: the way that is known.
        candidate: the way that is asked about.
        examples: at most so many of each difference, the largest amounts first.
    """
    known = subject.label >= 0
    sides = (against, candidate)
    only = {
        "only_against": against.alerted & ~candidate.alerted,
        "only_candidate": candidate.alerted & ~against.alerted,
    }
    both = against.alerted & candidate.alerted
    return Backtest(
        profile=subject.profile,
        first=iso_time(int(subject.time_ms.min())),
        last=iso_time(int(subject.time_ms.max())),
        events=len(subject.event_id),
        labelled=int(known.sum()),
        against=_side(subject, against),
        candidate=_side(subject, candidate),
        overlap={
            name: _group(subject, mask)
            for name, mask in {
                "both": both, **only, "neither": ~(against.alerted | candidate.alerted),
            }.items()
        },
        changes=_changes(against, candidate),
        metrics=_compared(subject, sides, known) if known.any() else None,
        rules=[hits for side in sides for hits in _rules(subject, side)],
        days=_days(subject, sides),
        examples={
            name: [_example(subject, against, candidate, row) for row in _largest(subject, mask)][
                :examples
            ]
            for name, mask in {
                **only, "changed": both & (against.decision != candidate.decision),
            }.items()
        },
    )  # fmt: skip


def _group(subject: Subject, mask: NDArray[np.bool_]) -> Group:
    label = subject.label[mask]
    return Group(
        int(mask.sum()), int((label == 1).sum()), int((label == 0).sum()), _sum(subject, mask)
    )


def _sum(subject: Subject, mask: NDArray[np.bool_]) -> float:
    return int(subject.amount[mask].sum()) / AMOUNT_SCALE


def _side(subject: Subject, verdicts: Verdicts) -> Side:
    alerted, fraud, honest = verdicts.alerted, subject.label == 1, subject.label == 0
    labelled = bool((fraud | honest).any())
    days = day_of(subject.time_ms)
    by_day = np.unique(days[alerted], return_counts=True)[1]
    return Side(
        title=verdicts.title,
        alerts=_group(subject, alerted),
        blocked=int((verdicts.decision == _CODE[Decision.BLOCK.value]).sum()),
        most_alerts_a_day=int(by_day.max(initial=0)),
        customers=_customers(subject, alerted),
        bothered=_customers(subject, alerted & honest) if labelled else None,
        value_caught=_sum(subject, alerted & fraud) if labelled else None,
        value_missed=_sum(subject, ~alerted & fraud) if labelled else None,
    )


def _customers(subject: Subject, mask: NDArray[np.bool_]) -> int:
    found = subject.customer[mask]
    return len(np.unique(found[found >= 0]))


def _changes(against: Verdicts, candidate: Verdicts) -> dict[str, dict[str, int]]:
    pairs = np.bincount(3 * against.decision.astype(np.int64) + candidate.decision, minlength=9)
    return {
        one.value: {
            other.value: int(pairs[3 * _CODE[one.value] + _CODE[other.value]])
            for other in _DECISIONS
        }
        for one in _DECISIONS
    }


def _compared(
    subject: Subject, sides: tuple[Verdicts, Verdicts], known: NDArray[np.bool_]
) -> SplitComparison:
    first, second = (
        Outcomes(
            fraud=subject.label[known] == 1,
            score=side.score[known],
            flagged=side.alerted[known],
            blocked=side.decision[known] == _CODE[Decision.BLOCK.value],
            day=day_of(subject.time_ms[known]),
        )
        for side in sides
    )
    yardstick = Yardstick(COSTS[subject.profile], ALERTS_PER_DAY[subject.profile])
    return compare_outcomes(first, second, yardstick, SEED, same_events=True, resamples=RESAMPLES)


def _rules(subject: Subject, verdicts: Verdicts) -> list[RuleHits]:
    rows: dict[str, list[int]] = {}
    for row, names in enumerate(verdicts.rules):
        for name in names:
            rows.setdefault(name, []).append(row)
    found = []
    for name in sorted(rows, key=lambda one: (-len(rows[one]), one)):
        mask = np.zeros(len(subject.event_id), np.bool_)
        mask[rows[name]] = True
        found.append(RuleHits(verdicts.title, name, name in verdicts.shadow, _group(subject, mask)))
    return found


def _days(subject: Subject, sides: tuple[Verdicts, Verdicts]) -> list[dict[str, Any]]:
    days, place = np.unique(day_of(subject.time_ms), return_inverse=True)
    columns = {
        "events": np.bincount(place, minlength=len(days)),
        "against": np.bincount(place[sides[0].alerted], minlength=len(days)),
        "candidate": np.bincount(place[sides[1].alerted], minlength=len(days)),
        "fraud": np.bincount(place[subject.label == 1], minlength=len(days)),
    }
    return [
        {
            "day": iso_time(int(day) * DAY_MS)[:10],
            **{name: int(column[row]) for name, column in columns.items()},
        }
        for row, day in enumerate(days)
    ]


def _largest(subject: Subject, mask: NDArray[np.bool_]) -> list[int]:
    """Rows by falling amount, of equal amounts the earliest first."""
    rows = np.flatnonzero(mask)
    order: list[int] = rows[np.argsort(-subject.amount[rows], kind="stable")].tolist()
    return order


def _example(subject: Subject, against: Verdicts, candidate: Verdicts, row: int) -> Example:
    label = int(subject.label[row])
    return Example(
        event_id=subject.event_id[row],
        event_time=iso_time(int(subject.time_ms[row])),
        amount=int(subject.amount[row]) / AMOUNT_SCALE,
        label=None if label < 0 else label,
        against=_DECISIONS[against.decision[row]].value,
        candidate=_DECISIONS[candidate.decision[row]].value,
        against_score=float(str(against.score[row])),
        candidate_score=float(str(candidate.score[row])),
        against_rules=list(against.rules[row]),
        candidate_rules=list(candidate.rules[row]),
    )
