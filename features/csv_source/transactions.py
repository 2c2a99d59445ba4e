"""Historical transactions from a CSV file, in whatever state of repair, as one batch.

Promise: every data line is an accepted event or a reject with its reason; accepted events pass
the rules for messages from Kafka, so that what can be read can also be replayed. Two files that
differ only in how they write the same values give the same batch, but for the ids of events,
which hold the hash of the file. Steps:

1. the header says which kind of file it is and where the columns are;
2. page by page, texts become values; rows with a bad value are set aside;
3. at the end, when the whole file was seen, dates become times, ids are given, and events that
   claim the id of another one are set aside.

A sign-up after the purchase is kept: clocks and zones of two systems differ, and the feature
``seconds_since_signup`` shows it. Repeated rows are kept too; whoever trains on them drops them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from core.names import RejectCode
from features.batch import EventBatch, order_keys
from features.csv_source.columns import Columns, Rows
from features.csv_source.findings import Findings
from features.csv_source.header import IP_TABLE, OUTCOMES, not_transactions
from features.csv_source.lines import Lines, Progress
from features.csv_source.moments import NO_TIME, NONE, Moments
from features.csv_source.records import open_records
from features.csv_source.report import (
    CsvReport,
    check_rejects_path,
    default_rejects_path,
    finished_report,
)
from features.profiles import BANKING, ProfileSpec, profile_spec


@dataclass(frozen=True, slots=True, eq=False)
class CsvData:
    """n accepted events of one file, in file order.

    Attributes:
        batch: the events.
        line: physical line number at which each begins (the header is line 1), shape (n,).
        label: 1 fraud, 0 honest, −1 unknown, shape (n,).
        labelled_ms: when the label became known, ms since 1970 UTC, NaN if unknown, shape (n,).
        report: what was found out, repaired and set aside.
    """

    batch: EventBatch
    line: NDArray[np.int64]
    label: NDArray[np.int8]
    labelled_ms: NDArray[np.float64]
    report: CsvReport


def read_transactions(
    path: Path,
    profile: str | None = None,
    *,
    tz: str = "UTC",
    date_order: str | None = "auto",
    rejects: Path | None = None,
    progress: Progress | None = None,
) -> CsvData:
    """Read the transactions of a CSV file, plain or gzip.

    Args:
        path: the file.
        profile: ``ecommerce`` or ``banking``; None takes what the header says.
        tz: IANA name of the zone of times without one.
        date_order: ``mdy``, ``dmy`` or ``ymd`` for dates that do not begin with a year of four
            digits; ``auto`` (or None) lets the file decide.
        rejects: where to write the lines that are set aside, if any; by default
            ``<stem>.rejects.csv`` in the current directory.
        progress: called with (bytes read, bytes of the file).

    Raises:
        ConfigError: no such file, profile, zone or order.
        DataError: the file as a whole cannot be used: other columns, no data line, no usable data
            line, an undecided date order, damaged gzip; or the rejects cannot be written.
    """
    rejects_file = rejects or default_rejects_path(path)
    check_rejects_path(path, rejects_file)
    moments = Moments(date_order or "auto", tz)
    if profile is not None:
        profile_spec(profile)
    findings = Findings()
    source = Lines(path, findings, progress)
    header, records = open_records(source, findings, profile)
    if header.kind.name in (IP_TABLE, OUTCOMES):
        raise not_transactions(path, header.kind)
    spec = profile_spec(header.kind.name)
    if missing := header.missing_optional:
        findings.warnings.append(f"no column {', '.join(missing)}: unknown for every event")
    columns = Columns(spec, header, moments, findings)
    for page in records:
        columns.add(page)
    rows = columns.rows()
    order = _order(path, moments, rows)
    times = {name: moments.times_ms(rows.moments[name], order, findings) for name in rows.moments}
    keep = _existing(rows, times, moments, findings)
    rows, times = rows.take(keep), {name: column[keep] for name, column in times.items()}
    batch = _batch(spec, rows, times, source.sha256.hexdigest())
    if "event_id" in rows.texts:
        sole = _without_conflicts(batch, rows.line, findings)
        rows, batch = rows.take(sole), batch.take(np.flatnonzero(sole))
        times = {name: column[sole] for name, column in times.items()}
    report = finished_report(source, header, findings, len(rows), rejects_file)
    labelled = times["labelled_at"]
    return CsvData(
        batch=batch,
        line=rows.line,
        label=rows.label,
        labelled_ms=np.where(labelled == NO_TIME, np.nan, labelled.astype(np.float64)),
        report=replace(
            report,
            date_order=order,
            first_ms=int(batch.time_ms.min()),
            last_ms=int(batch.time_ms.max()),
            labelled=int((rows.label >= 0).sum()),
            fraud=int((rows.label == 1).sum()),
        ),
    )


def id_prefix(profile: str, sha256: str) -> str:
    """What the ids of a file without a column of ids begin with; the line number follows."""
    return f"{profile}-{sha256[:8]}-"


def _order(path: Path, moments: Moments, rows: Rows) -> str | None:
    try:
        return moments.order(rows.moments.values())
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _existing(
    rows: Rows, times: dict[str, NDArray[np.int64]], moments: Moments, findings: Findings
) -> NDArray[np.bool_]:
    """Which rows hold no date that does not exist; the others become rejects."""
    keep = np.ones(len(rows), np.bool_)
    for name, codes in rows.moments.items():
        wrong = (codes != NONE) & (times[name] == NO_TIME) & keep
        for row in np.flatnonzero(wrong).tolist():
            findings.reject(
                int(rows.line[row]),
                RejectCode.BAD_TIME,
                "there is no such day in the file's order of day, month and year, or it lies "
                "outside 1970 to 2200",
                name,
                moments.text(int(codes[row])),
            )
        keep &= ~wrong
    return keep


def _batch(
    spec: ProfileSpec, rows: Rows, times: dict[str, NDArray[np.int64]], sha256: str
) -> EventBatch:
    time_ms = times[spec.time]
    if spec is BANKING:
        time_ms = np.where(rows.seconds_ms == NO_TIME, time_ms, rows.seconds_ms)
    numbers = dict(rows.numbers)
    if "signup_time" in times:
        numbers["signup_ms"] = times["signup_time"].astype(np.float64)
    own = rows.texts.get("event_id")
    prefix = id_prefix(spec.name, sha256)
    event_id = (
        [f"{prefix}{line:012d}" for line in rows.line.tolist()]
        if own is None
        else [str(name) for name in own]
    )
    return EventBatch(
        profile=spec.name,
        event_id=event_id,
        order_id=order_keys(event_id),
        time_ms=time_ms,
        amount=rows.amount,
        text={name: rows.texts[name] for name in spec.text},
        number={name: numbers[name] for name in spec.number},
    )


def _without_conflicts(
    batch: EventBatch, line: NDArray[np.int64], findings: Findings
) -> NDArray[np.bool_]:
    """Which events are not another event under an id already taken; the others become rejects."""
    keep = np.ones(len(batch), np.bool_)
    if len(set(batch.event_id)) == len(batch):
        return keep
    repeated = {name for name, count in Counter(batch.event_id).items() if count > 1}
    first: dict[str, tuple[int, tuple[object, ...]]] = {}
    for row, event_id in enumerate(batch.event_id):
        if event_id not in repeated:
            continue
        payload = (
            int(batch.time_ms[row]),
            int(batch.amount[row]),
            *(column[row] for column in batch.text.values()),
            *(column[row].tobytes() for column in batch.number.values()),
        )
        taken, other = first.setdefault(event_id, (int(line[row]), payload))
        if payload != other:
            keep[row] = False
            findings.reject(
                int(line[row]),
                RejectCode.DUPLICATE_CONFLICT,
                f"line {taken} has this id and other values: give every event an id of its own",
                "event_id",
                event_id,
            )
    return keep
