"""``python -m bench offline``: features of a whole history, rows a second on one core.

The baseline is what a notebook would do: pandas' ``groupby().rolling()``, for the counts and sums
of one entity only, on a part of the same events.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer

from bench.results_file import keep, say, surroundings
from features.batch import EventBatch
from features.countries import load_country_table
from features.csv_source import read_transactions
from features.declared import WINDOWS, feature_names
from features.offline import compute_features
from producer.sample import SampleOptions, write_sample

_PANDAS_ROWS = 50_000


def offline(
    rows: Annotated[int, typer.Option(help="Generated transactions.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 3,
) -> None:
    """Features of a whole history: rows a second on one core."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sample.csv"
        say(f"generating {rows:,} transactions …")
        write_sample(path, SampleOptions(profile="ecommerce", rows=rows, seed=seed))
        say("reading them …")
        batch = read_transactions(path, "ecommerce", rejects=Path(folder) / "rejects.csv").batch
    countries = load_country_table(None)
    compute_features(batch.take(np.arange(min(rows, 1000))), countries)  # compiles
    part = batch.take(batch.in_total_order()[:_PANDAS_ROWS])
    wall, cpu, pandas_us = [], [], []
    for number in range(rounds):
        fresh = dataclasses.replace(batch)  # what a batch keeps for later is not to be there
        started, spent = time.perf_counter(), time.process_time()
        compute_features(fresh, countries)
        wall.append(rows / (time.perf_counter() - started))
        cpu.append(rows / (time.process_time() - spent))
        started = time.perf_counter()
        _pandas(part)
        pandas_us.append((time.perf_counter() - started) / len(part) * 1e6)
        say(f"round {number + 1}: {wall[-1]:,.0f} rows/s, pandas {1e6 / pandas_us[-1]:,.0f} rows/s")
    result = {
        "rows": rows,
        "features": len(feature_names("ecommerce")),
        "rows_per_second": statistics.median(wall),
        "rows_per_cpu_second": statistics.median(cpu),
        "spread": [min(wall), max(wall)],
        "pandas_rows_per_second": 1e6 / statistics.median(pandas_us),
        **surroundings(),
    }
    keep("offline", result, lambda before: _markdown(result, before))


def _pandas(batch: EventBatch) -> None:
    """Counts and sums of the user's events in every window: 10 of the features."""
    frame = pd.DataFrame(
        {
            "user": batch.text["user_id"],
            "time": pd.to_datetime(batch.time_ms, unit="ms"),
            "amount": batch.amount,
        }
    ).set_index("time")
    users = frame.groupby("user")["amount"]
    for length in WINDOWS.values():
        window = users.rolling(pd.Timedelta(length, "ms"), closed="left")
        window.count()
        window.sum()


def _markdown(result: dict[str, Any], before: dict[str, Any] | None) -> str:
    ratio = result["rows_per_second"] / result["pandas_rows_per_second"]
    low, high = result["spread"]
    lines = [
        f"# Offline features: {result['rows']:,} generated transactions, "
        f"{result['features']} features",
        "",
        f"`python -m bench offline`, commit {result['commit']}, {result['machine']}; one thread.",
        "",
        "| what | rows/s (median) | min – max |",
        "|---|---|---|",
        f"| all features, wall | {result['rows_per_second']:,.0f} | {low:,.0f} – {high:,.0f} |",
        f"| all features, by CPU time | {result['rows_per_cpu_second']:,.0f} | |",
        "| pandas `groupby().rolling()`, 10 features of the user | "
        f"{result['pandas_rows_per_second']:,.0f} | |",
        "",
        f"Ratio to pandas: {ratio:.0f}.",
    ]
    if before is not None:
        old = before["rows_per_second"] / before["pandas_rows_per_second"]
        lines.append(f"Before (commit {before['commit']}): {old:.0f}.")
    return "\n".join([*lines, ""])
