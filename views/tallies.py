"""Sums that a batch adds to: over all events by hour, over each dimension's values by period.

What one batch adds stays below 2⁵³, up to which Lua's numbers are exact: an amount has at most
10¹³ units, so a batch may have some 900 events.
"""

from __future__ import annotations

from collections.abc import Iterator

from views.counts import Dimension, age_band
from views.layout import (
    COUNTERS,
    DIMENSIONS,
    NO_LABEL,
    Kept,
    first_hour_of,
    known,
    month_of_day,
)
from views.scripts import Command

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


class Tallies:
    """What is added up for a batch."""

    def __init__(self) -> None:
        #: (hour, counter) → sum, and (hour, key of dimension) → counter and value → sum.
        self._totals: dict[tuple[int, int], int] = {}
        self._values: dict[tuple[int, str], dict[str, int]] = {}

    def event(self, kept: Kept) -> None:
        """Count a new event."""
        self._add(kept, marks(kept))

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

    def unflag(self, kept: Kept) -> None:
        """Take an event off its device."""
        self._device(kept.hour, kept, [(counter, -sum_) for counter, sum_ in marks(kept)])

    def _add(self, kept: Kept, sums: _Sums) -> None:
        hour = kept.hour
        totals = self._totals
        for counter, sum_ in sums:
            at = (hour, counter)
            totals[at] = totals.get(at, 0) + sum_
        for dimension, value in (
            ("c", known(kept.country)),
            ("b", known(kept.browser)),
            ("s", known(kept.source)),
            ("g", known(kept.sex)),
            ("y", age_band(kept.age)),
        ):
            fields = self._values.setdefault((hour, dimension), {})
            for counter, sum_ in sums:
                name = f"{counter}{value}"
                fields[name] = fields.get(name, 0) + sum_
        if kept.device_id is not None:
            self._device(hour, kept, sums)

    def _device(self, hour: int, kept: Kept, sums: _Sums) -> None:
        for counter, sum_ in sums:
            if counter in _OF_DEVICES:
                fields = self._values.setdefault((hour, DIMENSIONS[Dimension.DEVICE]), {})
                name = f"{counter}{kept.device_id}"
                fields[name] = fields.get(name, 0) + sum_

    def commands(self) -> Iterator[Command]:
        """What adds them to those in Redis."""
        yield from self._totals_added()
        periods: dict[str, dict[str, int]] = {}
        for (hour, dimension), fields in self._values.items():
            day = hour // 24
            periods[f"{dimension}h:{hour}"] = fields
            for key in (f"{dimension}d:{day}", f"{dimension}m:{month_of_day(day)}"):
                sums = periods.get(key)
                if sums is None:
                    periods[key] = dict(fields)
                else:
                    for name, sum_ in fields.items():
                        sums[name] = sums.get(name, 0) + sum_
        for key, fields in periods.items():
            yield ("ADD", key, *(part for name, sum_ in fields.items() for part in (name, sum_)))

    def _totals_added(self) -> Iterator[Command]:
        months: dict[int, list[str | int]] = {}
        for (hour, counter), sum_ in self._totals.items():
            month = month_of_day(hour // 24)
            at = (hour - first_hour_of(month)) * COUNTERS + counter
            months.setdefault(month, []).extend(("INCRBY", "i64", f"#{at}", sum_))
        for month, parts in months.items():
            for start in range(0, len(parts), 4 * _MOST):
                yield ("BITFIELD", f"t:{month}", *parts[start : start + 4 * _MOST])


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
