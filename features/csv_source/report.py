"""What reading a CSV file found out: facts, repairs, warnings, and the lines set aside.

Promise: every data line is either accepted or is one ``Reject``, and every change to a value is
counted under a name in ``repairs``. A data line is a record below the header that is not blank;
a record whose quoted field holds line ends is one data line, numbered where it begins.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from core.errors import ConfigError, DataError, RejectedEvent
from features.rules_of_fields import shown

#: Characters of a rejected value that are kept.
_KEPT = 500
#: Rejects that the report itself shows.
FIRST_REJECTS = 10


class LineCode(StrEnum):
    """Why a line is set aside, beyond what ``core.names.RejectCode`` knows."""

    TOO_FEW_FIELDS = "too_few_fields"
    TOO_MANY_FIELDS = "too_many_fields"
    OPEN_QUOTE = "open_quote"
    BAD_LINE = "bad_line"
    CUT_LINE = "cut_line"
    BAD_LABEL = "bad_label"
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
    head, known, rest = why.partition(" ")
    if refusal.field and head.startswith(f"{refusal.field}="):
        # The value has a column of its own; its text may hold spaces.
        prefix = f"{refusal.field}={shown(value)} "
        why = why.removeprefix(prefix) if why.startswith(prefix) else rest if known else why
    return Reject(line, refusal.field, value[:_KEPT], refusal.code, why)


@dataclass(frozen=True, slots=True)
class CsvReport:
    """Outcome of reading one file.

    Attributes:
        path: the file.
        kind: ``ecommerce``, ``banking`` or ``ip_table``.
        sha256: hex, of the decompressed bytes.
        size: decompressed bytes.
        encoding: such as ``utf-8`` or ``utf-8 with byte order mark``.
        line_ends: ``lf``, ``crlf`` or ``cr``, as after the header.
        compressed: whether it was gzip.
        delimiter: between fields.
        accepted: data lines that became events (or ranges).
        rejected: data lines that were set aside; the two add up to ``data_lines``.
        repairs: name → number of values (or lines) changed.
        reasons: code → number of lines set aside for it.
        first_rejects: the first ten of them, by line.
        rejects_file: where all of them were written, None where none was.
        warnings: whole sentences.
        columns: names of the columns that were read, in file order.
        ignored: names of those that were not.
        date_order: ``mdy``, ``dmy`` or ``ymd``; None where the file has no dates.
        first_ms, last_ms: earliest and latest event time, ms since 1970 UTC; None for a table.
        labelled, fraud: events whose label is known, and those of them that are fraud.
    """

    path: Path
    kind: str
    sha256: str
    size: int
    encoding: str
    line_ends: str
    compressed: bool
    delimiter: str
    accepted: int
    rejected: int
    repairs: dict[str, int]
    reasons: dict[str, int]
    first_rejects: tuple[Reject, ...]
    rejects_file: Path | None
    warnings: tuple[str, ...]
    columns: tuple[str, ...]
    ignored: tuple[str, ...]
    date_order: str | None = None
    first_ms: int | None = None
    last_ms: int | None = None
    labelled: int = 0
    fraud: int = 0

    @property
    def data_lines(self) -> int:
        """Records below the header that are not blank."""
        return self.accepted + self.rejected


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


def default_rejects_path(csv_path: Path) -> Path:
    """``<stem>.rejects.csv`` in the current directory."""
    name = csv_path.name
    for ending in (".gz", ".csv"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            name = name[: -len(ending)]
    return Path(f"{name}.rejects.csv")


def check_rejects_path(csv_path: Path, rejects: Path) -> None:
    """Refuse to write over the file that is read.

    Raises:
        ConfigError: they are the same file.
    """
    try:
        same = rejects.exists() and rejects.samefile(csv_path)
    except OSError:
        same = False
    if same:
        raise ConfigError(f"--rejects {rejects} is the file that is read: choose another name")


def write_rejects(path: Path, rejects: Iterable[Reject]) -> None:
    """Write ``rejects`` as a CSV with the columns line, field, value, reason.

    Raises:
        DataError: the file cannot be written.
    """
    try:
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(("line", "field", "value", "reason"))
            writer.writerows(
                (reject.line, reject.field, reject.value, f"{reject.code}: {reject.reason}")
                for reject in rejects
            )
    except OSError as error:
        raise DataError(
            f"cannot write the rejected lines to {path} ({error.strerror or error}): make room "
            "there, or choose another file with --rejects"
        ) from None


def nothing_accepted(path: Path, rejects: Sequence[Reject], rejects_file: Path | None) -> DataError:
    """The error for a file of which no line is usable."""
    first = rejects[0]
    where = f"; all of them: {rejects_file}" if rejects_file else ""
    name = f" {first.field}={shown(first.value)}" if first.field else ""
    return DataError(
        f"{path}: none of its {len(rejects):,} data lines is usable. The first, line "
        f"{first.line}:{name} {first.reason}{where}"
    )
