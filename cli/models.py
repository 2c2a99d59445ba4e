"""``fraudstream models``: which versions there are, how good they were, and which one is in use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from cli.models_compare import compare
from cli.stream_options import StreamProfile
from core.errors import ModelError
from core.names import Role
from core.settings import load_settings
from model.registry import ModelVersion, Registry
from model.results import SPLITS, TITLES, Evaluation, Interval

app = typer.Typer(help="Model versions: look at them, choose the one in use.", no_args_is_help=True)
app.command()(compare)
#: Metrics that fit into a terminal; the others are in the card and in --json.
_SHOWN = ("f1", "precision", "recall", "average_precision", "recall_at_fpr_1pct")
_Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command("list")
def list_versions(profile: StreamProfile = None, as_json: _Json = False) -> None:
    """List the versions of a profile; workers decide with the champion.

    A challenger, where there is one, is scored beside it and decides nothing.

    Example:

        fraudstream models list --profile banking
    """
    registry, profile = _registry(profile)
    roles = {role: registry.pointer(profile, role) for role in Role}
    rows = [_listed(registry, profile, name, roles) for name in registry.versions(profile)]
    if as_json:
        typer.echo(json.dumps(rows))
        return
    if not rows:
        typer.echo(
            f"no {profile} model under {registry.root}: train one with "
            f"`fraudstream train CSV --profile {profile}`"
        )
        return
    table = Table("version", "in use", "created", "trained on", "AP random", "AP time", "F1 random")
    for row in rows:
        if "damaged" in row:
            table.add_row(row["version"], _mark(row), "damaged: see `fraudstream models show`")
            continue
        table.add_row(
            row["version"],
            _mark(row),
            row["created_at"][:16],
            f"{row['rows']:,} events to {row['last'][:10]}",
            *(_plain(row[name]) for name in ("ap_random", "ap_time", "f1_random")),
        )
    Console().print(table)


@app.command()
def show(
    version: Annotated[
        str | None, typer.Argument(help="Such as v2; default: the champion.")
    ] = None,
    profile: StreamProfile = None,
    as_json: _Json = False,
) -> None:
    """Show one version: evaluation, thresholds, origin. --json prints all of its metadata.

    Example:

        fraudstream models show v2 --profile ecommerce --json
    """
    registry, profile = _registry(profile)
    found = registry.load(profile, version)
    if as_json:
        typer.echo(json.dumps(version_as_dict(found), ensure_ascii=False))
    else:
        print_version(found, Console())


@app.command()
def promote(
    version: Annotated[str, typer.Argument(help="Such as v2.")],
    profile: StreamProfile = None,
    challenger: Annotated[
        bool, typer.Option("--challenger", help="To be scored beside the champion only.")
    ] = False,
    as_json: _Json = False,
) -> None:
    """Make a version the champion, in one step; running workers take it up within seconds.

    A worker that was running watches the first events of a new champion, and takes it back where
    its alerts or its speed are out of bounds (docs/improvement.md). With --challenger the version
    is scored beside the champion and decides nothing; `models retire` ends that.

    Example:

        fraudstream models promote v2 --challenger
    """
    registry, profile = _registry(profile)
    role = Role.CHALLENGER if challenger else Role.CHAMPION
    before = registry.pointer(profile, role)
    registry.promote(profile, version, role)
    _say(profile, role, version, before, as_json)


@app.command()
def rollback(profile: StreamProfile = None, as_json: _Json = False) -> None:
    """Make the champion before the current one champion again.

    Example:

        fraudstream models rollback --profile ecommerce
    """
    registry, profile = _registry(profile)
    before = registry.pointer(profile)
    _say(profile, Role.CHAMPION, registry.rollback(profile), before, as_json)


@app.command()
def retire(profile: StreamProfile = None, as_json: _Json = False) -> None:
    """End the challenge: no version is scored beside the champion any more.

    Example:

        fraudstream models retire --profile ecommerce
    """
    registry, profile = _registry(profile)
    before = registry.retire(profile)
    if as_json:
        typer.echo(json.dumps({"profile": profile, "challenger": None, "previous": before}))
    elif before is None:
        typer.echo(f"no {profile} model challenges the champion")
    else:
        typer.echo(f"{profile} model {before} is the challenger no longer")


def version_as_dict(version: ModelVersion) -> dict[str, Any]:
    """Metadata, with ``evaluation`` and ``path``, as JSON types."""
    content: dict[str, Any] = msgspec.to_builtins(version.metadata)
    content["evaluation"] = msgspec.to_builtins(version.evaluation())
    content["path"] = str(version.path)
    return content


def print_version(version: ModelVersion, console: Console) -> None:
    """Evaluation, thresholds, origin and place of one version, for people."""
    meta, evaluation = version.metadata, version.evaluation()
    console.print(_figures(evaluation, f"{meta.profile} model {meta.version}"))
    for split in evaluation.splits:
        console.print(f"  {split}: {SPLITS[split]}", highlight=False)
    for split, reason in evaluation.left_out.items():
        console.print(f"  {split} is left out: {reason}", highlight=False)
    console.print("  with 95 % intervals; each split has a model of its own", highlight=False)
    console.print(f"  more figures and plots: {version.path}/card.html\n", highlight=False)

    data, thresholds, parity = meta.training, meta.thresholds, meta.parity
    facts = Table.grid(padding=(0, 2))
    for name, text in (
        ("model", f"{meta.candidate}; {meta.calibration.kind}"),
        ("review from", f"{thresholds.review:.6f}  {thresholds.review_by}"),
        ("block from", f"{thresholds.block:.6f}  {thresholds.block_by}"),
        ("trained on", f"{data.rows:,} events, {data.fraud:,} fraud, {data.first} to {data.last}"),
        ("put away", f"{data.duplicates:,} duplicates, {data.unlabelled:,} without label"),
        (
            "ONNX parity",
            f"{parity.flipped} of {parity.rows:,} decisions differ, largest difference "
            f"{parity.largest_difference:.1e}",
        ),
        ("an alert's reasons", f"{meta.explaining.us_per_row:.0f} µs"),
        ("features", f"{len(meta.feature_names)}, hash {meta.feature_hash[:12]}…"),
        ("digest", f"{meta.digest[:12]}…"),
        ("path", str(version.path)),
    ):
        facts.add_row(f"  {name}", text)
    console.print(facts)


def _figures(evaluation: Evaluation, title: str) -> Table:
    table = Table("", *(TITLES[metric] for metric in _SHOWN), title=title, title_justify="left")
    table.columns[0].max_width = 20
    for split, figures in evaluation.splits.items():
        table.add_row(f"[bold]{split}", *(_cell(figures[metric]) for metric in _SHOWN))
        for name, other in {
            **evaluation.subsets.get(split, {}),
            **evaluation.baselines[split],
        }.items():
            cells = (_cell(other[metric]) for metric in _SHOWN)
            table.add_row(name.replace("_", " "), *cells, style="dim")
        table.add_section()
    return table


def _cell(figure: Interval) -> str:
    """``.696`` and below it ``.681–.711``; a dash where it is not defined."""
    if figure.value is None or figure.low is None or figure.high is None:
        return "–"
    value, low, high = (_short(one) for one in (figure.value, figure.low, figure.high))
    return f"{value}\n{low}–{high}"


def _short(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _registry(profile: str | None) -> tuple[Registry, str]:
    settings = load_settings(profile=profile)
    return Registry(Path(settings.models)), settings.profile


def _listed(
    registry: Registry, profile: str, name: str, roles: Mapping[Role, str | None]
) -> dict[str, Any]:
    row: dict[str, Any] = {"version": name, **{role: held == name for role, held in roles.items()}}
    try:
        version = registry.load(profile, name)
        splits = version.evaluation().splits
    except ModelError as error:
        return {**row, "damaged": str(error)}

    def value(split: str, metric: str) -> float | None:
        return splits[split][metric].value if split in splits else None

    return {
        **row,
        "created_at": version.metadata.created_at,
        "rows": version.metadata.training.rows,
        "last": version.metadata.training.last,
        "ap_random": value("random", "average_precision"),
        "ap_time": value("time", "average_precision"),
        "f1_random": value("random", "f1"),
    }


def _mark(row: dict[str, Any]) -> str:
    return next((role for role in Role if row[role]), "")


def _plain(value: float | None) -> str:
    return "–" if value is None else _short(value)


def _say(profile: str, role: Role, version: str, before: str | None, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"profile": profile, role: version, "previous": before}))
    elif before == version:
        typer.echo(f"{profile} model {version} is the {role} already")
    else:
        typer.echo(f"{profile} model {version} is the {role} now (before: {before or 'none'})")
