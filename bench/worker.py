"""``python -m bench worker``: throughput, latency and CPU of the worker, beside a plain loop.

Same broker, same Redis, same events, same model; rounds interleaved; medians. Writes
``bench/results/latest.json`` and ``latest.md`` and prints them. The ratio to the plain loop is what
is compared with the results that were there.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from bench.contenders import CONTENDERS, Bench, Drain
from bench.results_file import keep, say, surroundings
from core.settings import Settings, load_settings
from features.csv_source import read_transactions
from producer.sample import SampleOptions, write_sample
from stack.local import LocalStack


def worker(
    csv: Annotated[Path | None, typer.Option(help="Events; default: a generated sample.")] = None,
    profile: Annotated[str, typer.Option(help="ecommerce or banking.")] = "ecommerce",
    events: Annotated[int, typer.Option(help="At most so many events a round.")] = 60_000,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.")] = 5,
    partitions: Annotated[int, typer.Option(help="Of the input topic.")] = 4,
    rates: Annotated[str, typer.Option(help="Events/s for latency, comma-separated.")] = "500,1000",
    paced_seconds: Annotated[int, typer.Option(help="How long each rate is held.")] = 20,
    models: Annotated[Path | None, typer.Option(help="Registry; default: train one.")] = None,
) -> None:
    """The worker beside a plain loop: throughput, latency, CPU."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        stack = LocalStack(folder / "stack", prometheus=False)
        try:
            addresses = stack.up(say)
            settings = load_settings(
                kafka=addresses.kafka,
                redis=addresses.redis,
                profile=profile,
                models=models or folder / "models",
            )
            csv = csv or _sample(folder, profile, events)
            if models is None:
                say(f"training a model on {csv.name} …")
                _train(csv, settings)
            data = read_transactions(csv, profile)
            order = data.batch.in_total_order()[:events]
            servers = {
                {"kafka": "broker"}.get(one.name, one.name): psutil.Process(one.pid)
                for one in stack.status()
                if one.pid is not None
            }
            bench = Bench(settings, data.batch.take(order), partitions, servers, folder)
            result = _measure(bench, rounds, [int(one) for one in rates.split(",")], paced_seconds)
        finally:
            stack.down(wipe=True)
    keep("latest", result, lambda before: _markdown(result, csv.name, before))


def _measure(bench: Bench, rounds: int, rates: list[int], seconds: int) -> dict[str, Any]:
    drains: dict[str, list[Drain]] = {name: [] for name in CONTENDERS}
    for number in range(rounds):
        for name in CONTENDERS:
            drains[name].append(bench.drain(name))
            say(f"round {number + 1}: {name} {drains[name][-1].events_per_second:,.0f} events/s")
    latency: dict[str, dict[str, dict[str, float]]] = {}
    for rate in rates:
        latency[str(rate)] = {name: bench.pace(name, rate, rate * seconds) for name in CONTENDERS}
        say(f"{rate}/s: {latency[str(rate)]}")
    ours = drains["fraudstream"]
    return {
        "throughput": {
            name: statistics.median(one.events_per_second for one in found)
            for name, found in drains.items()
        },
        "spread": {
            name: [min(found), max(found)]
            for name, runs in drains.items()
            for found in [[one.events_per_second for one in runs]]
        },
        "latency_ms": latency,
        "cpu_us_per_event": {
            key: statistics.median(one.cpu_us_per_event[key] for one in ours)
            for key in ours[0].cpu_us_per_event
        },
        "events": len(bench.batch),
        "partitions": bench.partitions,
        "profile": bench.settings.profile,
        **surroundings(),
    }


def _sample(folder: Path, profile: str, events: int) -> Path:
    path = folder / "sample.csv"
    write_sample(path, SampleOptions(profile=profile, rows=events, seed=1))
    return path


def _train(csv: Path, settings: Settings) -> None:
    command = ["train", str(csv), "--profile", settings.profile, "--promote"]
    subprocess.run(
        [sys.executable, "-m", "cli", *command],
        env={**os.environ, "FRAUDSTREAM_MODELS": str(settings.models)},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def _markdown(result: dict[str, Any], source: str, before: dict[str, Any] | None) -> str:
    throughput, spread = result["throughput"], result["spread"]
    ratio = throughput["fraudstream"] / throughput["plain_loop"]
    lines = [
        f"# Benchmark: {source}, {result['events']:,} events, {result['partitions']} partitions",
        "",
        f"`python -m bench worker`, commit {result['commit']}, {result['machine']}.",
        "",
        "| contender | events/s (median) | min – max |",
        "|---|---|---|",
        *(
            f"| {name} | {throughput[name]:,.0f} | {low:,.0f} – {high:,.0f} |"
            for name, (low, high) in spread.items()
        ),
        "",
        f"Ratio to the plain loop: {ratio:.2f}.",
    ]
    if before is not None:
        old = before["throughput"]["fraudstream"] / before["throughput"]["plain_loop"]
        lines.append(f"Before (commit {before['commit']}): {old:.2f}.")
    lines += ["", "| events/s | contender | p50 ms | p99 ms |", "|---|---|---|---|"]
    for rate, found in result["latency_ms"].items():
        for name, one in found.items():
            lines.append(f"| {rate} | {name} | {one['p50']:.0f} | {one['p99']:.0f} |")
    cpu = ", ".join(f"{key} {value:.0f}" for key, value in result["cpu_us_per_event"].items())
    lines += ["", f"CPU µs per event of the worker's drain: {cpu}.", ""]
    return "\n".join(lines)
