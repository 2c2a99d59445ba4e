"""Scores and alerts as files, each written micro-batch by micro-batch.

The ending says which kind of file it is: ``.jsonl`` holds the messages that a worker would publish,
one a line; ``.csv`` and ``.parquet`` one row for each event with the columns of ``COLUMNS``. Rows
stand in the order of the events.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import ConfigError
from core.whole_files import whole_file
from features.iso_times import iso_times
from stream.outcomes import OutcomeEncoder, Scored

#: Rows of a Parquet row group: what is held in memory while it is written.
GROUP_ROWS = 1 << 16
#: Columns of the table; severity, alert id and reasons are empty where the event is allowed.
COLUMNS = pa.schema(
    [
        pa.field("event_id", pa.string(), False),
        pa.field("row", pa.int64(), False, {"meaning": "line of the CSV; the header is 1"}),
        pa.field("event_time", pa.timestamp("ms", "UTC"), False),
        pa.field("score", pa.float32(), False),
        pa.field("decision", pa.string(), False),
        pa.field("severity", pa.string()),
        pa.field("alert_id", pa.string()),
        pa.field("reasons", pa.string()),
    ]
)
OUT, ALERTS = "--out", "--alerts"
OUT_ENDINGS = (".jsonl", ".csv", ".parquet")
ALERT_ENDINGS = (".jsonl",)

#: Takes what was decided and its messages: a score each, an alert or None.
Sink = Callable[[Scored, list[bytes], list[bytes | None]], None]


def check_ending(path: Path, option: str, endings: tuple[str, ...]) -> None:
    """Refuse a name that does not say what the file is to be.

    Raises:
        ConfigError: it ends in something else.
    """
    if path.suffix.lower() not in endings:
        raise ConfigError(
            f"{option} {path} does not end in {' or '.join(endings)}: the ending says what is "
            "written, so choose one of these"
        )


@contextmanager
def score_sink(path: Path, encoder: OutcomeEncoder) -> Iterator[Sink]:
    """Writes every event; the file has its name when all were written.

    Raises:
        DataError: the disk refuses.
    """
    kind = path.suffix.lower()
    with whole_file(path, OUT) as hidden:
        if kind == ".jsonl":
            with hidden.open("wb") as file:
                yield lambda _, scores, __: file.writelines(one + b"\n" for one in scores)
        elif kind == ".csv":
            with hidden.open("w", encoding="utf-8", newline="") as text:
                writer = csv.writer(text, lineterminator="\n")
                writer.writerow(COLUMNS.names)
                yield lambda scored, _, __: writer.writerows(_csv_rows(scored, encoder))
        else:
            with pq.ParquetWriter(hidden, COLUMNS, compression="zstd") as parquet:
                groups = _Groups(parquet)
                yield lambda scored, _, __: groups.add(_columns(scored, encoder))
                groups.flush()


@contextmanager
def alert_sink(path: Path) -> Iterator[Sink]:
    """Writes the alert messages.

    Raises:
        DataError: the disk refuses.
    """
    with whole_file(path, ALERTS) as hidden, hidden.open("wb") as file:
        yield lambda _, __, alerts: file.writelines(one + b"\n" for one in alerts if one)


class _Groups:
    """Gathers micro-batches into row groups."""

    def __init__(self, writer: pq.ParquetWriter) -> None:
        self._writer = writer
        self._waiting: list[list[Any]] = [[] for _ in COLUMNS]

    def add(self, columns: list[list[Any]]) -> None:
        for waiting, column in zip(self._waiting, columns, strict=True):
            waiting.extend(column)
        if len(self._waiting[0]) >= GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        arrays = [
            pa.array(column, field.type)
            for column, field in zip(self._waiting, COLUMNS, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=COLUMNS), GROUP_ROWS)
        self._waiting = [[] for _ in COLUMNS]


def reasons_text(reasons: list[dict[str, Any]] | None) -> str | None:
    """The sentences of an alert in one line; None where there is no alert."""
    return None if reasons is None else "; ".join(one["text"] for one in reasons)


def _columns(scored: Scored, encoder: OutcomeEncoder) -> list[list[Any]]:
    """The columns of ``COLUMNS``."""
    alerted = [reasons is not None for reasons in scored.reasons]
    return [
        scored.batch.event_id,
        [place for _, _, place in scored.origin],
        scored.batch.time_ms.tolist(),
        scored.score.tolist(),
        [str(one) for one in scored.decision],
        [str(one) if alert else None for one, alert in zip(scored.severity, alerted, strict=True)],
        [
            encoder.alert_id(event_id) if alert else None
            for event_id, alert in zip(scored.batch.event_id, alerted, strict=True)
        ],
        [reasons_text(one) for one in scored.reasons],
    ]


def _csv_rows(scored: Scored, encoder: OutcomeEncoder) -> Iterator[tuple[Any, ...]]:
    columns = _columns(scored, encoder)
    columns[2] = iso_times(scored.batch.time_ms)
    columns[3] = [str(one) for one in scored.score]  # the shortest decimal of the same float32
    return zip(*columns, strict=True)
