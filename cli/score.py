"""``fraudstream score``: what the stream would say of a CSV, without Kafka and Redis."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli.csv_options import AsJson, DateOrder, Profile, Rejects, Tz
from cli.csv_reading import read_with_bar
from cli.step_bars import step_bars
from core.settings import Settings, load_settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cli.score_files import Sink
    from cli.score_summary import Tally
    from features.csv_source import CsvData
    from stream.decisions import DecisionMaker


def score(
    csv: Annotated[Path, typer.Argument(help="Transactions; may be gzip.")],
    *,
    profile: Profile = None,
    version: Annotated[
        str | None, typer.Option(help="Model version, such as v2.", show_default="the champion")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write every score: .jsonl as the stream's messages, .csv or .parquet as a table."
        ),
    ] = None,
    alerts: Annotated[
        Path | None, typer.Option(help="Write the alerts as the stream's messages: a .jsonl file.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Only so many events, the earliest.", min=1)
    ] = None,
    identities: Annotated[
        bool,
        typer.Option(
            "--identities", help="Show users, devices and addresses of the highest scores."
        ),
    ] = False,
    tz: Tz = "UTC",
    date_order: DateOrder = "auto",
    rejects: Rejects = None,
    as_json: AsJson = False,
) -> None:
    """Score every event of a CSV with a model version, as the stream would after a replay of it.

    Scores, decisions, severities and alert ids are those that a worker publishes, bit for bit;
    neither Kafka nor Redis is needed. Without --out, the ten highest scores are shown. Where the
    file has labels, alerts are compared with them. docs/model.md explains it.

    Examples:

        fraudstream score Fraud_Data.csv

        fraudstream score creditcard.csv.gz --version v2 --out scores.parquet --alerts alerts.jsonl
    """
    from cli.score_files import (
        ALERT_ENDINGS,
        ALERTS,
        OUT,
        OUT_ENDINGS,
        alert_sink,
        check_ending,
        score_sink,
    )
    from cli.score_summary import Tally, show_highest, show_summary
    from core.whole_files import check_place
    from features.countries import load_country_table
    from features.csv_source.report import default_rejects_path
    from features.iso_times import iso_time
    from stream.decisions import load_decision_maker
    from stream.offline_scores import as_replayed, offline_scores

    settings = load_settings(profile=profile)
    inputs = (csv, rejects or default_rejects_path(csv), settings.ip_table)
    if out is not None:
        check_ending(out, OUT, OUT_ENDINGS)
        check_place(out, OUT, "scores.parquet", *inputs)
    if alerts is not None:
        check_ending(alerts, ALERTS, ALERT_ENDINGS)
        check_place(alerts, ALERTS, "alerts.jsonl", *inputs, out)

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with step_bars(console, transient=True, hidden=as_json) as bar:
        data = read_with_bar(bar, csv, profile, tz=tz, date_order=date_order, rejects=rejects)
        settings = load_settings(profile=data.batch.profile)
        countries = load_country_table(settings.ip_table)
        decisions = load_decision_maker(settings, countries, version)
        rows = as_replayed(data.batch, limit)
        tally = Tally(data.label[rows], identities)
        scoring = bar.add_task("scoring", total=len(rows))
        with ExitStack() as files:
            sinks: list[Sink] = []
            if out is not None:
                sinks.append(files.enter_context(score_sink(out, decisions.encoder)))
            if alerts is not None:
                sinks.append(files.enter_context(alert_sink(alerts)))
            for scored in offline_scores(
                data.batch.take(rows),
                countries,
                decisions,
                (f"csv:{csv.name}", data.line[rows]),
                iso_time(_now_ms()),
            ):
                tally.add(scored)
                if sinks:
                    messages = decisions.encoder.encode(scored)
                    for sink in sinks:
                        sink(scored, *messages)
                bar.update(scoring, completed=tally.events)
    for warning in data.report.warnings:
        console.print(f"note: {warning}", markup=False)

    sent = len(data.batch) if limit is None else min(limit, len(data.batch))
    result = {
        **_summary(data, decisions, tally),
        "repeats": sent - len(rows),
        "in_the_future": _in_the_future(data.batch.time_ms[rows], settings),
        "out": None if out is None else str(out),
        "alerts_file": None if alerts is None else str(alerts),
    }
    if result["in_the_future"]:
        console.print(
            f"note: {result['in_the_future']:,} events lie in the future: a worker would set them "
            "aside as future_time",
            markup=False,
        )
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    screen = Console(highlight=False, soft_wrap=True)
    show_summary(result, screen)
    if out is None:
        show_highest(result["highest"], screen)


def _summary(data: CsvData, decisions: DecisionMaker, tally: Tally) -> dict[str, Any]:
    report, meta = data.report, decisions.version.metadata
    return {
        "input": str(report.path),
        "input_sha256": report.sha256,
        "profile": data.batch.profile,
        "events": tally.events,
        "rejected": report.rejected,
        "rejects_file": None if report.rejects_file is None else str(report.rejects_file),
        "model": {"name": meta.name, "version": meta.version, "digest": meta.digest},
        "thresholds": {"review": decisions.review, "block": decisions.block},
        "alerts": tally.alerts(),
        "labels": tally.against_labels(meta.training, report),
        "highest": tally.highest(),
    }


def _in_the_future(time_ms: NDArray[np.int64], settings: Settings) -> int:
    """How many events a worker would not believe now."""
    return int((time_ms > _now_ms() + 1000 * settings.max_future_s).sum())


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
