"""``fraudstream performance``: how good alerts were, as far as labels say."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.csv_options import AsJson
from cli.stream_options import Namespace, StreamProfile
from core.errors import ConfigError
from core.settings import load_settings

if TYPE_CHECKING:
    from rich.console import Console

_MOST_MATURE = 400
#: Of the table; a narrower terminal breaks its lines.
_WIDTH = 110
_BUCKETS = ("day", "week", "month")


def performance(
    *,
    profile: StreamProfile = None,
    namespace: Namespace = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--from", help="Day of the first event, such as 2015-01-08.", show_default="all"
        ),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Day before which events end.", show_default="all")
    ] = None,
    bucket: Annotated[str, typer.Option(help="day, week or month.")] = "month",
    mature: Annotated[
        int,
        typer.Option(
            help="Only events of days that ended so many days before the newest event.",
            min=0,
            max=_MOST_MATURE,
        ),
    ] = 30,
    as_json: AsJson = False,
) -> None:
    """Precision, recall and more of each model version, from scores and labels of the stream.

    Labels come late: only events that are old enough to have one count. It is asked of the read
    model that `fraudstream views` keeps up. --json has intervals, calibration and all steps.

    Example:

        fraudstream performance --bucket week
    """
    from views.api.performance_fields import fields_of
    from views.live_performance import performance as measured
    from views.periods import Bucket, Span
    from views.readmodel.redis_store import RedisStore

    if bucket not in _BUCKETS:
        raise ConfigError(f"--bucket {bucket!r} is not known: take one of {', '.join(_BUCKETS)}")
    settings = load_settings(profile=profile, namespace=namespace)
    span = Span(_day("--from", since), _day("--to", until))
    store = RedisStore(settings)
    try:
        found = measured(store.scorecards(settings.profile, span), mature, Bucket(bucket))
    finally:
        store.close()
    answer = {
        "profile": settings.profile,
        "namespace": settings.namespace,
        "bucket": bucket,
        "mature_days": mature,
        **fields_of(found),
    }
    if as_json:
        typer.echo(json.dumps(answer))
        return
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True)
    console.width = max(console.width, _WIDTH)
    _print(answer, console)


def _day(option: str, value: str | None) -> int | None:
    from core.errors import RejectedEvent
    from features.rules_of_times import written_time

    if value is None:
        return None
    try:
        return written_time(option, f"{value}T00:00:00")
    except RejectedEvent:
        raise ConfigError(f"{option} {value!r} is no day: write it as 2015-01-08") from None


def _print(answer: dict[str, Any], console: Console) -> None:
    from rich.table import Table

    if answer["mature_to"] is None:
        console.print(
            f"no events of {answer['profile']} in namespace {answer['namespace']}: is "
            "`fraudstream views` at work?"
        )
        return
    share = answer["labelled_share"]
    console.print(
        f"{answer['mature_events']:,} events before {answer['mature_to'][:10]} are "
        f"{answer['mature_days']} days old or older"
        + ("" if share is None else f", {100 * share:.1f} % of them labelled")
        + f"; {answer['not_mature_events']:,} are not yet."
    )
    table = Table(box=None, pad_edge=False)
    for name in ("from", "version", "events", "alerts", "labelled"):
        side: Any = "left" if name in {"from", "version"} else "right"
        table.add_column(name, justify=side, no_wrap=True)
    for name in ("precision", "recall", "F1", "AP", "caught", "missed"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in answer["buckets"]:
        table.add_row(row["bucket"][:10], *_cells(row, row["average_precision"]))
    for row in answer["versions"]:
        precision = row["average_precision"]
        table.add_row("all", *_cells(row, None if precision is None else precision["value"]))
    console.print(table)
    if any(row["weighted"] for row in answer["versions"]):
        console.print("Weighted: control events stand for all that was blocked.")


def _cells(row: dict[str, Any], average_precision: float | None) -> list[str]:
    return [
        row["version"],
        *(f"{row[name]:,}" for name in ("events", "alerts", "labelled")),
        *(_estimate(row[name]) for name in ("precision", "recall")),
        "–" if row["f1"] is None else f"{row['f1']['value']:.3f}",
        "–" if average_precision is None else f"{average_precision:.3f}",
        *(f"{row[name]:,.0f}" for name in ("value_caught", "value_missed")),
    ]


def _estimate(one: dict[str, float] | None) -> str:
    return "–" if one is None else f"{one['value']:.3f} ({one['low']:.3f}–{one['high']:.3f})"
