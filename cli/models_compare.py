"""``fraudstream models compare``: two versions side by side, and whether they differ."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.stream_options import Namespace, StreamProfile
from core.errors import ConfigError
from core.settings import Settings, load_settings

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from model.comparison import Comparison, Difference, SplitComparison
    from model.registry import ModelVersion
    from model.results import Interval

#: Metrics that fit into a terminal; --json has all.
_SHOWN = (
    "average_precision",
    "roc_auc",
    "recall_at_fpr_1pct",
    "recall_at_fpr_01pct",
    "precision_at_k_per_day",
    "f1",
    "precision",
    "recall",
    "brier",
    "cost_per_1000",
)
_MONEY = "cost_per_1000"
#: Where three digits would say nothing.
_DIGITS = {"brier": 4}


def compare(
    first: Annotated[str | None, typer.Argument(help="Such as v1.")] = None,
    second: Annotated[str | None, typer.Argument(help="Such as v2.")] = None,
    profile: StreamProfile = None,
    live: Annotated[
        bool, typer.Option("--live", help="Champion and challenger, on the events of the stream.")
    ] = False,
    since: Annotated[str | None, typer.Option(help="With --live: events from here on.")] = None,
    until: Annotated[str | None, typer.Option(help="With --live: events before this.")] = None,
    namespace: Namespace = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Compare two versions: figures, differences, and whether a difference may be chance.

    Where both were judged on the same events, the difference is that of pairs, which sees much more
    than two intervals held against each other. With --live it is champion and challenger on the
    events that workers scored with both, joined with the labels there are.

    Examples:

        fraudstream models compare v1 v2 --profile ecommerce

        fraudstream models compare --live --since 2026-01-08
    """
    if live:
        if first is not None:
            raise ConfigError("--live compares champion and challenger: leave the versions out")
        _compare_live(load_settings(profile=profile, namespace=namespace), since, until, as_json)
        return
    if first is None or second is None:
        raise ConfigError("two versions are compared: name both, or use --live")
    if since is not None or until is not None:
        raise ConfigError("--since and --until are for --live: a version's test events are fixed")
    from rich.console import Console

    from model.comparison import compare_versions
    from model.registry import Registry

    settings = load_settings(profile=profile)
    registry = Registry(Path(settings.models))
    versions = [registry.load(settings.profile, name) for name in (first, second)]
    found = compare_versions(versions[0], versions[1])
    if as_json:
        typer.echo(json.dumps(comparison_as_dict(found, settings.profile), ensure_ascii=False))
        return
    champion = registry.pointer(settings.profile)
    print_comparison(found, versions, champion, Console(highlight=False))


def _compare_live(settings: Settings, since: str | None, until: str | None, as_json: bool) -> None:
    from rich.console import Console

    from cli.models_live import decisions_table, heading, live_pairs, pair_as_dict

    pairs = live_pairs(settings, since, until)
    if as_json:
        found = {"profile": settings.profile, "pairs": [pair_as_dict(pair) for pair in pairs]}
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    console = Console(highlight=False)
    for pair in pairs:
        for line in heading(pair):
            console.print(line, markup=False, soft_wrap=True)
        console.print(decisions_table(pair))
        if pair.labelled_metrics is not None:
            names = (pair.champion, pair.challenger)
            console.print(_split_table(names, "labelled events", pair.labelled_metrics))
        console.print()


def comparison_as_dict(found: Comparison, profile: str) -> dict[str, Any]:
    """All figures, as JSON types."""
    import msgspec

    return {"profile": profile, **msgspec.to_builtins(found)}


def print_comparison(
    found: Comparison, versions: list[ModelVersion], champion: str | None, console: Console
) -> None:
    """One table for each split, and how to read it."""
    for version in versions:
        meta = version.metadata
        mark = ", champion" if meta.version == champion else ""
        console.print(
            f"{meta.version}{mark}: {meta.candidate}; review from {meta.thresholds.review:.4f}, "
            f"block from {meta.thresholds.block:.4f}; trained on {meta.training.rows:,} events to "
            f"{meta.training.last[:10]}",
            markup=False,
            soft_wrap=True,
        )
    for name, split in found.splits.items():
        console.print()
        console.print(_split_table((found.first, found.second), name, split))
    console.print()
    for line in _reading(found):
        console.print(f"  {line}", markup=False, soft_wrap=True)


def _split_table(versions: tuple[str, str], name: str, split: SplitComparison) -> Table:
    from rich.table import Table

    from model.results import TITLES

    sizes = split.events
    events = f"{sizes[0]:,}" if split.paired else f"{sizes[0]:,} against {sizes[1]:,}"
    table = Table(
        title=f"{name}: {events} test events, {'paired' if split.paired else 'not paired'}",
        title_justify="left",
    )
    table.add_column("", max_width=27)
    first, second = versions
    for title in (first, second, f"{second} − {first}", "p"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column(second)
    for metric in _SHOWN:
        one = split.metrics[metric]
        table.add_row(
            TITLES[metric],
            _figure(metric, one.first),
            _figure(metric, one.second),
            _figure(metric, one.difference, signed=True),
            _p(one),
            _coloured(one.verdict),
        )
    return table


def _figure(metric: str, figure: Interval, signed: bool = False) -> str:
    """The figure, and below it its interval; a dash where it is not defined."""
    if figure.value is None or figure.low is None or figure.high is None:
        return "–"
    value, low, high = (
        _number(metric, one, signed) for one in (figure.value, figure.low, figure.high)
    )
    return f"{value}\n[dim]{low} to {high}[/dim]"


def _number(metric: str, value: float, signed: bool) -> str:
    digits = (
        f"{abs(value):,.0f}" if metric == _MONEY else f"{abs(value):.{_DIGITS.get(metric, 3)}f}"
    )
    if not digits.strip("0."):  # less than the last digit has no direction
        return digits.removeprefix("0") or "0"
    sign = "−" if value < 0 else "+" if signed else ""
    return sign + digits.removeprefix("0")


def _p(one: Difference) -> str:
    if one.p is None:
        return "–"
    return "<.01" if one.p < 0.01 else f"{one.p:.2f}".removeprefix("0")


def _coloured(verdict: str) -> str:
    from model.comparison import BETTER, WORSE

    colour = {BETTER: "green", WORSE: "red"}.get(verdict, "dim")
    return f"[{colour}]{verdict}[/{colour}]"


def _reading(found: Comparison) -> list[str]:
    """What the tables rest on."""
    lines = [
        f"with 95 % bootstrap intervals, {found.resamples} resamples, models held fixed; "
        "better or worse: 0 lies outside the interval of the difference",
        "of twenty such differences between equal models about one is called better or worse",
    ]
    if found.apart:
        lines.append(
            f"the test events are not the same ({found.apart}), so each version was resampled on "
            "its own: a difference may be that of the events"
        )
    elif unpaired := [name for name, split in found.splits.items() if not split.paired]:
        lines.append(
            f"the labels of {', '.join(unpaired)} differ, so each version was resampled on its own "
            "there: a difference may be that of the events"
        )
    return [*lines, *found.notes]
