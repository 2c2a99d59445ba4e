"""``fraudstream labels``: what events turned out to be, from a CSV to ``fraud-labels``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from cli.csv_findings import tell_findings
from cli.csv_options import AsJson, DateOrder, Rejects, Tz
from cli.step_bars import step_bars
from cli.stopping import stop_on_signals
from cli.stream_options import Namespace, StreamProfile
from core.errors import ConfigError
from core.kafka_admin import KafkaAdmin, ensure_topics
from core.names import Topics
from core.settings import Settings, load_settings
from features.csv_source import OUTCOMES, CsvReport, detect_kind, read_outcomes, read_transactions
from features.csv_source.moments import NO_TIME
from producer.labels import Labels, Sent, send_labels
from producer.options import duration_ms

SOURCE = "file"
Progress = Callable[[int, int], None]


def labels(
    csv: Annotated[Path, typer.Argument(help="Outcomes, or labelled transactions; may be gzip.")],
    *,
    profile: StreamProfile = None,
    namespace: Namespace = None,
    after: Annotated[
        str | None,
        typer.Option(
            help="For transactions: each became known so much later: 30d, 12h.",
            show_default="now",
        ),
    ] = None,
    source: Annotated[str, typer.Option(help="Who says so, where the file does not.")] = SOURCE,
    tz: Tz = "UTC",
    date_order: DateOrder = "auto",
    rejects: Rejects = None,
    as_json: AsJson = False,
) -> None:
    """Send what events turned out to be; the latest label of an event counts.

    The CSV has the columns event_id and label (1 fraud, 0 honest), and may have labelled_at and
    source. A file of transactions is taken too: its labels go out under the ids that `replay` gives
    to its events. Sending a file again changes nothing.

    Examples:

        fraudstream labels chargebacks.csv

        fraudstream labels Fraud_Data.csv --after 30d
    """
    delay_ms = None if after is None else duration_ms(after, "--after")
    settings = load_settings(profile=profile, namespace=namespace)
    KafkaAdmin(settings).partitions()  # before the file is read, which may take a while
    now_ms = time.time_ns() // 1_000_000
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with step_bars(console, transient=True, hidden=as_json) as bar:
        reading = bar.add_task(f"reading {csv.name}", total=None)

        def read(done: int, total: int) -> None:
            bar.update(reading, completed=done, total=total)

        how = _Reading(csv, settings, source, tz, date_order, rejects, now_ms, read)
        if detect_kind(csv) != OUTCOMES:
            found, report, left_out = _of_transactions(how, delay_ms)
        elif after is None:
            found, report, left_out = _of_outcomes(how)
        else:
            raise ConfigError(
                f"--after {after} is for transactions, and {csv} holds outcomes: give it a "
                "column labelled_at instead"
            )
        tell_findings(report, lambda text: console.print(text, markup=False))
        ensure_topics(settings, [Topics(settings.namespace).labels])
        sending = bar.add_task("sending", total=len(found.event_id))
        with stop_on_signals() as stopping:
            sent = send_labels(
                found,
                settings,
                notice=lambda text: console.print(text, markup=False),
                progress=lambda done: bar.update(sending, completed=done),
                stopping=stopping,
            )
    _conclude({**_result(settings, report, sent), **left_out}, sent, as_json=as_json)


@dataclass(frozen=True, slots=True)
class _Reading:
    """What reading hangs on."""

    csv: Path
    settings: Settings
    source: str
    tz: str
    date_order: str
    rejects: Path | None
    now_ms: int
    progress: Progress

    @property
    def before_ms(self) -> int:
        """Nothing is known from this moment on."""
        return self.now_ms + 1000 * self.settings.max_future_s

    def options(self) -> dict[str, Any]:
        """Those of both kinds of files."""
        return {
            "tz": self.tz,
            "date_order": self.date_order,
            "rejects": self.rejects,
            "progress": self.progress,
        }


def _of_outcomes(how: _Reading) -> tuple[Labels, CsvReport, dict[str, int]]:
    data = read_outcomes(how.csv, before_ms=how.before_ms, **how.options())
    known = data.labelled_ms
    found = Labels(
        how.settings.profile,
        data.event_id,
        data.label,
        np.where(known == NO_TIME, how.now_ms, known),
        [how.source if who is None else who for who in data.source],
    )
    return found, data.report, {}


def _of_transactions(
    how: _Reading, delay_ms: int | None
) -> tuple[Labels, CsvReport, dict[str, int]]:
    data = read_transactions(how.csv, how.settings.profile, **how.options())
    if delay_ms is None:
        known = np.where(np.isnan(data.labelled_ms), how.now_ms, data.labelled_ms).astype(np.int64)
    else:
        known = data.batch.time_ms + delay_ms
    labelled, due = data.label >= 0, known < how.before_ms
    rows = np.flatnonzero(labelled & due)
    found = Labels(
        how.settings.profile,
        [data.batch.event_id[row] for row in rows.tolist()],
        data.label[rows],
        known[rows],
        [how.source] * len(rows),
    )
    left_out = {"unlabelled": int((~labelled).sum()), "in_the_future": int((labelled & ~due).sum())}
    return found, data.report, left_out


def _result(settings: Settings, report: CsvReport, sent: Sent) -> dict[str, Any]:
    return {
        "topic": Topics(settings.namespace).labels.name,
        "namespace": settings.namespace,
        "profile": settings.profile,
        "labels_sent": sent.sent,
        "rejected_lines": report.rejected,
        "rejects_file": None if report.rejects_file is None else str(report.rejects_file),
        "failed": sent.failed,
        "complete": sent.complete,
    }


def _conclude(result: dict[str, Any], sent: Sent, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(result))
    else:
        table = Table(show_header=False, box=None, pad_edge=False)
        for name, value in result.items():
            shown = f"{value:,}" if isinstance(value, int) else str(value)
            table.add_row(name.replace("_", " "), shown)
        Console(soft_wrap=True).print(table)
    for failure in sent.failures:
        typer.echo(f"not delivered: {failure.event_id}: {failure.reason}", err=True)
    if sent.failed or not sent.complete:
        typer.echo("not all labels are there: send the file again, nothing is doubled", err=True)
        raise typer.Exit(1)
