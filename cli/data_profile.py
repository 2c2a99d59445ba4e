"""``fraudstream data profile``: a page that shows what a historical file holds and its traps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from cli.csv_options import AsJson, DateOrder, Profile, Rejects, Tz, require_packages
from core.errors import ConfigError, DataError
from core.settings import load_settings

if TYPE_CHECKING:
    from model.exploration import Exploration

_EXTRA = ("jinja2", "matplotlib", "scipy")


def profile_file(
    csv: Annotated[Path, typer.Argument(help="Transactions, labelled or not; may be gzip.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Page to write.", show_default="NAME.profile.html, here")
    ] = None,
    profile: Profile = None,
    tz: Tz = "UTC",
    date_order: DateOrder = "auto",
    rejects: Rejects = None,
    as_json: AsJson = False,
) -> None:
    """Explore a historical CSV: distributions, fraud over time and place, leaks and traps.

    Writes one HTML page that is complete in itself and names nobody, and prints what was found.
    Countries come from FRAUDSTREAM_IP_TABLE or the built-in table.

    Examples:

        fraudstream data profile Fraud_Data.csv --out report.html

        fraudstream data profile creditcard.csv.gz --json
    """
    require_packages(_EXTRA, "exploring a file")
    from features.countries import load_country_table
    from features.csv_source import read_transactions
    from features.csv_source.report import bare_name
    from model.exploration import explore, html_report

    page = out or Path(f"{bare_name(csv)}.profile.html")
    _check_page(csv, page)
    console = Console(stderr=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=as_json or not console.is_terminal,
    ) as bar:
        task = bar.add_task("reading", total=None)
        data = read_transactions(
            csv,
            profile,
            tz=tz,
            date_order=date_order,
            rejects=rejects,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        bar.update(task, description="exploring", total=None)
        found = explore(data, load_country_table(load_settings().ip_table))
        bar.update(task, description="drawing", total=None)
        _write(page, html_report(found))
    if as_json:
        typer.echo(json.dumps({"report": str(page), **found.as_dict()}, allow_nan=False))
    else:
        _show(page, found)


def _check_page(csv: Path, page: Path) -> None:
    """Refuse to write over the file that is read, or into no folder, before anything is read."""
    if not page.parent.is_dir():
        raise ConfigError(
            f"--out {page}: there is no folder {page.parent}; make it, or choose another"
        )
    try:
        same = page.exists() and page.samefile(csv)
    except OSError:
        same = False
    if same:
        raise ConfigError(f"--out {page} is the file that is read: choose another name")


def _write(page: Path, text: str) -> None:
    try:
        page.write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"cannot write the page to {page} ({error.strerror or error}): make room there, or "
            "choose another file with --out"
        ) from None


def _show(page: Path, found: Exploration) -> None:
    from model.exploration.finding import Weight

    console = Console(soft_wrap=True, highlight=False)
    report, share = found.report, found.classes.share
    of_fraud = "no labels" if share is None else f"{found.classes.fraud:,} fraud"
    console.print(
        f"{escape(str(report.path))}: {report.accepted:,} events, {of_fraud}, "
        f"{report.rejected:,} lines rejected",
        style="bold",
    )
    marks: dict[Any, str] = {Weight.TRAP: "trap ", Weight.NOTE: "note "}
    for weight, mark in marks.items():
        for one in found.of_weight(weight):
            console.print(f"\n{mark} [bold]{escape(one.title)}[/bold]")
            console.print(f"      {escape(one.text)}")
            if one.advice:
                console.print(f"      → {escape(one.advice)}")
    clear = found.of_weight(Weight.CLEAR)
    if clear:
        console.print("\nnothing wrong: " + escape(" ".join(one.title for one in clear)))
    console.print(f"\nthe whole picture: {escape(str(page))}")
