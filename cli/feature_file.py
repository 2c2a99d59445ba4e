"""``fraudstream features``: a CSV's features as Parquet, and what one event's are made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli.csv_options import AsJson, DateOrder, Profile, Rejects, Tz
from cli.csv_reading import read_with_bar
from cli.step_bars import step_bars
from core.settings import load_settings

if TYPE_CHECKING:
    from features.countries import CountryTable
    from features.csv_source import CsvData
    from features.offline import FeatureTable


def features(
    csv: Annotated[Path, typer.Argument(help="Transactions; may be gzip.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Parquet file to write.",
            show_default="NAME.features.parquet, here; with --explain: none",
        ),
    ] = None,
    event_id: Annotated[
        str | None,
        typer.Option(
            "--explain",
            metavar="EVENT_ID",
            help="Show one event's features and the earlier events that made them.",
        ),
    ] = None,
    profile: Profile = None,
    tz: Tz = "UTC",
    date_order: DateOrder = "auto",
    rejects: Rejects = None,
    as_json: AsJson = False,
) -> None:
    """Compute what a model is given for each event of a CSV, and write it as a Parquet file.

    The features are those that a worker computes when the file is replayed in order; the file can
    be read by pandas, its columns are described in docs/contract.md. With --explain, the features
    of one event are shown together with the earlier events that each of them was made from, and a
    file is written only where --out names one.

    Examples:

        fraudstream features Fraud_Data.csv --out features.parquet

        fraudstream features orders.csv --explain order-2026-000017
    """
    from core.whole_files import check_place
    from features.countries import load_country_table
    from features.csv_source.lookup import row_of
    from features.csv_source.report import default_rejects_path
    from features.explain import explain
    from features.feature_file import default_feature_path, write_feature_file
    from features.offline import compute_features

    settings = load_settings(profile=profile)
    if out is None and event_id is None:
        out = default_feature_path(csv)
    if out is not None:
        inputs = (csv, rejects or default_rejects_path(csv), settings.ip_table)
        check_place(out, "--out", "features.parquet", *inputs)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with step_bars(console, transient=True, hidden=as_json) as bar:
        data = read_with_bar(bar, csv, profile, tz=tz, date_order=date_order, rejects=rejects)
        row = None if event_id is None else row_of(data, event_id)
        computing = bar.add_task("computing features", total=None)
        countries = load_country_table(settings.ip_table)
        table = compute_features(data.batch, countries)
        bar.update(computing, completed=1, total=1)
        explanation = None if row is None else explain(data.batch, table, row)
        if out is not None:
            writing = bar.add_task(f"writing {out.name}", total=len(data.batch))
            write_feature_file(
                out, data, table, countries, lambda done: bar.update(writing, completed=done)
            )
    for warning in data.report.warnings:
        console.print(f"note: {warning}", markup=False)

    result = _summary(data, table, countries, out)
    if as_json:
        if explanation is not None:
            from cli.explain_json import explanation_as_dict

            result |= explanation_as_dict(explanation, data, table)
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    if explanation is not None:
        from cli.explain_view import show_explanation

        show_explanation(explanation, data, table, Console(highlight=False))
    if out is not None:
        _show(result)


def _summary(
    data: CsvData, table: FeatureTable, countries: CountryTable, out: Path | None
) -> dict[str, Any]:
    from features.declared import feature_hash

    report = data.report
    return {
        "input": str(report.path),
        "input_sha256": report.sha256,
        "profile": data.batch.profile,
        "rows": len(data.batch),
        "rejected": report.rejected,
        "rejects_file": None if report.rejects_file is None else str(report.rejects_file),
        "feature_count": len(table.names),
        "feature_hash": feature_hash(data.batch.profile, countries.digest),
        "file": None if out is None else str(out),
        "bytes": None if out is None else out.stat().st_size,
    }


def _show(result: dict[str, Any]) -> None:
    where = f", see {result['rejects_file']}" if result["rejects_file"] else ""
    typer.echo(f"{result['file']}: {result['bytes'] / 1e6:,.1f} MB")
    typer.echo(f"  events        {result['rows']:,} ({result['profile']})")
    typer.echo(f"  rejected      {result['rejected']:,}{where}")
    typer.echo(f"  features      {result['feature_count']}")
    typer.echo(f"  feature hash  {result['feature_hash']}")
