"""``python -m bench worker``: the worker beside other ways of doing its job.

Same machine, broker, Redis, events and model; rounds interleaved; medians. Contenders that are slow
get fewer events: what is compared is events a second. Writes ``bench/results/latest.json`` and
``latest.md`` and prints them. The ratio to the plain loop is what is compared with the results that
were there.
"""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.comparison import comparable
from bench.contenders import CONTENDERS, OURS, chosen, commands
from bench.expected import offline_scores, share_that_differs
from bench.latency import falls_behind, percentiles
from bench.local_bench import local_bench
from bench.results_file import keep, say, surroundings
from bench.runs import Bench, Drain, Paced
from bench.worker_report import as_markdown

#: A rate is held for so many seconds at least: a short run is one pause of the broker, or none.
_PACED_S = 15


def worker(
    csv: Annotated[Path | None, typer.Option(help="Events; default: a generated sample.")] = None,
    profile: Annotated[str, typer.Option(help="ecommerce or banking.")] = "ecommerce",
    events: Annotated[int, typer.Option(help="At most so many events a round.")] = 60_000,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds.")] = 5,
    partitions: Annotated[int, typer.Option(help="Of the input topic.")] = 4,
    rates: Annotated[
        str, typer.Option(help="Events/s for latency, comma-separated; empty: none.")
    ] = "500,1000,3000",
    samples: Annotated[int, typer.Option(help="Events at each rate, or more.")] = 20_000,
    contenders: Annotated[
        str, typer.Option(help=f"Comma-separated, of {', '.join(CONTENDERS)}; default: all.")
    ] = "",
    models: Annotated[Path | None, typer.Option(help="Registry; default: train one.")] = None,
    name: Annotated[str, typer.Option(help="Of the files in bench/results.")] = "latest",
) -> None:
    """The worker beside its alternatives: throughput, latency, CPU, right scores."""
    started_by = commands(chosen(contenders))
    paces = sorted(int(one) for one in rates.split(",") if one.strip())
    with (
        tempfile.TemporaryDirectory() as folder,
        local_bench(Path(folder), csv, profile, events, partitions, models, started_by) as bench,
    ):
        source = "a generated sample" if csv is None else csv.name
        result = {"source": source, **_measure(bench, rounds, paces, samples)}
    keep(name, result, lambda before: as_markdown(result, comparable(result, before)))


def _measure(bench: Bench, rounds: int, rates: list[int], samples: int) -> dict[str, Any]:
    expected = offline_scores(bench.settings, bench.batch)
    drains: dict[str, list[Drain]] = {name: [] for name in bench.commands}
    bench.warm_up(next(iter(drains)))
    for number in range(rounds):
        for name, done in drains.items():
            done.append(bench.drain(name))
            rate = done[-1].scores.events_per_second()
            say(f"round {number + 1}: {name} {rate:,.0f} events/s")
    paced = _paces(bench, rates, samples)
    speeds = {
        name: [one.scores.events_per_second() for one in done] for name, done in drains.items()
    }
    cpu = {name: _medians([one.cpu_us_per_event for one in done]) for name, done in drains.items()}
    differs: dict[str, dict[str, float | None]] = {
        "drain": {
            name: statistics.mean(share_that_differs(one.scores, expected) for one in done)
            for name, done in drains.items()
        }
    }
    for pace, runs in paced.items():
        differs[pace] = {
            name: None if one is None else share_that_differs(one, expected)
            for name, one in runs.items()
        }
    result: dict[str, Any] = {
        "throughput": {name: statistics.median(found) for name, found in speeds.items()},
        "spread": {name: [min(found), max(found)] for name, found in speeds.items()},
        "latency_ms": {
            rate: {
                name: None if one is None else percentiles(one.latency_ms)
                for name, one in runs.items()
            }
            for rate, runs in paced.items()
        },
        "cpu_us_per_event_by_contender": cpu,
        "differs": differs,
        "repeats": {
            name: statistics.median(one.scores.repeats for one in done)
            for name, done in drains.items()
        },
        "alerts": {name: done[-1].scores.alerts for name, done in drains.items()},
        "events_drained": {name: len(done[-1].scores) for name, done in drains.items()},
        "events": len(bench.batch),
        "rounds": rounds,
        "partitions": bench.partitions,
        "profile": bench.settings.profile,
        **surroundings(),
    }
    if OURS in drains:
        stages = _medians([one.stages for one in drains[OURS]])
        result["cpu_us_per_event"] = {**cpu[OURS], "stages": stages}
    return result


def _paces(bench: Bench, rates: list[int], samples: int) -> dict[str, dict[str, Paced | None]]:
    """Rate → contender → its run; None: it falls behind, at this rate or at a lower one."""
    found: dict[str, dict[str, Paced | None]] = {}
    behind: set[str] = set()
    for rate in rates:
        runs = found.setdefault(str(rate), {})
        for name in bench.commands:
            paced = (
                None if name in behind else bench.pace(name, rate, max(samples, rate * _PACED_S))
            )
            if paced is not None and falls_behind(paced.latency_ms):
                paced = None
                behind.add(name)
            runs[name] = paced
            say(f"{rate}/s: {name} {percentiles(paced.latency_ms) if paced else 'falls behind'}")
    return found


def _medians(found: list[dict[str, float]]) -> dict[str, float]:
    return {key: statistics.median(one[key] for one in found) for key in found[0]}
