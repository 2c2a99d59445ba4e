"""Finding one event of a file by its id, and saying what is wrong with an id that is not there."""

from __future__ import annotations

import csv
import difflib
import re
from bisect import bisect_left
from collections.abc import Sequence

from core.errors import DataError
from features.csv_source.report import CsvReport
from features.csv_source.transactions import CsvData, id_prefix
from features.rules_of_fields import shown

#: Ids on either side, in alphabetical order, among which a near match is looked for: comparing a
#: text with a million others would take half a minute.
_NEIGHBOURS = 500
_SUGGESTED = 3


def row_of(data: CsvData, event_id: str) -> int:
    """Where in ``data.batch`` the event stands; the first of them, if it is repeated.

    Raises:
        DataError: it is not there; the message says whether its line was rejected and why, or else
            what ids look like.
    """
    try:
        return data.batch.event_id.index(event_id)
    except ValueError:
        raise DataError(
            f"{data.report.path} has no event {shown(event_id)}: {_why(data, event_id)}"
        ) from None


def _why(data: CsvData, event_id: str) -> str:
    report, ids = data.report, data.batch.event_id
    if "event_id" in report.columns:
        perhaps = f"; or it is one of the rejected lines, see {report.rejects_file}"
        return _hint(ids, event_id) + (perhaps if report.rejects_file else "")
    prefix = id_prefix(data.batch.profile, report.sha256)
    number = re.fullmatch(re.escape(prefix) + r"(\d{12})", event_id)
    if number is None:
        return _hint(ids, event_id)
    line = int(number[1])
    rejected = _rejected(report, line)
    if rejected is not None:
        return f"line {line:,} was rejected, {rejected}"
    return f"no event begins at line {line:,}; the last begins at line {int(data.line.max()):,}"


def _rejected(report: CsvReport, line: int) -> str | None:
    """Why the line was set aside; None when it was not."""
    if report.rejects_file is None:
        return None
    with report.rejects_file.open(encoding="utf-8", newline="") as file:
        for reject in csv.DictReader(file):
            if reject["line"] == str(line):
                value = f"{reject['field']}={shown(reject['value'])}: " if reject["field"] else ""
                return f"{value}{reject['reason']}"
    return None


def _hint(ids: Sequence[str], wanted: str) -> str:
    close = _close(ids, wanted)
    return f"did you mean {' or '.join(close)}?" if close else f"ids there look like {ids[0]}"


def _close(ids: Sequence[str], wanted: str) -> list[str]:
    """A few ids that end as wanted (or are that line's), or else the one most like it."""
    for ending in (wanted.zfill(12), wanted.rpartition("-")[2], wanted):
        found = [one for one in ids if one.endswith(ending)] if ending else []
        if 0 < len(found) <= _SUGGESTED:
            return found
    alphabetical = sorted(set(ids))
    at = bisect_left(alphabetical, wanted)
    near = alphabetical[max(0, at - _NEIGHBOURS) : at + _NEIGHBOURS]
    return difflib.get_close_matches(wanted, near, n=1)
