"""``fraudstream data sample``: write a file of synthetic transactions with known fraud."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.stream_options import StreamProfile
from core.settings import load_settings
from producer.options import moment_ms
from producer.sample import Mechanism, SampleOptions, SampleSummary, write_sample
from producer.sample.options import DEFAULT_ROWS, DEFAULT_SEED

_SYNTHETIC = "synthetic data: no real people, cards or payments"


def sample(
    out: Annotated[Path, typer.Option(help="File to write; gzipped when its name ends in .gz.")],
    *,
    profile: StreamProfile = None,
    rows: Annotated[int, typer.Option(help="Number of transactions.")] = DEFAULT_ROWS,
    seed: Annotated[
        int, typer.Option(help="Same seed and options: the same file, byte for byte.")
    ] = DEFAULT_SEED,
    fraud_rate: Annotated[
        float | None,
        typer.Option(help="Share of fraud, 0 to 0.3.", show_default="0.04, banking 0.005"),
    ] = None,
    days: Annotated[
        float | None, typer.Option(help="Length of the span.", show_default="60, banking 14")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            help="Begin of the span (ISO 8601, UTC).", show_default="2025-01-01, banking 2013-09-01"
        ),
    ] = None,
    seasonality: Annotated[
        float, typer.Option(help="Daily and weekly cycle: 0 is flat, 1 the full cycle.")
    ] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Write synthetic transactions with known fraud; the data are invented, not anyone's.

    The columns are those of Fraud_Data.csv or creditcard.csv, then labelled_at, when the label
    became known. docs/sample-data.md describes what honest customers and fraudsters do in it.

    Example: fraudstream data sample --rows 100000 --seed 7 --out sample.csv.gz
    """
    options = SampleOptions(
        profile=load_settings(profile=profile).profile,
        rows=rows,
        seed=seed,
        fraud_rate=fraud_rate,
        days=days,
        start=None if start is None else _datetime(start),
        seasonality=seasonality,
    )
    console = Console(stderr=True)
    with Progress(
        TextColumn("synthetic transactions"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=as_json or not console.is_terminal,
    ) as bar:
        task = bar.add_task("write", total=rows)
        summary = write_sample(out, options, lambda done: bar.update(task, completed=done))
    if as_json:
        typer.echo(json.dumps(_as_dict(out, options, summary)))
    else:
        _print(Console(), out, options, summary)


def _datetime(text: str) -> datetime:
    return datetime.fromtimestamp(moment_ms(text, "--start") / 1000, tz=UTC)


def _as_dict(out: Path, options: SampleOptions, summary: SampleSummary) -> dict[str, object]:
    return {
        "file": str(out),
        "synthetic": True,
        "profile": options.profile,
        "seed": options.seed,
        "rows": summary.rows,
        "fraud_rows": summary.fraud_rows,
        "by_mechanism": summary.by_mechanism,
        "first_time": summary.first_time.isoformat(),
        "last_time": summary.last_time.isoformat(),
    }


def _print(console: Console, out: Path, options: SampleOptions, summary: SampleSummary) -> None:
    table = Table()
    table.add_column("kind")
    table.add_column("label")
    table.add_column("rows", justify="right")
    for name, count in summary.by_mechanism.items():
        table.add_row(name, "fraud" if Mechanism[name.upper()].fraud else "honest", f"{count:,}")
    table.add_section()
    table.add_row("all", "", f"{summary.rows:,}")
    console.print(f"{out}: {_SYNTHETIC}", style="bold", markup=False, soft_wrap=True)
    console.print(table)
    console.print(
        f"{options.profile}, seed {options.seed}, {summary.first_time:%Y-%m-%d %H:%M:%S} to "
        f"{summary.last_time:%Y-%m-%d %H:%M:%S} UTC, {summary.fraud_rows / summary.rows:.2%} "
        "fraud; docs/sample-data.md says what each kind is",
        highlight=False,
        soft_wrap=True,
    )
