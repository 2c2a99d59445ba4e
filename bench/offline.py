"""``python -m bench offline``: features of a whole history, rows a second on one core.

The baseline is what a notebook would do: pandas' ``groupby().rolling()``, for the counts and sums
of one entity only, on a part of the same events.

Each round computes twice. A virtual machine may have given freed memory back to its host, and
then the first run waits for the host to hand it over again (here 1.5 ms for each 2 MB of the
result); the second run finds it there. Both are told.
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
from features.countries import CountryTable, load_country_table
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
    first, second, pandas_us = [], [], []
    for number in range(rounds):
        first.append(_rows_per_second(batch, countries))
        second.append(_rows_per_second(batch, countries))
        started = time.perf_counter()
        _pandas(part)
        pandas_us.append((time.perf_counter() - started) / len(part) * 1e6)
        say(
            f"round {number + 1}: {first[-1]:,.0f}, again {second[-1]:,.0f} rows/s, "
            f"pandas {1e6 / pandas_us[-1]:,.0f} rows/s"
        )
    result = {
        "rows": rows,
        "features": len(feature_names("ecommerce")),
        "rows_per_second": statistics.median(second),
        "spread": [min(second), max(second)],
        "first_rows_per_second": statistics.median(first),
        "first_spread": [min(first), max(first)],
        "pandas_rows_per_second": 1e6 / statistics.median(pandas_us),
        **surroundings(),
    }
    keep("offline", result, lambda before: _markdown(result, before))


def _rows_per_second(batch: EventBatch, countries: CountryTable) -> float:
    fresh = dataclasses.replace(batch)  # what a batch keeps for later is not to be there
    started = time.perf_counter()
    compute_features(fresh, countries)
    return len(batch) / (time.perf_counter() - started)


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
    first_low, first_high = result["first_spread"]
    lines = [
        f"# Offline features: {result['rows']:,} generated transactions, "
        f"{result['features']} features",
        "",
        f"`python -m bench offline`, commit {result['commit']}, {result['machine']}; one thread.",
        "",
        "| what | rows/s (median) | min – max |",
        "|---|---|---|",
        f"| all features | {result['rows_per_second']:,.0f} | {low:,.0f} – {high:,.0f} |",
        f"| first run, memory not yet there | {result['first_rows_per_second']:,.0f} "
        f"| {first_low:,.0f} – {first_high:,.0f} |",
        "| pandas `groupby().rolling()`, 10 features of the user | "
        f"{result['pandas_rows_per_second']:,.0f} | |",
        "",
        f"Ratio to pandas: {ratio:.0f}.",
    ]
    if before is not None:
        old = before["rows_per_second"] / before["pandas_rows_per_second"]
        lines.append(f"Before (commit {before['commit']}): {old:.0f}.")
    return "\n".join([*lines, ""])
