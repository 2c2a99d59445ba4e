"""Reading a file of outcomes: which events turned out to be fraud.

Columns ``event_id`` and ``label``, and where the file has them ``labelled_at`` and ``source``. An
event may stand in it more than once, as outcomes are corrected; the latest counts downstream. Two
outcomes of one event at the same moment that differ cannot both be right: both lines are set aside.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.names import RejectCode
from features.csv_source import cells
from features.csv_source.cells import Sheet
from features.csv_source.findings import Findings, LineCode
from features.csv_source.header import OUTCOMES
from features.csv_source.lines import Lines, Progress
from features.csv_source.moments import NO_TIME, NONE, Moments
from features.csv_source.records import Page, open_records
from features.csv_source.report import (
    CsvReport,
    check_rejects_path,
    default_rejects_path,
    finished_report,
)

_AT = "labelled_at"


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """n outcomes of one file, in file order.

    Attributes:
        event_id: n.
        label: 1 fraud, 0 honest, shape (n,).
        labelled_ms: when it became known, ms since 1970 UTC, ``NO_TIME`` where the file does not
            say, shape (n,).
        source: who says so, None where the file does not say, n.
        line: physical line number at which each begins (the header is line 1), shape (n,).
        report: what was found out, repaired and set aside.
    """

    event_id: list[str]
    label: NDArray[np.int8]
    labelled_ms: NDArray[np.int64]
    source: list[str | None]
    line: NDArray[np.int64]
    report: CsvReport


@dataclass(slots=True)
class _Rows:
    """Accepted lines so far."""

    line: list[int]
    event_id: list[str]
    label: list[int]
    moment: list[int]
    source: list[str | None]


def read_outcomes(
    path: Path,
    *,
    tz: str = "UTC",
    date_order: str | None = "auto",
    rejects: Path | None = None,
    before_ms: int | None = None,
    progress: Progress | None = None,
) -> Outcomes:
    """Read the outcomes of a CSV file, plain or gzip.

    Args:
        path: the file.
        tz: IANA name of the zone of times without one.
        date_order: as for transactions.
        rejects: where to write the lines that are set aside, if any; by default
            ``<stem>.rejects.csv`` in the current directory.
        before_ms: an outcome that became known at or after this moment is set aside; None: none.
        progress: called with (bytes read, bytes of the file).

    Raises:
        ConfigError: no such file, zone or order.
        DataError: the file as a whole cannot be used, or the rejects cannot be written.
    """
    rejects_file = rejects or default_rejects_path(path)
    check_rejects_path(path, rejects_file)
    moments = Moments(date_order or "auto", tz)
    findings = Findings()
    source = Lines(path, findings, progress)
    header, records = open_records(source, findings, OUTCOMES)
    rows = _Rows([], [], [], [], [])
    for page in records:
        _take(page, header.at, moments, rows, findings)
    codes = np.array(rows.moment, np.int64)
    order = moments.order([codes]) if len(codes) else None
    times = moments.times_ms(codes, order, findings)
    keep = _possible(rows, codes, times, moments, before_ms, findings)
    keep &= _agreeing(rows, times, keep, findings)
    kept = np.flatnonzero(keep)
    label = np.array(rows.label, np.int8)[kept]
    report = finished_report(source, header, findings, len(kept), rejects_file)
    return Outcomes(
        event_id=[rows.event_id[row] for row in kept.tolist()],
        label=label,
        labelled_ms=times[kept],
        source=[rows.source[row] for row in kept.tolist()],
        line=np.array(rows.line, np.int64)[kept],
        report=replace(report, date_order=order, labelled=len(kept), fraud=int((label == 1).sum())),
    )


def _take(
    page: Page, at: dict[str, int], moments: Moments, rows: _Rows, findings: Findings
) -> None:
    """Add the usable lines of a page; the others become rejects."""
    if not page.line:
        return
    sheet = Sheet(page, at, findings)
    ids = sheet.values("event_id", cells.identifier, "", required=True)
    label = sheet.values("label", cells.label, -1, required=True)
    moment = sheet.values(_AT, moments.code, NONE)
    who = sheet.values("source", cells.category, None)
    findings.rejects += sheet.refused.values()
    for row, line in enumerate(page.line):
        if row not in sheet.refused:
            rows.line.append(line)
            rows.event_id.append(ids[row])
            rows.label.append(label[row])
            rows.moment.append(moment[row])
            rows.source.append(who[row])


def _possible(
    rows: _Rows,
    codes: NDArray[np.int64],
    times: NDArray[np.int64],
    moments: Moments,
    before_ms: int | None,
    findings: Findings,
) -> NDArray[np.bool_]:
    """Mask of the rows whose time, where there is one, exists and is not in the future."""
    keep = np.ones(len(codes), np.bool_)
    for row in np.flatnonzero((codes != NONE) & (times == NO_TIME)).tolist():
        text = moments.text(int(codes[row]))
        findings.reject(
            rows.line[row],
            RejectCode.BAD_TIME,
            "is no day of the calendar from 1970 to 2199: correct it",
            _AT,
            text,
        )
        keep[row] = False
    if before_ms is not None:
        for row in np.flatnonzero(keep & (times >= before_ms)).tolist():
            findings.reject(
                rows.line[row],
                RejectCode.FUTURE_TIME,
                "lies in the future: send the outcome when it is known, or correct the time "
                "(or its zone, --tz)",
                _AT,
                moments.text(int(codes[row])),
            )
            keep[row] = False
    return keep


def _agreeing(
    rows: _Rows, times: NDArray[np.int64], keep: NDArray[np.bool_], findings: Findings
) -> NDArray[np.bool_]:
    """Mask of the rows that no other of the same event and moment contradicts."""
    first: dict[tuple[str, int], int] = {}
    wrong: set[int] = set()
    for row in np.flatnonzero(keep).tolist():
        known = first.setdefault((rows.event_id[row], int(times[row])), row)
        if rows.label[known] != rows.label[row]:
            wrong |= {known, row}
    agree = np.ones(len(times), np.bool_)
    for row in sorted(wrong):
        findings.reject(
            rows.line[row],
            LineCode.CONTRADICTION,
            f"event {rows.event_id[row]!r:.80} has another label at the same labelled_at: keep the "
            "right one",
            "label",
            str(rows.label[row]),
        )
        agree[row] = False
    return agree
