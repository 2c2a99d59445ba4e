"""``python -m bench drift``: what counting for drift costs the worker, in time and memory.

The features of a sample are counted in micro-batches, as the worker does; the share is of the
processor time that the worker takes for an event (``bench/results/latest.json``, by ``python -m
bench worker``).
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bench.results_file import RESULTS, keep, say, surroundings
from features.countries import load_country_table
from features.csv_source import read_transactions
from features.declared import declared_features
from features.offline import compute_features
from model.drift.bins import bins_of
from model.drift.days import DayCounts
from producer.sample import SampleOptions, write_sample


def drift(
    profile: Annotated[str, typer.Option(help="ecommerce or banking.")] = "ecommerce",
    events: Annotated[int, typer.Option(help="Of the sample.")] = 60_000,
    batch_size: Annotated[int, typer.Option(help="Events in a micro-batch.")] = 512,
    rounds: Annotated[int, typer.Option(min=1, help="Of counting everything.")] = 5,
) -> None:
    """Microseconds an event, and bytes."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "sample.csv"
        write_sample(path, SampleOptions(profile=profile, rows=events, seed=1))
        batch = read_transactions(path, profile, rejects=Path(name) / "rejects.csv").batch
    batch = batch.take(batch.in_total_order())
    matrix = compute_features(batch, load_country_table(None)).matrix
    score = np.random.default_rng(0).random(len(batch)).astype(np.float32)
    bins = bins_of(declared_features(profile), matrix, score)
    DayCounts(bins).add(batch.time_ms[:1], matrix[:1], score[:1])  # compiles
    costs = []
    for _ in range(rounds):
        counts = DayCounts(bins)
        started = time.process_time()
        for begin in range(0, len(batch), batch_size):
            rows = slice(begin, begin + batch_size)
            counts.add(batch.time_ms[rows], matrix[rows], score[rows])
        costs.append((time.process_time() - started) / len(batch) * 1e6)
    path_us = json.loads((RESULTS / "latest.json").read_text())["cpu_us_per_event"]["worker"]
    cost = statistics.median(costs)
    say(f"{cost:.2f} µs an event")
    result: dict[str, Any] = {
        "events": len(batch),
        "batch": batch_size,
        "us_per_event": cost,
        "spread": [min(costs), max(costs)],
        "batch_path_us": path_us,
        "share": cost / path_us,
        "bytes": sum(one.nbytes for one in counts.days.values()),
        **surroundings(),
    }
    keep("drift", result, lambda before: _as_markdown(result))


def _as_markdown(result: dict[str, Any]) -> str:
    return "\n".join(
        [
            f"# What counting for drift costs: {result['events']:,} events",
            "",
            f"`python -m bench drift`, commit {result['commit']}, {result['machine']}. "
            f"Micro-batches of {result['batch']}.",
            "",
            f"{result['us_per_event']:.2f} µs an event ({result['spread'][0]:.2f} to "
            f"{result['spread'][1]:.2f}), {result['share']:.1%} of the worker's "
            f"{result['batch_path_us']:.0f} µs; {result['bytes'] / 1e6:.2f} MB of counts.",
            "",
        ]
    )
