"""What a time must be: the rules shared by Kafka messages and CSV files.

Like ``features.rules_of_fields``: a rule takes the field's name and its value, and returns
integer milliseconds since 1970 UTC or raises ``RejectedEvent``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from core.errors import RejectedEvent
from core.messages import TIME_PATTERN
from core.names import RejectCode
from features.profiles import BANKING_EPOCH_MS
from features.rules_of_fields import refused, whole_number

#: Event and sign-up times lie in [MIN_TIME_MS, END_TIME_MS): the years 1970 to 2200, UTC.
MIN_TIME_MS = 0
END_TIME_MS = 7_289_654_400_000  # 2201-01-01T00:00:00Z

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_TIME = re.compile(TIME_PATTERN)


def written_time(field: str, value: str) -> int:
    """Milliseconds since 1970 UTC of an ISO 8601 time; no zone means UTC; floored.

    Raises:
        RejectedEvent: BAD_TIME when it cannot be read or lies outside 1970 … 2200.
    """
    try:
        if not _TIME.fullmatch(value):
            raise ValueError
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise refused(
            RejectCode.BAD_TIME,
            field,
            value,
            "is no time",
            "send ISO 8601 such as 2026-01-31T12:00:00.000Z",
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return time_in_range(field, value, (moment - _EPOCH) // _MILLISECOND)


def banking_time(field: str, seconds: float) -> int:
    """Milliseconds since 1970 UTC of seconds since ``BANKING_EPOCH_MS``; floored.

    Raises:
        RejectedEvent: OUT_OF_RANGE for an integer beyond ±2^53, BAD_TIME outside 1970 … 2200.
    """
    if isinstance(seconds, int):
        return time_in_range(field, seconds, BANKING_EPOCH_MS + 1000 * whole_number(field, seconds))
    if not abs(seconds) < END_TIME_MS:
        raise _out_of_time(field, seconds)
    # 1.001 s × 1000 is a little less than 1001; the number that was written has the last word.
    millis = round(seconds * 1000)
    if millis / 1000 != seconds:
        millis = math.floor(seconds * 1000)
    return time_in_range(field, seconds, BANKING_EPOCH_MS + millis)


def time_in_range(field: str, value: object, time_ms: int) -> int:
    """``time_ms`` itself, where ``value`` is what it was read from.

    Raises:
        RejectedEvent: BAD_TIME outside 1970 … 2200.
    """
    if not MIN_TIME_MS <= time_ms < END_TIME_MS:
        raise _out_of_time(field, value)
    return time_ms


def _out_of_time(field: str, value: object) -> RejectedEvent:
    return refused(
        RejectCode.BAD_TIME, field, value, "lies outside 1970 to 2200", "check the clock and unit"
    )


class _Look:
    """One way of writing a time: where its digits are, and what stands in between.

    What stands before the hour is left to numpy.
    """

    def __init__(self, fraction: str, zone: str) -> None:
        text = f"9999-99-99T99:99:99{fraction}{zone}"
        self.width = len(text)
        #: What numpy is given: no zone, and milliseconds at most.
        self.kept = min(self.width - len(zone), 23)
        shape = np.frombuffer(text.encode(), np.uint8)
        self.digits = np.flatnonzero(shape == ord("9"))
        self.others = np.setdiff1d(np.flatnonzero(shape != ord("9")), [_SEPARATOR_AT])
        self.expected = shape[self.others]


_SEPARATOR_AT = 10
_LOOKS = {
    look.width: look
    for look in (
        _Look(fraction, zone)
        for fraction in ("", ".999", ".999999")
        for zone in ("", "Z", "+00:00")
    )
}


def written_times(values: Sequence[str]) -> NDArray[np.int64] | None:
    """``written_time`` of n times that are all written alike, in a common way; shape (n,).

    Common is a fraction of no, three or six digits and no zone, ``Z`` or ``+00:00``. None as soon
    as one is written otherwise or refused: read them one by one then, which takes ten times as
    long.
    """
    widths = set(map(len, values))
    look = _LOOKS.get(widths.pop()) if len(widths) == 1 else None
    if look is None:
        return None
    try:
        text = np.frombuffer("".join(values).encode("ascii"), np.uint8).reshape(-1, look.width)
    except UnicodeEncodeError:
        return None
    if not (
        (text[:, look.others] == look.expected).all()
        # What is below "0" wraps around to a large number.
        and ((text[:, look.digits] - np.uint8(ord("0"))) <= 9).all()
    ):
        return None
    try:
        # numpy knows the calendar, and takes T or a space before the hour.
        kept = np.ascontiguousarray(text[:, : look.kept]).view(f"S{look.kept}").ravel()
        times: NDArray[np.int64] = kept.astype("datetime64[ms]").astype(np.int64)
    except ValueError:
        return None
    return times if ((times >= MIN_TIME_MS) & (times < END_TIME_MS)).all() else None
