"""``fraudstream drift``: when a file's stream changed, by the bins and rules of the worker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli.csv_options import AsJson, DateOrder, Profile, Rejects, Tz
from cli.csv_reading import read_with_bar
from cli.step_bars import step_bars
from core.errors import ModelError
from core.settings import load_settings

if TYPE_CHECKING:
    from model.drift.history import DriftHistory

_SHOWN = 8


def drift(
    csv: Annotated[
        Path, typer.Argument(help="Transactions, also gzipped.", exists=True, dir_okay=False)
    ],
    *,
    profile: Profile = None,
    model: Annotated[
        str | None, typer.Option(help="Version whose bins are used.", show_default="the champion")
    ] = None,
    tz: Tz = "UTC",
    date_order: DateOrder = "auto",
    rejects: Rejects = None,
    as_json: AsJson = False,
) -> None:
    """Say when the events of a file changed: each week against the four before, and training.

    Features and scores are counted into the bins of a model version as a worker does; drift is
    declared by the same rule (docs/improvement.md). Where the file has labels, their base rate is
    tested too.

    Example:

        fraudstream drift Fraud_Data.csv --json
    """
    from features.countries import load_country_table
    from features.declared import feature_hash
    from features.offline import compute_features
    from model.drift.history import drift_history
    from model.registry import Registry
    from model.scorer import Scorer

    settings = load_settings(profile=profile)
    console = Console(stderr=True, highlight=False)
    with step_bars(console) as steps:
        data = read_with_bar(steps, csv, profile, tz=tz, date_order=date_order, rejects=rejects)
        computing = steps.add_task("computing features and scores", total=1)
        version = Registry(settings.models).load(data.batch.profile, model)
        meta = version.metadata
        if not meta.drift:
            raise ModelError(
                f"{meta.profile} model {meta.version} has no bins for drift: train it again with "
                "`fraudstream train CSV`"
            )
        countries = load_country_table(settings.ip_table)
        scorer = Scorer(version)
        scorer.refuse_unless(feature_hash(meta.profile, countries.digest))
        order = data.batch.in_total_order()
        batch, label = data.batch.take(order), data.label[order]
        matrix = compute_features(batch, countries).matrix
        found = drift_history(meta.drift, batch.time_ms, matrix, scorer.score(matrix), label)
        steps.update(computing, completed=1)
    if as_json:
        typer.echo(json.dumps(as_dict(found, meta.profile, meta.version), ensure_ascii=False))
        return
    _print(found, f"{csv.name}, bins of {meta.profile} model {meta.version}")


def as_dict(found: DriftHistory, profile: str, version: str) -> dict[str, Any]:
    """All figures, as JSON types."""
    import msgspec

    return {"profile": profile, "version": version, **msgspec.to_builtins(found)}


def _print(found: DriftHistory, title: str) -> None:
    from rich.table import Table

    console = Console(highlight=False)
    judged = [day for day in found.days if day.trailing.judged]
    console.print(
        f"{title}: {len(found.days):,} days with events, {len(judged):,} of them with enough to "
        "judge",
        markup=False,
        soft_wrap=True,
    )
    if not found.episodes:
        console.print("  no week differs from the four before it")
    for one in found.episodes:
        console.print(f"  [bold]drift from {one.first} to {one.last}[/bold]: {one.what}")
    if found.base_rate is not None:
        rate = found.base_rate
        console.print(
            f"  fraud among labelled events of the last week: {rate.now:.2%}, of the four before "
            f"it {rate.before:.2%} (p {rate.p:.3f})"
        )
    if judged:
        last = judged[-1]
        table = Table("last week", "PSI, trailing", "p", "PSI, training", title_justify="left")
        training = {one.name: one for one in last.training.features}
        for moved in sorted(last.trailing.features, key=lambda one: -one.psi)[:_SHOWN]:
            against = f"{training[moved.name].psi:.3f}" if training else "–"
            table.add_row(moved.name, f"{moved.psi:.3f}", f"{moved.p:.3g}", against)
        console.print(table)
