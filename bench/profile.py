"""``python -m bench profile``: where the processor time of a drain goes, by process and by stage.

The worker and the plain loop, each over a filled topic with its stacks sampled from outside
(`py-spy`); the worker once more for the flame graph ``docs/flame-graph.svg``, which shows the
threads that hold the interpreter. Writes ``bench/results/profile.json`` and ``.md``. Sampling costs
a few per cent of the speed, which the benchmark ``worker`` does not pay.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.contenders import commands
from bench.local_bench import local_bench
from bench.results_file import keep, say, surroundings
from bench.runs import ROOT, Bench
from bench.sampling import OTHER, STAGES, read_stacks, sampled

_FLAME_GRAPH = ROOT / "docs" / "flame-graph.svg"
_NAMES = ("fraudstream", "plain_loop")


def profile(
    csv: Annotated[Path | None, typer.Option(help="Events; default: a generated sample.")] = None,
    profile: Annotated[str, typer.Option(help="ecommerce or banking.")] = "ecommerce",
    events: Annotated[int, typer.Option(help="At most so many events.")] = 150_000,
    partitions: Annotated[int, typer.Option(help="Of the input topic.")] = 4,
    models: Annotated[Path | None, typer.Option(help="Registry; default: train one.")] = None,
) -> None:
    """Processor time of the worker and of the plain loop, by process and stage."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        local_bench(
            Path(temporary), csv, profile, events, partitions, models, commands(_NAMES)
        ) as bench,
    ):
        bench.warm_up("plain_loop")
        found = {name: _one(bench, name, Path(temporary)) for name in _NAMES}
        bench.drain(_NAMES[0], lambda pid: sampled(pid, _FLAME_GRAPH, "flamegraph", "--gil"))
        _retitle(_FLAME_GRAPH)
        result: dict[str, Any] = {
            "processor_us_per_event": {name: one["by_process"] for name, one in found.items()},
            "stages_us_per_event": {name: one["by_stage"] for name, one in found.items()},
            "events_per_second": {name: one["rate"] for name, one in found.items()},
            "events": len(bench.batch),
            "partitions": partitions,
            "profile": profile,
            **surroundings(),
        }
    source = "a generated sample" if csv is None else csv.name
    keep("profile", result, lambda _: _markdown(result, source))


def _one(bench: Bench, name: str, folder: Path) -> dict[str, Any]:
    path = folder / f"{name}.txt"
    done = bench.drain(name, lambda pid: sampled(pid, path, "raw"))
    shares = read_stacks(path).shares()
    worker = done.cpu_us_per_event["worker"]
    say(f"{name}: {done.scores.events_per_second():,.0f} events/s")
    return {
        "by_process": done.cpu_us_per_event,
        "by_stage": {stage: worker * share for stage, share in shares.items()},
        "rate": done.scores.events_per_second(),
    }


def _retitle(path: Path) -> None:
    """In place of the command line, which names places of the machine."""
    title = r"\1fraudstream worker, drain: who holds the interpreter\2"
    drawn = re.sub(r'(<text id="title"[^>]*>)[^<]*(</text>)', title, path.read_text())
    path.write_text(drawn)


def _markdown(result: dict[str, Any], source: str) -> str:
    stages, processes = result["stages_us_per_event"], result["processor_us_per_event"]
    order = [one for one in (*STAGES, OTHER) if any(one in found for found in stages.values())]
    return "\n".join(
        [
            f"# Profile: {source}, {result['events']:,} events, {result['partitions']} partitions",
            "",
            f"`python -m bench profile`, commit {result['commit']}, {result['machine']}. Processor "
            "µs per event.",
            "",
            "| | " + " | ".join(stages) + " |",
            "|---|" + "---|" * len(stages),
            *(
                f"| {one} | " + " | ".join(f"{by[one]:.1f}" for by in processes.values()) + " |"
                for one in next(iter(processes.values()))
            ),
            *(
                f"| worker: {one} | "
                + " | ".join(f"{by.get(one, 0):.1f}" for by in stages.values())
                + " |"
                for one in order
            ),
            "",
        ]
    )
