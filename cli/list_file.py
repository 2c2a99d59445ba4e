"""A file of values for a list: one a line."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import DataError, RulesError
from core.whole_files import whole_file
from model.lists.entry import Entry, checked

_MOST_LINE = 4_096
_REJECTS = "--rejects"


@dataclass(frozen=True, slots=True)
class Values:
    """What a file holds.

    Attributes:
        entries: of its lines, each value once, the last line of equal ones.
        lines: that hold a value.
        rejected: lines that cannot be used.
        rejects_file: where those are; None: there are none.
    """

    entries: list[Entry]
    lines: int
    rejected: int
    rejects_file: Path | None


def read_values(path: Path, entry: Callable[[str], Entry], profile: str, rejects: Path) -> Values:
    """Entries for the lines of a file.

    Args:
        path: of the file, UTF-8.
        entry: of a value, not checked yet.
        profile: whose events are looked at.
        rejects: where lines go that cannot be used, with number and reason.

    Raises:
        DataError: the file cannot be read.
    """
    found: dict[str, Entry] = {}
    bad: list[tuple[int, str, str]] = []
    lines = 0
    for number, text in _lines(path):
        value = text.split("#", 1)[0].strip()
        if not value:
            continue
        lines += 1
        try:
            one = checked(entry(value), profile)
        except RulesError as error:
            bad.append((number, value[:_MOST_LINE], str(error)))
        else:
            found[one.value] = one
    if bad:
        with whole_file(rejects, _REJECTS) as hidden, hidden.open("w", newline="") as file:
            csv.writer(file).writerows([("line", "value", "reason"), *bad])
    return Values(list(found.values()), lines, len(bad), rejects if bad else None)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            yield from enumerate(file, 1)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}: name a file with one value a line") from None
