"""``python -m bench reasons``: what the reasons of alerts cost the worker.

The same topic is drained by the worker and by one that explains alerts without the model, in
interleaved rounds: with thresholds that make one event in twenty an alert, and with all of them
alerts, of which the worker explains only the first of each micro-batch.
"""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bench.contenders import CHEAP, OURS, commands
from bench.expected import offline_scores
from bench.local_bench import local_bench
from bench.results_file import keep, say, surroundings
from bench.runs import Bench, Drain

_SHARES = (0.05, 1.0)
_THRESHOLDS = ("FRAUDSTREAM_THRESHOLD_REVIEW", "FRAUDSTREAM_THRESHOLD_BLOCK")


def reasons(
    csv: Annotated[Path | None, typer.Option(help="Events; default: a generated sample.")] = None,
    profile: Annotated[str, typer.Option(help="ecommerce or banking.")] = "ecommerce",
    events: Annotated[int, typer.Option(help="At most so many events a round.")] = 60_000,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds.")] = 5,
    models: Annotated[Path | None, typer.Option(help="Registry; default: train one.")] = None,
) -> None:
    """The worker with reasons from its model beside one without."""
    started_by = commands((OURS, CHEAP))
    with (
        tempfile.TemporaryDirectory() as folder,
        local_bench(Path(folder), csv, profile, events, 4, models, started_by) as bench,
    ):
        scores = np.array(list(offline_scores(bench.settings, bench.batch).values()))
        bench.warm_up(OURS)
        result: dict[str, Any] = {
            "source": "a generated sample" if csv is None else csv.name,
            "rounds": rounds,
            "events": len(bench.batch),
            "alerts": {
                f"{share:.0%}": _measured(bench, float(np.quantile(scores, 1 - share)), rounds)
                for share in _SHARES
            },
            **surroundings(),
        }
    keep("reasons", result, lambda before: _as_markdown(result))


def _measured(bench: Bench, threshold: float, rounds: int) -> dict[str, Any]:
    done: dict[str, list[Drain]] = {OURS: [], CHEAP: []}
    with _thresholds(threshold):
        for number in range(rounds):
            for name, drains in done.items():
                drains.append(bench.drain(name))
                say(f"round {number + 1}: {name} {drains[-1].scores.events_per_second():,.0f}")
    speeds = {
        name: [one.scores.events_per_second() for one in drains] for name, drains in done.items()
    }
    medians = {name: statistics.median(found) for name, found in speeds.items()}
    return {
        "share": done[OURS][-1].scores.alerts / len(bench.batch),
        "throughput": medians,
        "spread": {name: [min(found), max(found)] for name, found in speeds.items()},
        "ratio": statistics.median(
            ours / cheap for ours, cheap in zip(speeds[OURS], speeds[CHEAP], strict=True)
        ),
    }


@contextmanager
def _thresholds(value: float) -> Iterator[None]:
    """In the environment of the workers that are started meanwhile."""
    os.environ.update(dict.fromkeys(_THRESHOLDS, repr(min(value, 1.0))))
    try:
        yield
    finally:
        for name in _THRESHOLDS:
            del os.environ[name]


def _as_markdown(result: dict[str, Any]) -> str:
    rows = [
        f"| {found['share']:.1%} | {found['throughput'][OURS]:,.0f} | "
        f"{found['throughput'][CHEAP]:,.0f} | {found['ratio']:.2f} |"
        for found in result["alerts"].values()
    ]
    return "\n".join(
        [
            f"# What reasons cost: {result['source']}, {result['events']:,} events",
            "",
            f"`python -m bench reasons`, commit {result['commit']}, {result['machine']}, "
            f"{result['rounds']} interleaved rounds, medians. Events/s of a filled topic; the "
            "ratio is the median of the rounds'.",
            "",
            "| alerts | reasons by TreeSHAP | without the model | ratio |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    )
