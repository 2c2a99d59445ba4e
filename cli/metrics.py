"""``fraudstream metrics backfill``: the history of a CSV in Prometheus, at its own dates."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli.csv_options import AsJson, DateOrder, Profile, Rejects, Tz
from cli.step_bars import step_bars
from core.durations import duration
from core.errors import DataError
from core.settings import STACK_DIR, load_settings

if TYPE_CHECKING:
    from rich.progress import Progress

    from features.csv_source import CsvData
    from stream.decisions import DecisionMaker
    from stream.history import Columns, Family, Steps

app = typer.Typer(help="The history of a file in Prometheus.", no_args_is_help=True)
OUT = "--out"
#: Prometheus keeps the latest hours in memory, where nothing can be put beside them.
_NOT_BEFORE_S = 3 * 3600


@app.callback()
def _group() -> None:
    """Keeps ``backfill`` a command of its own name while it is the only one."""


@app.command()
def backfill(
    csv: Annotated[Path, typer.Argument(help="Transactions; may be gzip.")],
    *,
    profile: Profile = None,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Data folder of a Prometheus (its --storage.tsdb.path).",
            show_default="that of the local stack",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Also write the metrics as OpenMetrics text here (large).")
    ] = None,
    tz: Tz = "UTC",
    date_order: DateOrder = "auto",
    rejects: Rejects = None,
    as_json: AsJson = False,
) -> None:
    """Put the metrics of a CSV's events into Prometheus, at the dates of the events.

    The champion scores the file offline. What a worker would have counted is written for every
    five minutes, under job="fraudstream-history" and instance="NAME OF THE FILE", with the
    recording rules. Doing it again replaces what it wrote before. A Prometheus that runs shows the
    new samples within two minutes; it must keep old ones (--storage.tsdb.retention.time, 20y in the
    local stack). docs/operations.md explains it.

    Examples:

        fraudstream metrics backfill Fraud_Data.csv

        fraudstream metrics backfill Fraud_Data.csv --data /var/lib/prometheus/metrics2
    """
    from cli.metrics_blocks import Made, content_of, make_blocks, make_rule_blocks
    from core.whole_files import check_place, whole_file
    from features.csv_source.report import default_rejects_path
    from stack.history_blocks import check_data_folder, history_blocks
    from stack.prometheus import RECORDING_RULES, data_folder
    from stack.promtool import find_program
    from stream.openmetrics_history import END, target_labels, write_families

    begun = time.monotonic()
    settings = load_settings(profile=profile)
    inputs = (csv, rejects or default_rejects_path(csv), settings.ip_table)
    if out is not None:
        check_place(out, OUT, "history.om", *inputs)
    folder = data_folder(STACK_DIR) if data is None else data
    for program in ("promtool", "prometheus"):
        find_program(program)
    check_data_folder(folder, create=data is None)

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with (
        _terminated_like_interrupted(),
        history_blocks(
            folder, lambda: console.print(f"waiting for another backfill into {folder} …")
        ) as target_folder,
        step_bars(console, transient=True, hidden=as_json) as bars,
    ):
        columns, source, decisions = _scored(csv, profile, tz, date_order, rejects, bars)
        found, steps = _history(columns, decisions)
        target = target_labels(csv.name)
        if out is not None:
            with whole_file(out, OUT) as hidden, hidden.open("w", encoding="utf-8") as file:
                write_families(file, found, target, steps)
                file.write(END)
        content = content_of(found, target, steps, RECORDING_RULES)
        made, recorded, blocks = Made(), Made(), 0
        unchanged = target_folder.holds(csv.name, content)
        if not unchanged:
            fresh = target_folder.staging / "blocks"
            fresh.mkdir()
            made = make_blocks(found, target, steps, fresh, _bar(bars, "making blocks"))
            names = {series.name for one in found for group in one.groups for series in group}
            recorded, more = make_rule_blocks(
                names, target, steps, fresh, RECORDING_RULES, _bar(bars, "recording rules")
            )
            all_blocks = [block for some in (fresh, *more) for block in some.iterdir()]
            blocks = target_folder.install(csv.name, content, all_blocks)
    for warning in source.report.warnings:
        console.print(f"note: {warning}", markup=False)

    result = {
        **_summary(source, decisions, found, steps),
        "instance": csv.name,
        "data": str(folder),
        "unchanged": unchanged,
        "blocks": blocks,
        "samples": made.samples,
        "text_bytes": made.text_bytes,
        "rules": sorted(recorded.names),
        "rule_samples": recorded.samples,
        "out": None if out is None else str(out),
        "seconds": round(time.monotonic() - begun, 1),
    }
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
    else:
        _show(result)


def _scored(
    csv: Path, profile: str | None, tz: str, date_order: str, rejects: Path | None, bars: Progress
) -> tuple[Columns, CsvData, DecisionMaker]:
    """Read the file and let the champion decide about every event."""
    from features.countries import load_country_table
    from features.csv_source import read_transactions
    from features.iso_times import iso_time
    from stream.decisions import load_decision_maker
    from stream.history import Columns
    from stream.offline_scores import as_replayed, offline_scores

    reading = _bar(bars, f"reading {csv.name}")
    source = read_transactions(
        csv, profile, tz=tz, date_order=date_order, rejects=rejects, progress=reading
    )
    settings = load_settings(profile=source.batch.profile)
    countries = load_country_table(settings.ip_table)
    decisions = load_decision_maker(settings, countries)
    rows = as_replayed(source.batch)
    columns, done, scoring = Columns(source.batch.profile), 0, _bar(bars, "scoring")
    for scored in offline_scores(
        source.batch.take(rows),
        countries,
        decisions,
        (f"csv:{csv.name}", source.line[rows]),
        iso_time(_now_ms()),
    ):
        columns.add(scored)
        done += len(scored.batch)
        scoring(done, len(rows))
    return columns, source, decisions


def _history(columns: Columns, decisions: DecisionMaker) -> tuple[list[Family], Steps]:
    from stream.history import families

    meta = decisions.version.metadata
    before_ms = _now_ms() - 1000 * _NOT_BEFORE_S
    found, steps = families(columns, (meta.name, meta.version), before_ms)
    if not found:
        raise DataError(
            "no event is older than three hours, and Prometheus takes history from then on only: "
            "replay the file through a worker instead"
        )
    return found, steps


def _summary(
    source: CsvData, decisions: DecisionMaker, found: list[Family], steps: Steps
) -> dict[str, Any]:
    from core.metrics import ALERTS, TRANSACTIONS
    from features.iso_times import iso_time
    from stream.history import STEP_MS

    def total(name: str) -> int:
        groups = next(family.groups for family in found if family.metric.name == name)
        return int(sum(series.at(int(steps[-1])) for group in groups for series in group))

    meta, report = decisions.version.metadata, source.report
    return {
        "input": str(report.path),
        "profile": source.batch.profile,
        "events": total(TRANSACTIONS.name),
        "alerts": total(ALERTS.name),
        "rejected": report.rejected,
        "rejects_file": None if report.rejects_file is None else str(report.rejects_file),
        "too_new": int((source.batch.time_ms >= int(steps[-1]) * STEP_MS).sum()),
        "model": {"name": meta.name, "version": meta.version, "digest": meta.digest},
        "from": iso_time(int(steps[0]) * STEP_MS),
        "to": iso_time(int(steps[-1]) * STEP_MS),
        "series": sum(len(group) for family in found for group in family.groups),
        "steps": len(steps),
    }


def _show(result: dict[str, Any]) -> None:
    screen = Console(highlight=False, soft_wrap=True)
    model = result["model"]
    screen.print(
        f"{result['events']:,} events and {result['alerts']:,} alerts of {result['instance']}, "
        f"decided by {model['name']} {model['version']}, from {result['from'][:10]} to "
        f"{result['to'][:10]}",
        markup=False,
    )
    if result["too_new"]:
        screen.print(f"{result['too_new']:,} events of the last three hours are left out")
    if result["unchanged"]:
        screen.print(f"{result['data']} holds exactly this already: nothing was changed")
        return
    screen.print(
        f"{result['samples']:,} samples of {result['series']:,} series and "
        f"{result['rule_samples']:,} of {len(result['rules'])} recording rules, in "
        f"{result['blocks']} blocks in {result['data']}, took {duration(result['seconds'])}",
        markup=False,
    )
    screen.print("a Prometheus that runs there shows them within two minutes")


def _bar(bars: Progress, text: str) -> Any:
    """A bar, and what moves it."""
    task = bars.add_task(text, total=None)
    return lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM, too, leaves no temporary files and no process behind."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
