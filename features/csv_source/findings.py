"""What is noted while a CSV file is read: repairs, warnings, and the lines set aside.

Promise: every data line is either accepted or is one ``Reject``, and every change to a value is
counted under a name in ``repairs``. A data line is a record below the header that is not blank;
a record whose quoted field holds line ends is one data line, numbered where it begins.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from core.errors import RejectedEvent
from features.rules_of_fields import shown

#: Characters of a rejected value that are kept.
_KEPT = 500


class LineCode(StrEnum):
    """Why a line is set aside, beyond what ``core.names.RejectCode`` knows."""

    TOO_FEW_FIELDS = "too_few_fields"
    TOO_MANY_FIELDS = "too_many_fields"
    OPEN_QUOTE = "open_quote"
    BAD_LINE = "bad_line"
    CUT_LINE = "cut_line"
    BAD_LABEL = "bad_label"
    CONTRADICTION = "contradiction"
    BAD_RANGE = "bad_range"
    OVERLAP = "overlap"
    NO_COUNTRY = "no_country"


class Repair(StrEnum):
    """Names under which changes to what stands in the file are counted."""

    BLANK_LINE = "blank_line"  #: skipped
    NOT_UTF8 = "not_utf8"  #: a line read as Windows-1252
    EXTRA_EMPTY_FIELDS = "extra_empty_fields"  #: dropped from the end of a line
    MISSING_MARKER = "missing_marker"  #: NA, NULL … read as no value
    DECIMAL_COMMA = "decimal_comma"  #: read as a decimal point
    IP_INTEGER = "ip_integer"  #: written as dotted
    IP_FLOAT = "ip_float"  #: fraction dropped, written as dotted
    DATE_MDY = "date_mdy"  #: read month first
    DATE_DMY = "date_dmy"  #: read day first
    DATE_WITHOUT_TIME = "date_without_time"  #: read as midnight
    CLOCK_CHANGE = "clock_change"  #: local time that occurs twice or never; the earlier offset
    LOWER_BOUND = "lower_bound"  #: rounded by a spreadsheet; previous upper bound + 1
    BOUND_FLOAT = "bound_float"  #: ``16777216.0`` read as an integer
    OUT_OF_ORDER = "out_of_order"  #: a range that came after a higher one
    NO_COUNTRY = "no_country"  #: a range of no country (European Union …), kept as unknown


class Reject(NamedTuple):
    """One line that was set aside.

    Attributes:
        line: physical line number at which it begins (the header is line 1).
        field: column at fault, or "" when the line as a whole is.
        value: what stands there, at most 500 characters.
        code: stable word (``RejectCode`` or ``LineCode``).
        reason: why, and what would be right.
    """

    line: int
    field: str
    value: str
    code: str
    reason: str


def reject_of(line: int, value: str, refusal: RejectedEvent) -> Reject:
    """The reject for a refusal by one of the rules of fields."""
    why = refusal.message
    # The value has a column of its own.
    why = why.removeprefix(f"{refusal.field}={shown(value.strip())} ")
    return Reject(line, refusal.field, value[:_KEPT], refusal.code, why)


@dataclass(slots=True)
class Findings:
    """What is noted while a file is read."""

    repairs: Counter[str] = field(default_factory=Counter)
    warnings: list[str] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    def repaired(self, repair: Repair, count: int = 1) -> None:
        """Count ``count`` values changed."""
        if count:
            self.repairs[repair.value] += count

    def reject(self, line: int, code: str, reason: str, field: str = "", value: str = "") -> None:
        """Set one line aside."""
        self.rejects.append(Reject(line, field, value[:_KEPT], code, reason))

    def reject_event(self, line: int, value: str, refusal: RejectedEvent) -> None:
        """Set one line aside for what a rule says of one of its values."""
        self.rejects.append(reject_of(line, value, refusal))
