"""``python -m bench scale``: several workers on one topic.

Throughput: the workers share the partitions and are held, the topic is filled, all begin at once.
Differences: with several workers an event of a device or address may be worked on before an earlier
one of another partition. How many events that concerns is counted against the offline features, at
full speed and at a pace. For that every event is made an alert, which tells its features.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bench.contenders import commands
from bench.feature_differences import events_that_differ
from bench.group import group_of, held
from bench.local_bench import local_bench
from bench.results_file import keep, say, surroundings
from bench.runs import Bench, lives, new_producer
from bench.score_reader import ScoreReader
from features.countries import load_country_table
from features.declared import feature_names
from features.offline import compute_features

_TIMEOUT_S = 600.0
#: Everything is an alert.
_ALERT_ALL = {"FRAUDSTREAM_THRESHOLD_REVIEW": "0"}


def scale(
    workers: Annotated[str, typer.Option(help="How many, comma-separated.")] = "1,2,4",
    events: Annotated[int, typer.Option(help="Of a drain.")] = 100_000,
    told: Annotated[int, typer.Option(help="Of a run that counts differences.")] = 30_000,
    rate: Annotated[int, typer.Option(help="Events/s of the paced run.")] = 3_000,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds of drains.")] = 3,
    partitions: Annotated[int, typer.Option(help="Of the input topic.")] = 8,
    csv: Annotated[Path | None, typer.Option(help="Events; default: a generated sample.")] = None,
    models: Annotated[Path | None, typer.Option(help="Registry; default: train one.")] = None,
    name: Annotated[str, typer.Option(help="Of the files in bench/results.")] = "scale",
) -> None:
    """One, two, four workers: throughput, and features that depend on their relative pace."""
    counts = [int(one) for one in workers.split(",")]
    with (
        tempfile.TemporaryDirectory() as folder,
        local_bench(
            Path(folder), csv, "ecommerce", events, partitions, models, commands(["fraudstream"])
        ) as bench,
    ):
        bench.warm_up("fraudstream")
        speeds: dict[int, list[float]] = {count: [] for count in counts}
        for number in range(rounds):
            for count, found in speeds.items():
                found.append(_drain(bench, count))
                say(f"round {number + 1}: {count} workers {found[-1]:,.0f} events/s")
        differences: dict[str, dict[str, Any]] = {}
        for count in counts:
            differences[str(count)] = {
                "full_speed": _differences(bench, count, told, None),
                str(rate): _differences(bench, count, told, rate),
            }
            say(f"{count} workers: {differences[str(count)]}")
        result = {
            "throughput": {str(count): statistics.median(one) for count, one in speeds.items()},
            "spread": {str(count): [min(one), max(one)] for count, one in speeds.items()},
            "events_that_differ": differences,
            "events": len(bench.batch),
            "rounds": rounds,
            "partitions": partitions,
            **surroundings(),
        }
    keep(name, result, lambda _: _markdown(result))


def _drain(bench: Bench, workers: int) -> float:
    with bench.namespace() as settings, group_of(bench, settings, workers, {}) as processes:
        with held(processes):
            bench.publish(new_producer(settings, linger_ms=20), settings, bench.batch)
        # Not from the first score on: with several workers much is done by then.
        begun_ms = time.time() * 1000
        reader = ScoreReader(settings, bench.partitions)
        scores = reader.read_all(len(bench.batch), _TIMEOUT_S, lambda: all(map(lives, processes)))
    return len(scores) / (scores.ended_ms - begun_ms) * 1000


def _differences(bench: Bench, workers: int, events: int, rate: int | None) -> dict[str, Any]:
    """How many of the events differ, by entity."""
    batch = bench.batch.take(np.arange(min(events, len(bench.batch))))
    with bench.namespace() as settings, group_of(bench, settings, workers, _ALERT_ALL) as processes:
        if rate is None:
            with held(processes):
                bench.publish(new_producer(settings, linger_ms=20), settings, batch)
        else:
            bench.publish(new_producer(settings, linger_ms=0), settings, batch, rate)
        reader = ScoreReader(settings, bench.partitions)
        scores = reader.read_all(len(batch), _TIMEOUT_S, lambda: all(map(lives, processes)))
        found = reader.alert_features()
    matrix = compute_features(batch, load_country_table(bench.settings.ip_table)).matrix
    differ = events_that_differ(found, batch.event_id, matrix, feature_names(batch.profile))
    return {
        "events": len(batch),
        "events_per_second": round(scores.events_per_second()),
        "differ": differ,
    }


def _markdown(result: dict[str, Any]) -> str:
    lines = [
        f"# Scale: {result['events']:,} events, {result['partitions']} partitions",
        "",
        f"`python -m bench scale`, commit {result['commit']}, {result['machine']}, "
        f"{result['rounds']} interleaved rounds, medians. Broker and Redis share the cores.",
        "",
        "| workers | events/s | min – max |",
        "|---|---|---|",
        *(
            f"| {count} | {rate:,.0f} | {low:,.0f} – {high:,.0f} |"
            for count, rate in result["throughput"].items()
            for low, high in [result["spread"][count]]
        ),
        "",
        "Events with a feature of that entity that differs from the offline one. Every event is "
        "made an alert, so these runs are slower.",
        "",
        "| workers | run | events | events/s | user | device | ip |",
        "|---|---|---|---|---|---|---|",
    ]
    for count, runs in result["events_that_differ"].items():
        for run, one in runs.items():
            differ = " | ".join(
                f"{number:,} ({number / one['events']:.2%})" for number in one["differ"].values()
            )
            what = "full speed" if run == "full_speed" else f"{run}/s"
            speed = f"{one['events_per_second']:,}"
            lines.append(f"| {count} | {what} | {one['events']:,} | {speed} | {differ} |")
    return "\n".join([*lines, ""])
