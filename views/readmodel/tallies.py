"""Sums that a batch adds to: over all events by hour, over each dimension's values by period, and
the scorecards of model versions by day.

What one batch adds stays below 2⁵³, up to which Lua's numbers are exact: an amount has at most
10¹³ units, so a batch may have some 900 events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from core.names import Decision
from views import scorecard
from views.counts import Dimension, age_band
from views.readmodel.layout import (
    COUNTERS,
    DECISIONS,
    DIMENSIONS,
    NO_LABEL,
    Kept,
    first_hour_of,
    known,
    month_of_day,
)
from views.readmodel.scripts import Command

#: Numbers of the counters of ``Counts``.
(
    TRANSACTIONS, ALERTS, LABELLED, FRAUD, LABELLED_ALERTS, CAUGHT, AMOUNT, ALERT_AMOUNT,
    FRAUD_AMOUNT,
) = range(COUNTERS)  # fmt: skip
#: A device's events are only summed where they tell it from the many others.
_OF_DEVICES = (ALERTS, FRAUD)
#: Lua hands on at most some thousand arguments.
_MOST = 400

_Sums = list[tuple[int, int]]
_band = lru_cache(maxsize=10_000)(age_band)


class Tallies:
    """What is added up for a batch."""

    def __init__(self) -> None:
        #: (hour, dimension, value) → sums by counter; the total has an empty dimension.
        self._sums: dict[tuple[int, str, str], list[int]] = {}
        #: (day, version) → counter → sum.
        self._cards: dict[tuple[int, str], dict[int, int]] = {}
        #: Outcome → how many labels made an event that.
        self._outcomes: Counter[str] = Counter()

    def event(self, kept: Kept) -> None:
        """Count a new event."""
        self._add(kept, marks(kept))
        self._score(kept, 1)
        if kept.label != NO_LABEL:
            self._outcomes[outcome_of(kept)] += 1

    def label(self, before: Kept, after: Kept) -> None:
        """Count a counted event's other label."""
        gone = dict(marks(before))
        come = dict(marks(after))
        self._add(
            after,
            [
                (counter, change)
                for counter in gone.keys() | come.keys()
                if (change := come.get(counter, 0) - gone.get(counter, 0))
            ],
        )
        self._score(before, -1)
        self._score(after, 1)
        self._outcomes[outcome_of(after)] += 1

    def unflag(self, kept: Kept) -> None:
        """Take an event off its device."""
        self._device(kept, [(counter, -sum_) for counter, sum_ in marks(kept)])

    def _add(self, kept: Kept, sums: _Sums) -> None:
        hour = kept.hour
        found = self._sums
        for at in (
            (hour, "", ""),
            (hour, "c", known(kept.country)),
            (hour, "b", known(kept.browser)),
            (hour, "s", known(kept.source)),
            (hour, "g", known(kept.sex)),
            (hour, "y", _band(kept.age)),
        ):
            row = found.get(at)
            if row is None:
                row = found[at] = [0] * COUNTERS
            for counter, sum_ in sums:
                row[counter] += sum_
        self._device(kept, sums)

    def _score(self, kept: Kept, sign: int) -> None:
        if kept.version is None:
            return
        card = self._cards.setdefault((kept.day, kept.version), {})
        for counter, sum_ in scorecard.marks(
            alert=kept.is_alert,
            stratum=scorecard.stratum_of(
                blocked=DECISIONS[kept.decision] is Decision.BLOCK, control=kept.control
            ),
            label=None if kept.label == NO_LABEL else kept.label,
            score=kept.score,
            amount=kept.amount,
            weight=kept.weight,
        ):
            card[counter] = card.get(counter, 0) + sign * sum_

    def _device(self, kept: Kept, sums: _Sums) -> None:
        if kept.device_id is None:
            return
        flags = [one for one in sums if one[0] in _OF_DEVICES]
        if flags:
            at = (kept.hour, DIMENSIONS[Dimension.DEVICE], kept.device_id)
            row = self._sums.setdefault(at, [0] * COUNTERS)
            for counter, sum_ in flags:
                row[counter] += sum_

    def commands(self) -> Iterator[Command]:
        """What adds them to those in Redis."""
        periods: dict[str, dict[str, int]] = {}
        months: dict[int, list[str | int]] = {}
        for (hour, dimension, value), row in self._sums.items():
            day = hour // 24
            month = month_of_day(day)
            sums = [(counter, sum_) for counter, sum_ in enumerate(row) if sum_]
            if not dimension:
                first = (hour - first_hour_of(month)) * COUNTERS
                parts = months.setdefault(month, [])
                for counter, sum_ in sums:
                    parts += ("INCRBY", "i64", f"#{first + counter}", sum_)
                continue
            named = [(f"{counter}{value}", sum_) for counter, sum_ in sums]
            for key in (f"{dimension}h:{hour}", f"{dimension}d:{day}", f"{dimension}m:{month}"):
                fields = periods.get(key)
                if fields is None:
                    fields = periods[key] = {}
                for name, sum_ in named:
                    fields[name] = fields.get(name, 0) + sum_
        for month, parts in months.items():
            for start in range(0, len(parts), 4 * _MOST):
                yield ("BITFIELD", f"t:{month}", *parts[start : start + 4 * _MOST])
        for key, fields in periods.items():
            yield ("ADD", key, *(part for name, sum_ in fields.items() for part in (name, sum_)))
        for (day, version), card in self._cards.items():
            changes = [part for item in card.items() if item[1] for part in item]
            if changes:
                yield ("ADD", f"p:{day}:{version}", *changes)
                yield ("ZADD", "w", day, f"{day}:{version}")
        if self._outcomes:
            yield ("ADD", "m", *(p for one, n in self._outcomes.items() for p in (f"l:{one}", n)))


def outcome_of(kept: Kept) -> str:
    """What a labelled event is of an alert: ``tp``, ``fp``, ``fn`` or ``tn``."""
    right = kept.is_alert == (kept.label == 1)
    return f"{'t' if right else 'f'}{'p' if kept.is_alert else 'n'}"


def marks(kept: Kept) -> _Sums:
    """What a scored event counts as: (counter, sum) of those that are not 0."""
    amount = kept.amount
    found = [(TRANSACTIONS, 1), (AMOUNT, amount)] if amount else [(TRANSACTIONS, 1)]
    is_fraud = kept.label == 1
    if kept.label != NO_LABEL:
        found.append((LABELLED, 1))
        if is_fraud:
            found += ((FRAUD, 1), (FRAUD_AMOUNT, amount))
    if kept.is_alert:
        found += ((ALERTS, 1), (ALERT_AMOUNT, amount))
        if kept.label != NO_LABEL:
            found.append((LABELLED_ALERTS, 1))
            if is_fraud:
                found.append((CAUGHT, 1))
    return found
