"""Dates and times as they are found in files, whose day and month order only the file can tell.

Promise: no date is read in an order that a value of the same file contradicts, and none in an
order that nothing decides. Steps:

1. each text is taken apart into date and time of day; equal dates and times are read once;
2. when the whole file was seen, values over 12 decide whether day or month comes first; a file
   that leaves it open, or contradicts itself, is refused with the remedy;
3. dates become milliseconds; times without a zone are in the zone given.

Formats: year first (``2015-02-24``, ``2015/02/24``) or last (``2/24/2015``, ``24.02.2015``,
``2/24/15``); then a space or ``T`` and ``22:55``, ``22:55:49``, ``22:55:49.123`` or ``10:55 PM``,
with ``Z`` or an offset; or no time, which is midnight. Fractions are floored to milliseconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError, DataError
from core.names import DAY_MS, RejectCode
from features.csv_source.findings import Findings, Repair
from features.rules_of_fields import refused
from features.rules_of_times import END_TIME_MS, MIN_TIME_MS
from features.zones import zone_named

ORDERS = ("mdy", "dmy", "ymd")
#: The code of no moment.
NONE = -1
#: What ``times_ms`` gives where a moment does not exist or is out of bounds.
NO_TIME = int(np.iinfo(np.int64).min)

_DATE = re.compile(r"([0-9]{1,4})([-/.])([0-9]{1,2})\2([0-9]{1,4})")
_TIME = re.compile(
    r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"(?:\s*([AaPp])\.?[Mm]\.?)?\s*(?:([Zz]|UTC|GMT)|([+-])([0-9]{2})(?::?([0-9]{2}))?)?"
)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_EPOCH = datetime(1970, 1, 1)
_SHIFT = 32
#: A column of years spans less than this; a column of days spans more in all but tiny files.
_YEARS = 5


class _Parts(NamedTuple):
    """Three numbers of a date in the order they are written; ``year_first`` when that is sure."""

    text: str
    a: int
    b: int
    c: int
    year_first: bool
    two_digits: bool


class _UndecidedError(DataError):
    """No value decides the order."""


class Moments:
    """Reads the dates and times of one file.

    Args:
        order: ``auto``, or the order of dates that do not begin with a year of four digits.
        tz: IANA name of the zone of times without one.

    Raises:
        ConfigError: there is no such order or zone.
    """

    def __init__(self, order: str, tz: str) -> None:
        if order not in ("auto", *ORDERS):
            raise ConfigError(f"--date-order {order!r} is unknown: use mdy, dmy, ymd or auto")
        self._order = order
        self._zone = _zone(tz)
        self._dates: dict[str, int] = {}
        self._parts: list[_Parts] = []
        self._times: dict[str, int] = {}
        self._time_texts: list[str] = []
        self._millis: list[int] = []  # of the day; past its end where an offset says so
        self._local: list[bool] = []

    def code(self, field: str, text: str) -> int:
        """A number that stands for the moment ``text`` until the whole file was seen.

        Raises:
            RejectedEvent: BAD_TIME when it is no date and time in any order.
        """
        if text[10:11] in ("T", "t"):
            day, time = text[:10], text[11:]
        else:
            day, _, time = text.partition(" ")
        try:
            return self._date(day) << _SHIFT | self._time(time)
        except ValueError:
            raise refused(
                RejectCode.BAD_TIME,
                field,
                text,
                "is no time",
                "write 2015-02-24 22:55:49, or month and day first as the rest of the file",
            ) from None

    def text(self, code: int) -> str:
        """What the code was made from, but for spaces."""
        time = self._time_texts[code & ((1 << _SHIFT) - 1)]
        return f"{self._parts[code >> _SHIFT].text} {time}".rstrip()

    def order(self, used: Iterable[NDArray[np.int64]]) -> str | None:
        """The order of the file's dates; None where it has none.

        Args:
            used: codes of the rows that are not set aside, by column. Other dates of the file
                count only where these leave the order open.

        Raises:
            DataError: nothing decides it, or values contradict each other.
        """
        codes = np.concatenate([column[column != NONE] for column in used])
        dates = [self._parts[date] for date in np.unique(codes >> _SHIFT).tolist()]
        turned = [parts for parts in dates if not parts.year_first]
        if not turned:
            return "ymd" if dates else None
        if self._order != "auto":
            return self._order
        try:
            return _inferred(turned)
        except _UndecidedError:
            every = [parts for parts in self._parts if not parts.year_first]
            return _inferred(every)

    def times_ms(
        self, codes: NDArray[np.int64], order: str | None, findings: Findings
    ) -> NDArray[np.int64]:
        """Milliseconds since 1970 UTC of each code, shape (n,).

        ``NO_TIME`` where the code is ``NONE``, the day does not exist, or the moment lies outside
        1970 … 2200.
        """
        result = np.full(len(codes), NO_TIME, np.int64)
        rows = np.flatnonzero(codes != NONE)
        if not len(rows):
            return result
        day = codes[rows] >> _SHIFT
        time = codes[rows] & ((1 << _SHIFT) - 1)
        day_ms = np.array([_day_ms(parts, order) for parts in self._parts], np.int64)
        exists = day_ms[day] != NO_TIME
        rows, day, time = rows[exists], day[exists], time[exists]
        millis = day_ms[day] + np.array(self._millis, np.int64)[time]
        local = np.array(self._local, np.bool_)[time]
        if self._zone is not None and local.any():
            millis[local] = _to_utc(millis[local], self._zone, findings)
        inside = (millis >= MIN_TIME_MS) & (millis < END_TIME_MS)
        result[rows[inside]] = millis[inside]
        turned = np.array([not parts.year_first for parts in self._parts], np.bool_)[day]
        if order in ("mdy", "dmy"):
            name = Repair.DATE_MDY if order == "mdy" else Repair.DATE_DMY
            findings.repaired(name, int(turned.sum()))
        bare = self._times.get("")
        if bare is not None:
            findings.repaired(Repair.DATE_WITHOUT_TIME, int((time == bare).sum()))
        return result

    def _date(self, text: str) -> int:
        code = self._dates.get(text)
        if code is None:
            parts = _parts(text)
            code = self._dates[text] = len(self._parts)
            self._parts.append(parts)
        return code

    def _time(self, text: str) -> int:
        code = self._times.get(text)
        if code is None:
            millis, local = _time_of_day(text.strip())
            code = self._times[text] = len(self._millis)
            self._time_texts.append(text)
            self._millis.append(millis)
            self._local.append(local)
        return code


def _zone(name: str) -> ZoneInfo | None:
    """The zone, None for UTC itself, which needs no database."""
    return None if name == "UTC" else zone_named(name)


def _parts(text: str) -> _Parts:
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError
    first, _, second, third = match.groups()
    if len(first) == 4 and len(third) <= 2:
        return _Parts(text, int(first), int(second), int(third), True, False)
    if len(first) > 2 or len(third) not in (2, 4):
        raise ValueError
    two_digits = len(third) == 2
    a, b = int(first), int(second)
    # Where this can be neither a day nor a month, it is no date but damage.
    if not 0 <= b <= 31 or (not two_digits and not 0 < a <= 31) or (a > 12 and b > 12):
        raise ValueError
    return _Parts(text, a, b, int(third), False, two_digits)


def _time_of_day(text: str) -> tuple[int, bool]:
    """Milliseconds after midnight (UTC where a zone is given), and whether none is."""
    if not text:
        return 0, True
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError
    hour, minute, second, fraction, half, utc, sign, zone_hour, zone_minute = match.groups()
    hours, minutes, seconds = int(hour), int(minute), int(second or 0)
    if half is not None:
        if not 1 <= hours <= 12:
            raise ValueError
        hours = hours % 12 + (12 if half in "Pp" else 0)
    if hours > 23 or minutes > 59 or seconds > 59:
        raise ValueError
    millis = ((hours * 60 + minutes) * 60 + seconds) * 1000 + int(f"{fraction or 0:0<3}"[:3])
    if sign is None:
        return millis, utc is None
    offset = int(zone_hour) * 60 + int(zone_minute or 0)
    if int(zone_hour) > 23 or int(zone_minute or 0) > 59:
        raise ValueError
    return millis - (offset if sign == "+" else -offset) * 60_000, False


def _inferred(dates: list[_Parts]) -> str:
    """The one order in which all of ``dates`` can be read."""
    day_first = next((parts for parts in dates if parts.a > 12), None)
    month_first = next((parts for parts in dates if parts.b > 12), None)
    if day_first and month_first:
        raise DataError(
            f"dates contradict each other: {day_first.text!r} has no month first and "
            f"{month_first.text!r} no day first: correct the file, or force one order with "
            "--date-order mdy|dmy|ymd and look at the rejected lines"
        )
    if month_first:
        return "mdy"
    if day_first is None:
        unclear = next((parts for parts in dates if parts.a != parts.b), None)
        # 3/3/2015 is the same day in both orders.
        if unclear is None and not any(parts.two_digits for parts in dates):
            return "mdy"
        raise _undecided(unclear or dates[0])
    # With two digits for the year, 15/02/24 may begin with it; years vary less than days do.
    if all(parts.two_digits for parts in dates):
        first = max(parts.a for parts in dates) - min(parts.a for parts in dates)
        third = max(parts.c for parts in dates) - min(parts.c for parts in dates)
        if first < _YEARS <= third or any(parts.a > 31 for parts in dates):
            return "ymd"
        if not third < _YEARS <= first:
            raise _undecided(day_first)
    return "dmy"


def _undecided(example: _Parts) -> _UndecidedError:
    return _UndecidedError(
        f"no value decides the order of day, month and year in dates such as {example.text!r}: "
        "say it with --date-order mdy, dmy or ymd"
    )


def _day_ms(parts: _Parts, order: str | None) -> int:
    """Milliseconds since 1970 at midnight of that date; ``NO_TIME`` where there is no such day."""
    a, b, c = parts.a, parts.b, parts.c
    if parts.year_first:
        year, month, day = a, b, c
    elif order == "ymd":
        if not parts.two_digits:
            return NO_TIME
        year, month, day = _century(a), b, c
    else:
        year = _century(c) if parts.two_digits else c
        month, day = (a, b) if order == "mdy" else (b, a)
    try:
        return (date(year, month, day).toordinal() - _EPOCH_DAY) * DAY_MS
    except ValueError:
        return NO_TIME


def _century(year: int) -> int:
    """POSIX: 69 … 99 are 1969 … 1999, 00 … 68 are 2000 … 2068."""
    return year + (1900 if year >= 69 else 2000)


def _to_utc(millis: NDArray[np.int64], zone: ZoneInfo, findings: Findings) -> NDArray[np.int64]:
    """Milliseconds in UTC of local clock readings; of two possible ones the earlier."""
    seconds, which, counts = np.unique(millis // 1000, return_inverse=True, return_counts=True)
    offsets = np.empty(len(seconds), np.int64)
    for i, second in enumerate(seconds.tolist()):
        try:
            local = _EPOCH + timedelta(seconds=second)
            offset = local.replace(tzinfo=zone).utcoffset() or timedelta(0)
            if offset != local.replace(tzinfo=zone, fold=1).utcoffset():
                findings.repaired(Repair.CLOCK_CHANGE, int(counts[i]))
            offsets[i] = offset // timedelta(milliseconds=1)
        except OverflowError:
            offsets[i] = 0  # beyond the years we accept, and refused for that
    return millis - offsets[which]
