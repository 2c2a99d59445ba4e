"""``python -m bench memory``: does the worker's memory stay flat over millions of events?

The topic is filled while the worker empties it. Every so many events its resident memory is looked
at. The first part is left out of the verdict: buffers, compiled code and model fill then.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer

from bench.contenders import commands
from bench.local_bench import local_bench
from bench.results_file import keep, say, surroundings
from bench.runs import Bench, lives, new_producer
from bench.score_reader import ScoreReader

#: Events that are sent at once; the worker may be so far behind, not further.
_CHUNK = 50_000
_TIMEOUT_S = 600.0
#: Part of the run that is left out of the verdict.
_START = 0.2

Sample = tuple[int, float]


def memory(
    events: Annotated[int, typer.Option(help="How many.")] = 2_000_000,
    models: Annotated[Path | None, typer.Option(help="Registry; default: train one.")] = None,
    name: Annotated[str, typer.Option(help="Of the files in bench/results.")] = "memory",
) -> None:
    """Resident memory of the worker over millions of events."""
    with (
        tempfile.TemporaryDirectory() as folder,
        local_bench(
            Path(folder), None, "ecommerce", events, 4, models, commands(["fraudstream"])
        ) as bench,
    ):
        samples = list(_samples(bench))
    result = {
        "events": events,
        "samples_mib": samples,
        "growth_mib_per_million": growth_per_million(samples),
        **surroundings(),
    }
    keep(name, result, lambda _: _markdown(result))


def growth_per_million(samples: Sequence[Sample]) -> float:
    """Slope of memory over events, MiB per million, after the start of the run.

    Args:
        samples: (events so far, MiB), at least two after the start.
    """
    end = samples[-1][0]
    counted = np.array([one for one in samples if one[0] >= end * _START])
    return float(np.polyfit(counted[:, 0] / 1e6, counted[:, 1], 1)[0])


def _samples(bench: Bench) -> Iterator[Sample]:
    with (
        bench.namespace() as settings,
        bench.running("fraudstream", settings) as process,
    ):
        reader = ScoreReader(settings, bench.partitions)
        producer = new_producer(settings, linger_ms=20)
        for start in range(0, len(bench.batch), _CHUNK):
            stop = min(start + _CHUNK, len(bench.batch))
            bench.publish(producer, settings, bench.batch.take(np.arange(start, stop)))
            if start:
                yield _look(reader, start, process)
        yield _look(reader, len(bench.batch), process)


def _look(reader: ScoreReader, events: int, process: psutil.Process) -> Sample:
    started = time.monotonic()
    if not reader.wait_for(events, _TIMEOUT_S, lambda: lives(process)):
        raise SystemExit(f"{reader.count()} of {events} events are scored")
    mib = process.memory_info().rss / 2**20
    say(f"{events:,} events: {mib:,.0f} MiB (waited {time.monotonic() - started:.1f} s)")
    return events, mib


def _markdown(result: dict[str, Any]) -> str:
    samples = result["samples_mib"]
    growth = result["growth_mib_per_million"]
    every = max(1, len(samples) // 20)
    return "\n".join(
        [
            f"# Memory of the worker over {result['events']:,} events",
            "",
            f"`python -m bench memory`, commit {result['commit']}, {result['machine']}.",
            "",
            f"Growth after the first fifth: {growth:+.1f} MiB per million events.",
            "",
            "| events | resident MiB |",
            "|---|---|",
            *(f"| {events:,} | {mib:,.0f} |" for events, mib in samples[::every]),
            "",
        ]
    )
