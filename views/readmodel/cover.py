"""A span as whole months, days and hours, and the parts of hours that are left at its ends."""

from __future__ import annotations

from dataclasses import dataclass

from features.iso_times import iso_time
from views.periods import HOUR_MS, Span
from views.readmodel.layout import first_hour_of, month_of_day
from views.store import SpanError


@dataclass(frozen=True, slots=True)
class Cover:
    """What together makes a span.

    Attributes:
        begin, end: the whole hours of it, from the first to before the second; counted from 1970.
        parts: spans within an hour each, none of them whole.
    """

    begin: int
    end: int
    parts: tuple[Span, ...]

    def periods(self) -> list[tuple[str, int]]:
        """The whole hours as (``m``, month), (``d``, day) and (``h``, hour), as few as it takes."""
        found: list[tuple[str, int]] = []
        hour = self.begin
        while hour < self.end:
            month = month_of_day(hour // 24)
            if hour == first_hour_of(month) and first_hour_of(month + 1) <= self.end:
                found.append(("m", month))
                hour = first_hour_of(month + 1)
            elif hour % 24 == 0 and hour + 24 <= self.end:
                found.append(("d", hour // 24))
                hour += 24
            else:
                found.append(("h", hour))
                hour += 1
        return found

    def months(self) -> list[int]:
        """The months that its whole hours lie in."""
        if self.begin >= self.end:
            return []
        return list(range(month_of_day(self.begin // 24), month_of_day((self.end - 1) // 24) + 1))


def cover(span: Span, first_ms: int, last_ms: int, horizon_ms: int) -> Cover:
    """What a span is made of, as far as there are events.

    Args:
        span: not empty.
        first_ms, last_ms: event times of the first and the last event.
        horizon_ms: parts of hours before it cannot be answered; a whole hour.

    Raises:
        SpanError: it begins or ends within an hour of which only sums are kept.
    """
    from_ms = max(first_ms if span.from_ms is None else span.from_ms, first_ms)
    to_ms = min(last_ms + 1 if span.to_ms is None else span.to_ms, last_ms + 1)
    if from_ms >= to_ms:
        return Cover(0, 0, ())
    # Before the first and behind the last event nothing is: their hours are whole.
    begin = from_ms // HOUR_MS * HOUR_MS if from_ms == first_ms else from_ms
    end = -(-to_ms // HOUR_MS) * HOUR_MS if to_ms == last_ms + 1 else to_ms
    for moment in (begin, end):
        if moment % HOUR_MS and moment < horizon_ms:
            raise _within(moment, horizon_ms)
    first_whole, last_whole = -(-begin // HOUR_MS), end // HOUR_MS
    if first_whole > last_whole:
        return Cover(0, 0, (Span(begin, end),))
    parts = (Span(begin, first_whole * HOUR_MS), Span(last_whole * HOUR_MS, end))
    return Cover(first_whole, last_whole, tuple(part for part in parts if not part.is_empty))


def _within(moment: int, horizon_ms: int) -> SpanError:
    hour = moment // HOUR_MS * HOUR_MS
    return SpanError(
        f"{iso_time(moment)} is within an hour of which only sums are kept: ask from or to "
        f"{iso_time(hour)} or {iso_time(hour + HOUR_MS)}, or any moment since "
        f"{iso_time(horizon_ms)} (FRAUDSTREAM_VIEWS_DAYS)"
    )
