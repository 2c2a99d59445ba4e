"""Spans of event time and the buckets they are cut into; all calendars are UTC."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

HOUR_MS = 3_600_000
#: 1970-01-01 was a Thursday; weeks begin on Monday.
_FIRST_MONDAY_MS = 4 * 24 * HOUR_MS


class Bucket(StrEnum):
    """Lengths of time that a trend can be cut into."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Span:
    """From the first moment, inclusive, to the second, exclusive; None: as far as there is data.

    Attributes:
        from_ms: milliseconds since 1970 UTC.
        to_ms: the same.
    """

    from_ms: int | None = None
    to_ms: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether no moment lies in it."""
        return self.from_ms is not None and self.to_ms is not None and self.from_ms >= self.to_ms

    def has(self, time_ms: int) -> bool:
        """Whether a moment lies in it."""
        return (self.from_ms is None or self.from_ms <= time_ms) and (
            self.to_ms is None or time_ms < self.to_ms
        )


def bucket_starts(time_ms: NDArray[np.int64], bucket: Bucket) -> NDArray[np.int64]:
    """Beginning of the bucket that each moment lies in, milliseconds since 1970, shape (n,)."""
    if bucket is Bucket.WEEK:
        week = 7 * 24 * HOUR_MS
        return (time_ms - _FIRST_MONDAY_MS) // week * week + _FIRST_MONDAY_MS
    unit = {Bucket.HOUR: "h", Bucket.DAY: "D", Bucket.MONTH: "M"}[bucket]
    whole = time_ms.astype("datetime64[ms]").astype(f"datetime64[{unit}]")
    return whole.astype("datetime64[ms]").astype(np.int64)


def bucket_start(time_ms: int, bucket: Bucket) -> int:
    """``bucket_starts`` of one."""
    return int(bucket_starts(np.array([time_ms], np.int64), bucket)[0])


def bucket_end(start_ms: int, bucket: Bucket) -> int:
    """Beginning of the bucket behind the one that begins at ``start_ms``."""
    longest = {Bucket.HOUR: 1, Bucket.DAY: 24, Bucket.WEEK: 168, Bucket.MONTH: 31 * 24}[bucket]
    if bucket is Bucket.MONTH:  # no month has more than 31 days, so this lies in the next one
        return bucket_start(start_ms + longest * HOUR_MS, bucket)
    return start_ms + longest * HOUR_MS


def buckets_between(from_ms: int, to_ms: int, bucket: Bucket, most: int) -> list[int]:
    """Beginnings of all buckets that have a moment in a span, at most ``most`` + 1 of them."""
    found: list[int] = []
    start = bucket_start(from_ms, bucket)
    while start < to_ms and len(found) <= most:
        found.append(start)
        start = bucket_end(start, bucket)
    return found
