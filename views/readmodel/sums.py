"""Replies of Redis as sums: of hours, of values, of the records in parts of hours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from views.counts import Dimension, age_band
from views.periods import HOUR_MS, Span
from views.readmodel.cover import Cover
from views.readmodel.layout import COUNTERS, DIMENSIONS, Kept, first_hour_of, known, unpack
from views.readmodel.scripts import Command
from views.readmodel.tallies import TRANSACTIONS, marks


def parts_asked(covered: Cover) -> list[Command]:
    """Commands for the records of the hours of which a span has a part."""
    return [("HVALS", f"r:{(part.from_ms or 0) // HOUR_MS}") for part in covered.parts]


def records_of(covered: Cover, replies: Sequence[Any]) -> Iterator[Kept]:
    """The events in the parts of hours, given the replies to ``parts_asked``."""
    for part, packed in zip(covered.parts, replies, strict=True):
        yield from (kept for kept in map(unpack, packed) if _is_in(kept, part))


def _is_in(kept: Kept, part: Span) -> bool:
    return kept.time_ms is not None and part.has(kept.time_ms)


def hours_asked(covered: Cover) -> list[Command]:
    """Commands for the sums of each hour of a span."""
    return [("GET", f"t:{month}") for month in covered.months()] + parts_asked(covered)


def hours_of(covered: Cover, replies: Sequence[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The hours that have events, given the replies to ``hours_asked``.

    Returns:
        Hours from 1970, ascending, shape (n,), and ``Counts`` of each, shape (n, ``COUNTERS``).
    """
    months = covered.months()
    begin = first_hour_of(months[0]) if months else covered.begin
    end = first_hour_of(months[-1] + 1) if months else covered.end
    sums = np.zeros((end - begin, COUNTERS), np.int64)
    for month, reply in zip(months, replies, strict=False):
        start = first_hour_of(month) - begin
        found = np.frombuffer(reply or b"", ">i8")
        size = -(-len(found) // COUNTERS)
        sums[start : start + size].reshape(-1)[: len(found)] = found
    sums = sums[covered.begin - begin : covered.end - begin]
    hours = np.arange(covered.begin, covered.end)
    for kept in records_of(covered, replies[len(months) :]):
        row = np.zeros((1, COUNTERS), np.int64)
        for counter, sum_ in marks(kept):
            row[0, counter] = sum_
        hours = np.append(hours, kept.hour)
        sums = np.concatenate((sums, row))
    has = sums[:, TRANSACTIONS] > 0
    order = np.argsort(hours[has], kind="stable")
    return hours[has][order], sums[has][order]


def values_asked(covered: Cover, dimension: Dimension) -> list[Command]:
    """Commands for the sums of a dimension's values over a span."""
    name = DIMENSIONS[dimension]
    whole: list[Command] = [
        ("HGETALL", f"{name}{level}:{start}") for level, start in covered.periods()
    ]
    return whole + parts_asked(covered)


def values_of(covered: Cover, dimension: Dimension, replies: Sequence[Any]) -> dict[str, list[int]]:
    """Value → sums by counter, given the replies to ``values_asked``; some may all be 0."""
    whole = len(replies) - len(covered.parts)
    added: dict[bytes, int] = {}
    before = added.get
    for reply in replies[:whole]:
        for name, sum_ in zip(reply[::2], map(int, reply[1::2]), strict=True):
            added[name] = before(name, 0) + sum_
    found: dict[str, list[int]] = {}
    for name, total in added.items():
        found.setdefault(name[1:].decode(), [0] * COUNTERS)[name[0] - 48] = total
    for kept in records_of(covered, replies[whole:]):
        value = value_of(kept, dimension)
        if value is not None:
            add(found.setdefault(value, [0] * COUNTERS), kept)
    return found


def add(sums: list[int], kept: Kept) -> None:
    """Count an event."""
    for counter, sum_ in marks(kept):
        sums[counter] += sum_


def value_of(kept: Kept, dimension: Dimension) -> str | None:
    """What an event is counted under; None: a device that is not known, and so not counted."""
    if dimension is Dimension.AGE:
        return age_band(kept.age)
    if dimension is Dimension.DEVICE:
        return kept.device_id
    text: str | None = getattr(kept, dimension.value)
    return known(text)
