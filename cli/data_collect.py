"""``fraudstream data collect``: the labelled history of a stream as a CSV."""

from __future__ import annotations

import csv
import json
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cli.csv_options import AsJson
from cli.step_bars import step_bars
from cli.stream_options import Namespace, StreamProfile
from core.errors import ConfigError, DataError
from core.settings import load_settings

if TYPE_CHECKING:
    from cli.history import Collected

_OUT = "OUT"


def collect(
    out: Annotated[Path, typer.Argument(help="Where to write it: a .csv file.")],
    *,
    profile: StreamProfile = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Write the events of the input topic with their latest labels, for `train` and `backtest`.

    Every event stands there once, with the id under which it was scored; features computed from the
    file are those that a worker had. What the topic no longer holds is not there: its retention
    says how far back a model can learn.

    Example:

        fraudstream data collect history.csv

        fraudstream train history.csv --challenger
    """
    from cli.history import collect as collected
    from cli.history import csv_rows
    from core.whole_files import check_place, whole_file

    if out.suffix.lower() != ".csv":
        raise ConfigError(f"{out} does not end in .csv: that is what is written")
    check_place(out, _OUT, "history.csv")
    settings = load_settings(profile=profile, namespace=namespace)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with step_bars(console, transient=True, hidden=as_json) as bar:
        reading = bar.add_task("reading the topics", total=None)
        found = collected(
            settings, lambda done, total: bar.update(reading, completed=done, total=total)
        )
        if not len(found.batch):
            raise DataError(
                f"the input topic of {settings.profile} holds no valid event: is "
                "FRAUDSTREAM_NAMESPACE (--namespace) the one that the events were sent to?"
            )
        writing = bar.add_task(f"writing {out.name}", total=len(found.batch))
        rows = csv_rows(found)
        first = next(rows)
        with (
            whole_file(out, _OUT) as hidden,
            hidden.open("w", newline="", encoding="utf-8") as file,
        ):
            writer = csv.DictWriter(file, list(first))
            writer.writeheader()
            for row in chain([first], rows):
                writer.writerow(row)
                bar.advance(writing)
    result = _summary(found) | {"out": str(out)}
    if as_json:
        typer.echo(json.dumps(result))
        return
    typer.echo(
        f"{out}: {result['events']:,} events from {result['first']} to {result['last']}, "
        f"{result['labelled']:,} with a label, {result['fraud']:,} of them fraud"
    )
    for name, what in (
        ("repeated", "messages of events that were there already"),
        ("conflicting", "messages with the id of another event"),
        ("rejected", "messages that workers set aside as dead letters"),
        ("unmatched", "labels of events that the topic does not hold"),
    ):
        if result[name]:
            console.print(f"left out: {result[name]:,} {what}")


def _summary(found: Collected) -> dict[str, int | str]:
    from features.iso_times import iso_time

    return {
        "profile": found.batch.profile,
        "events": len(found.batch),
        "first": iso_time(int(found.batch.time_ms.min())),
        "last": iso_time(int(found.batch.time_ms.max())),
        "labelled": int((found.label >= 0).sum()),
        "fraud": int((found.label == 1).sum()),
        "repeated": found.repeated,
        "conflicting": found.conflicting,
        "rejected": found.rejected,
        "unmatched": found.unmatched,
    }
