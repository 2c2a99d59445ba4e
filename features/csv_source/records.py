"""From lines to rows of fields, each with the line where it begins.

Promise: every line that is not blank ends up in a row of exactly as many fields as the header has,
or in one reject; one bad quote costs its own line and never the rest of the file. Steps:

1. a block of lines goes through the ``csv`` reader at once; when each line gave one row, the
   line numbers are known and that was all (this is nearly always so);
2. otherwise its lines are read one record at a time: a record may take up further lines while a
   quote is open, and is given up as a single line when that does not end well soon, or would take
   in lines that are rows by themselves;
3. rows with a wrong number of fields are set aside, except where only empty fields are too many.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from features.csv_source.findings import Findings, LineCode, Repair
from features.csv_source.header import Header, no_header, read_header
from features.csv_source.lines import Lines

#: Lines that one quoted field may run over.
_QUOTED_LINES = 20
#: A row that cannot come from a file, as lines never hold a line end before their own.
_SENTINEL = "\x00\x1eend\x1e\x00"


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, all as wide as the header.

    Attributes:
        line: physical line number at which each begins.
        rows: their fields.
    """

    line: list[int]
    rows: list[list[str]]


class Records:
    """Iterates over pages of the records below the header.

    Args:
        lines: blocks of physical lines that come after ``line``.
        line: number of lines before those.
        header: of the file.
        source: tells whether the file breaks off.
        findings: takes rejects and repairs.
    """

    def __init__(
        self,
        lines: Iterator[list[str]],
        line: int,
        header: Header,
        source: Lines,
        findings: Findings,
    ) -> None:
        self._lines = lines
        self._line = line
        self._header = header
        self._width = len(header.names)
        self._source = source
        self._findings = findings

    def __iter__(self) -> Iterator[Page]:
        waiting: list[str] = []
        for block in self._lines:
            waiting += block
            page, used = self._page(waiting, last=False)
            self._line += used
            del waiting[:used]
            yield page
        if waiting and self._source.cut and not self._source.ended:
            self._findings.reject(
                self._line + len(waiting),
                LineCode.CUT_LINE,
                "the file breaks off in this line: fetch the file again",
                value=waiting.pop(),
            )
        yield self._page(waiting, last=True)[0]

    def _page(self, lines: list[str], *, last: bool) -> tuple[Page, int]:
        """Rows of ``lines``, and how many of the lines they took."""
        if not last:
            # The last line may be the cut one, or the first of a record that goes on.
            lines = lines[:-1]
        rows = self._one_row_each(lines)
        if rows is not None:
            return self._shaped(range(self._line + 1, self._line + 1 + len(rows)), rows), len(rows)
        numbers, rows, used = self._one_by_one(lines, last=last)
        return self._shaped(numbers, rows), used

    def _reader(self, lines: list[str]) -> Any:
        """Rows of ``lines``, then the sentinel, unless a quote left open swallows it."""
        return csv.reader(
            [*lines, _SENTINEL], delimiter=self._header.delimiter, skipinitialspace=True
        )

    def _one_row_each(self, lines: list[str]) -> list[list[str]] | None:
        """One row for each line; None when quotes or overlong fields make it otherwise."""
        try:
            rows = list(self._reader(lines))
        except csv.Error:
            return None
        if len(rows) != len(lines) + 1 or rows.pop() != [_SENTINEL]:
            return None
        return rows

    def _one_by_one(
        self, lines: list[str], *, last: bool
    ) -> tuple[list[int], list[list[str]], int]:
        numbers: list[int] = []
        rows: list[list[str]] = []
        at = 0
        # Until the end is known, a record that begins near it may go on.
        stop = len(lines) if last else max(len(lines) - _QUOTED_LINES, 0)
        while at < stop:
            row, taken = self._record(lines, at)
            if row is not None:
                numbers.append(self._line + 1 + at)
                rows.append(row)
            at += taken
        return numbers, rows, at

    def _record(self, lines: list[str], at: int) -> tuple[list[str] | None, int]:
        """The record that begins at ``at`` and its lines; None where it was set aside."""
        ahead = lines[at : at + _QUOTED_LINES]
        reader = self._reader(ahead)
        try:
            row: list[str] = next(reader)
            taken: int = reader.line_num
            if taken == 1:
                return row, 1
            closed = taken <= len(ahead) and len(row) == self._width
            # A line within that is a row by itself speaks for a stray quote before it.
            if closed and not any(self._is_row(line) for line in ahead[1:taken]):
                return row, taken
            code, why = LineCode.OPEN_QUOTE, "a quote opens here and is never closed: close it"
        except csv.Error as error:
            code, why = LineCode.BAD_LINE, f"it cannot be read as CSV ({error}): look at its quotes"
        self._findings.reject(self._line + 1 + at, code, why, value=lines[at].rstrip("\r\n"))
        return None, 1

    def _is_row(self, line: str) -> bool:
        return len(next(self._reader([line]))) == self._width

    def _shaped(self, numbers: Sequence[int], rows: list[list[str]]) -> Page:
        """The rows that are as wide as the header."""
        if set(map(len, rows)) <= {self._width}:
            return Page(list(numbers), rows)
        page = Page([], [])
        for line, row in zip(numbers, rows, strict=True):
            if len(row) <= 1 and not "".join(row).strip():
                self._findings.repaired(Repair.BLANK_LINE)
                continue
            fields = row[: self._width]
            if len(row) > self._width and not "".join(row[self._width :]).strip():
                self._findings.repaired(Repair.EXTRA_EMPTY_FIELDS)
            elif len(row) != self._width:
                few = len(row) < self._width
                self._findings.reject(
                    line,
                    LineCode.TOO_FEW_FIELDS if few else LineCode.TOO_MANY_FIELDS,
                    f"{len(row)} fields where the header has {self._width}: "
                    + (
                        "complete the line"
                        if few
                        else f"put quotes around fields that hold {self._header.delimiter!r}"
                    ),
                    value=self._header.delimiter.join(row),
                )
                continue
            page.line.append(line)
            page.rows.append(fields)
        return page


def open_records(source: Lines, findings: Findings, expected: str | None) -> tuple[Header, Records]:
    """Understand the header of a file and make ready to read what is below it.

    Raises:
        DataError: the file is empty or of another kind.
    """
    blocks = iter(source)
    line = 0
    for block in blocks:
        for i, text in enumerate(block):
            line += 1
            if text.strip():
                header = read_header(source.path, text, expected)
                rest = _with_first(block[i + 1 :], blocks)
                return header, Records(rest, line, header, source, findings)
            findings.repaired(Repair.BLANK_LINE)
    raise no_header(source.path, cut=source.cut)


def _with_first(first: list[str], rest: Iterator[list[str]]) -> Iterator[list[str]]:
    yield first
    yield from rest
