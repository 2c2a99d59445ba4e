"""Which kind of file it is, by its header: column names, where they are, what separates them.

Names are compared without case, surrounding space, quotes and a byte order mark; ``Purchase Time``
is ``purchase_time``. Columns that nothing here knows are ignored.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from core.errors import DataError
from features.csv_source.findings import Findings
from features.csv_source.lines import Lines
from features.profiles import VECTOR

IP_TABLE, OUTCOMES = "ip_table", "outcomes"
LOWER, UPPER, COUNTRY = "lower_bound_ip_address", "upper_bound_ip_address", "country"
_DELIMITERS = (",", ";", "\t")
_SPACE = re.compile(r"[\s-]+")
#: Column names that an error message shows.
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Kind:
    """Columns of one kind of file.

    ``extra`` columns are ours and absent from the files found in the wild, so that nobody is
    warned of missing them.
    """

    name: str
    what: str
    use: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()

    @property
    def known(self) -> tuple[str, ...]:
        """Every column that is read."""
        return self.required + self.optional + self.extra


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "ecommerce",
            "e-commerce transactions",
            "use --profile ecommerce",
            ("user_id", "signup_time", "purchase_time", "purchase_value", "device_id"),
            ("source", "browser", "sex", "age", "ip_address", "class"),
            ("event_id", "labelled_at"),
        ),
        Kind(
            "banking",
            "card transactions",
            "use --profile banking",
            ("time", *VECTOR, "amount"),
            ("class",),
            ("event_id", "card_id", "labelled_at"),
        ),
        Kind(
            IP_TABLE,
            "a table of IP ranges",
            "name it in FRAUDSTREAM_IP_TABLE",
            (LOWER, UPPER, COUNTRY),
        ),
        Kind(
            OUTCOMES,
            "outcomes of events",
            "send it with `fraudstream labels`",
            ("event_id", "label"),
            ("labelled_at",),
            ("source",),
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Header:
    """A header line, understood.

    Attributes:
        kind: kind of the file.
        delimiter: between its fields.
        names: normalised names of all n columns.
        at: name of a known column → its position.
        line_ends: ``lf``, ``crlf`` or ``cr``.
    """

    kind: Kind
    delimiter: str
    names: tuple[str, ...]
    at: dict[str, int]
    line_ends: str

    @property
    def missing_optional(self) -> tuple[str, ...]:
        """Optional columns that the file does not have."""
        return tuple(name for name in self.kind.optional if name not in self.at)

    @property
    def ignored(self) -> tuple[str, ...]:
        """Columns that are not read."""
        return tuple(name for name in self.names if name not in self.at)


def detect_kind(path: Path) -> str:
    """``ecommerce``, ``banking``, ``ip_table`` or ``outcomes``, by the header of ``path``.

    Raises:
        ConfigError: the file cannot be opened.
        DataError: it is none of these; says what is missing for the nearest.
    """
    return first_header(path).kind.name


def first_header(path: Path) -> Header:
    """The header of ``path``; raises like ``detect_kind``."""
    source = Lines(path, Findings())
    for lines in source:
        for line in lines:
            if line.strip():
                return read_header(path, line)
    raise no_header(path, cut=source.cut)


def not_transactions(path: Path, kind: Kind) -> DataError:
    """The error for another kind of file in the place of transactions."""
    return DataError(f"{path} holds no transactions, it is {kind.what}: {kind.use}")


def no_header(path: Path, *, cut: bool = False) -> DataError:
    """The error for a file without a single line; ``cut`` when it is the rest of a gzip file."""
    if cut:
        return DataError(
            f"{path} is a gzip file that breaks off before its first line: fetch it again"
        )
    return DataError(f"{path} is empty: a CSV file with a header line is needed")


def read_header(path: Path, line: str, expected: str | None = None) -> Header:
    """Understand the header ``line`` of ``path``.

    Args:
        path: for messages.
        line: the first line that is not blank.
        expected: name of the kind it must be; None takes what it is.

    Raises:
        DataError: it is not of that kind; the message lists missing and found columns and says
            what the file looks like instead.
    """
    if "\0" in line:
        raise DataError(
            f"{path} holds NUL bytes in its first line: it is no text, or UTF-16 without a byte "
            "order mark; save it as UTF-8"
        )
    delimiter, names = max(
        ((delimiter, _names(line, delimiter)) for delimiter in _DELIMITERS),
        key=lambda split: _recognised(split[1]),
    )
    whole = [kind for kind in KINDS.values() if not _missing(kind, names)]
    kind = KINDS[expected] if expected else whole[0] if whole else _nearest(names)
    if kind not in whole:
        raise _wrong_file(path, kind, names, whole)
    at = {name: names.index(name) for name in kind.known if name in names}
    if twice := sorted(name for name in at if names.count(name) > 1):
        raise DataError(
            f"{path} has the column {twice[0]} {names.count(twice[0])} times: "
            "delete or rename all but one"
        )
    line_ends = "crlf" if line.endswith("\r\n") else "cr" if line.endswith("\r") else "lf"
    return Header(kind, delimiter, names, at, line_ends)


def _names(line: str, delimiter: str) -> tuple[str, ...]:
    try:
        fields = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        fields = line.split(delimiter)
    return tuple(
        _SPACE.sub("_", name.strip().strip("\ufeff\"'").strip()).casefold() for name in fields
    )


def _recognised(names: Iterable[str]) -> int:
    known = {name for kind in KINDS.values() for name in kind.known}
    return len(known.intersection(names))


def _missing(kind: Kind, names: tuple[str, ...]) -> list[str]:
    return [name for name in kind.required if name not in names]


def _nearest(names: tuple[str, ...]) -> Kind:
    """The kind of which the largest share of required columns is there."""
    return max(KINDS.values(), key=lambda kind: 1 - len(_missing(kind, names)) / len(kind.required))


def _wrong_file(path: Path, kind: Kind, names: tuple[str, ...], whole: list[Kind]) -> DataError:
    missing = _listed(_missing(kind, names))
    text = f"{path} is not {kind.what}: no column {missing}; found {_listed(list(names)) or 'none'}"
    if whole:
        return DataError(f"{text}. It looks like {whole[0].what}: {whole[0].use}")
    return DataError(f"{text}. The first line must hold the column names")


def _listed(names: list[str]) -> str:
    shown = ", ".join(
        repr(name[:40]) if not name.isidentifier() else name for name in names[:_SHOWN]
    )
    return f"{shown}, … ({len(names)} in all)" if len(names) > _SHOWN else shown
