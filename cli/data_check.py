"""``fraudstream data check``: what a CSV file holds, what had to be repaired, what is unusable."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from rich.table import Table

from cli.csv_options import AsJson, DateOrder, Profile, Rejects, Tz
from core.errors import ConfigError
from features.csv_source import (
    IP_TABLE,
    OUTCOMES,
    CsvReport,
    Reject,
    detect_kind,
    read_ip_ranges,
    read_outcomes,
    read_transactions,
)
from features.csv_source.header import KINDS
from features.csv_source.report import default_rejects_path
from features.declared import UNKNOWN
from features.iso_times import iso_time


def check(
    csv: Annotated[
        Path, typer.Argument(help="Transactions, outcomes or a table of IP ranges; may be gzip.")
    ],
    *,
    profile: Profile = None,
    tz: Tz = "UTC",
    date_order: DateOrder = "auto",
    rejects: Rejects = None,
    as_json: AsJson = False,
) -> None:
    """Read a historical CSV as replay and train do, and say what was found.

    Lines that cannot be used are written to the rejects file with line number, field, value and
    reason. A file that is readable at all gives exit code 0.

    Examples:

        fraudstream data check Fraud_Data.csv

        fraudstream data check creditcard.csv.gz --json
    """
    kind = None if profile is not None else detect_kind(csv)
    if kind == IP_TABLE and (tz != "UTC" or date_order != "auto"):
        raise ConfigError(f"{csv} holds IP ranges and no times: leave --tz and --date-order out")
    console = Console(stderr=True)
    with Progress(
        TextColumn("reading"),
        BarColumn(),
        DownloadColumn(),
        console=console,
        transient=True,
        disable=as_json or not console.is_terminal,
    ) as bar:
        task = bar.add_task("read", total=None)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        if kind == IP_TABLE:
            report, facts = _ip_table(csv, rejects, progress)
        elif kind == OUTCOMES:
            report, facts = _outcomes(csv, tz, date_order, rejects, progress)
        else:
            report, facts = _transactions(csv, profile, tz, date_order, rejects, progress)
    if as_json:
        typer.echo(json.dumps({**_as_dict(report), **facts}))
    else:
        _show(report, facts)


def _transactions(
    csv: Path,
    profile: str | None,
    tz: str,
    date_order: str,
    rejects: Path | None,
    progress: Callable[[int, int], None],
) -> tuple[CsvReport, dict[str, Any]]:
    data = read_transactions(
        csv, profile, tz=tz, date_order=date_order, rejects=rejects, progress=progress
    )
    report = data.report
    return report, {
        "first_time": _iso(report.first_ms),
        "last_time": _iso(report.last_ms),
        "date_order": report.date_order,
        "labelled": report.labelled,
        "fraud": report.fraud,
        "fraud_share": report.fraud / report.labelled if report.labelled else None,
    }


def _outcomes(
    csv: Path,
    tz: str,
    date_order: str,
    rejects: Path | None,
    progress: Callable[[int, int], None],
) -> tuple[CsvReport, dict[str, Any]]:
    report = read_outcomes(
        csv, tz=tz, date_order=date_order, rejects=rejects, progress=progress
    ).report
    return report, {
        "date_order": report.date_order,
        "labelled": report.labelled,
        "fraud": report.fraud,
        "fraud_share": report.fraud / report.labelled,
    }


def _ip_table(
    csv: Path, rejects: Path | None, progress: Callable[[int, int], None]
) -> tuple[CsvReport, dict[str, Any]]:
    table = read_ip_ranges(csv, rejects or default_rejects_path(csv), progress)
    return table.report, {
        "countries": len({one.country for one in table.ranges} - {UNKNOWN}),
        "ipv4_share": sum(one.upper - one.lower + 1 for one in table.ranges if one.version == 4)
        / 2**32,
        "ipv6_ranges": sum(one.version == 6 for one in table.ranges),
        "no_single_country": table.no_country,
    }


def _as_dict(report: CsvReport) -> dict[str, Any]:
    return {
        "file": str(report.path),
        "kind": report.kind,
        "accepted": report.accepted,
        "rejected": report.rejected,
        "repairs": report.repairs,
        "warnings": report.warnings,
        "rejected_by_reason": report.reasons,
        "first_rejects": [
            {"line": bad.line, "field": bad.field, "value": bad.value, "reason": _reason(bad)}
            for bad in report.first_rejects
        ],
        "rejects_file": None if report.rejects_file is None else str(report.rejects_file),
        "sha256": report.sha256,
        "bytes": report.size,
        "gzip": report.compressed,
        "encoding": report.encoding,
        "line_ends": report.line_ends,
        "delimiter": report.delimiter,
        "columns": report.columns,
        "ignored_columns": report.ignored,
    }


def _reason(bad: Reject) -> str:
    return f"{bad.code}: {bad.reason}"


def _iso(time_ms: int | None) -> str | None:
    return None if time_ms is None else iso_time(time_ms)


def _show(report: CsvReport, facts: dict[str, Any]) -> None:
    console = Console(soft_wrap=True, highlight=False)
    what = KINDS[report.kind].what
    delimiter = {",": "comma", ";": "semicolon", "\t": "tab"}[report.delimiter]
    form = f"{report.encoding}, {report.line_ends}, {delimiter}" + (
        ", gzip" if report.compressed else ""
    )
    table = Table(title=escape(f"{report.path}: {what}"), title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("written as", form)
    table.add_row("accepted", f"{report.accepted:,}")
    table.add_row("rejected", f"{report.rejected:,}")
    for name, value in facts.items():
        if value not in (None, {}):
            table.add_row(name.replace("_", " "), _text(name, value))
    for name, count in report.repairs.items():
        table.add_row(f"repaired: {name.replace('_', ' ')}", f"{count:,}")
    if report.ignored:
        table.add_row("ignored columns", _printable(", ".join(report.ignored)))
    table.add_row("sha-256", report.sha256)
    console.print(table)
    for warning in report.warnings:
        console.print(f"warning: {escape(warning)}")
    if report.first_rejects:
        console.print(_rejects_table(report))
    if report.rejects_file is not None:
        console.print(f"every rejected line is in {escape(str(report.rejects_file))}")


def _text(name: str, value: Any) -> str:
    if isinstance(value, dict):
        return escape(", ".join(f"{key} ({count:,})" for key, count in value.items()))
    if name.endswith("share"):
        return f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _rejects_table(report: CsvReport) -> Table:
    shown = len(report.first_rejects)
    table = Table(title=f"rejected lines ({shown} of {report.rejected:,})", title_justify="left")
    table.add_column("line", justify="right")
    table.add_column("field")
    table.add_column("value", max_width=30, overflow="ellipsis", no_wrap=True)
    table.add_column("reason", overflow="fold")
    for bad in report.first_rejects:
        table.add_row(f"{bad.line:,}", bad.field, _printable(bad.value), escape(_reason(bad)))
    return table


def _printable(text: str) -> str:
    """What stands in a file may hold control characters, which a terminal would obey."""
    return escape("".join(letter if letter.isprintable() else "�" for letter in text))
