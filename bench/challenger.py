"""``python -m bench challenger``: what a challenger costs the worker.

The same topic is drained by the worker with the champion alone and with a challenger of the same
size beside it (the champion once more, under another name), in interleaved rounds.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from bench.contenders import OURS, commands
from bench.local_bench import local_bench
from bench.results_file import keep, say, surroundings
from bench.runs import Bench
from core.names import Role
from model.metadata import encode_metadata
from model.registry import METADATA_FILE, Registry

_ALONE, _CHALLENGED = "champion alone", "with a challenger"


def challenger(
    csv: Annotated[Path | None, typer.Option(help="Events; default: a generated sample.")] = None,
    profile: Annotated[str, typer.Option(help="ecommerce or banking.")] = "ecommerce",
    events: Annotated[int, typer.Option(help="At most so many events a round.")] = 60_000,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds.")] = 5,
    models: Annotated[Path | None, typer.Option(help="Registry; default: train one.")] = None,
) -> None:
    """The worker with a challenger beside the one without."""
    with tempfile.TemporaryDirectory() as folder:
        if models is not None:  # it is changed here
            models = Path(shutil.copytree(models, Path(folder) / "registry"))
        with local_bench(Path(folder), csv, profile, events, 4, models, commands((OURS,))) as bench:
            other = _twin(bench)
            bench.warm_up(OURS)
            speeds = _rounds(bench, other, rounds)
            result: dict[str, Any] = {
                "source": "a generated sample" if csv is None else csv.name,
                "rounds": rounds,
                "events": len(bench.batch),
                "throughput": {name: statistics.median(found) for name, found in speeds.items()},
                "spread": {name: [min(found), max(found)] for name, found in speeds.items()},
                "cost": 1.0
                - statistics.median(
                    both / alone
                    for both, alone in zip(speeds[_CHALLENGED], speeds[_ALONE], strict=True)
                ),
                **surroundings(),
            }
    keep("challenger", result, lambda before: _as_markdown(result))


def _twin(bench: Bench) -> str:
    """The champion as another version."""
    registry, profile = Registry(bench.settings.models), bench.settings.profile
    model = registry.load(profile)
    files = {name: model.read(name) for name in model.digests}

    def build(version: str) -> dict[str, bytes]:
        meta = msgspec.structs.replace(model.metadata, version=version)
        return {**files, METADATA_FILE: encode_metadata(meta)}

    return registry.add(profile, build)


def _rounds(bench: Bench, other: str, rounds: int) -> dict[str, list[float]]:
    registry, profile = Registry(bench.settings.models), bench.settings.profile
    speeds: dict[str, list[float]] = {_ALONE: [], _CHALLENGED: []}
    for number in range(rounds):
        for name, found in speeds.items():
            if name == _CHALLENGED:
                registry.promote(profile, other, Role.CHALLENGER)
            else:
                registry.retire(profile)
            found.append(bench.drain(OURS).scores.events_per_second())
            say(f"round {number + 1}: {name} {found[-1]:,.0f}")
    return speeds


def _as_markdown(result: dict[str, Any]) -> str:
    rows = [
        f"| {name} | {speed:,.0f} | {result['spread'][name][0]:,.0f} to "
        f"{result['spread'][name][1]:,.0f} |"
        for name, speed in result["throughput"].items()
    ]
    return "\n".join(
        [
            f"# What a challenger costs: {result['source']}, {result['events']:,} events",
            "",
            f"`python -m bench challenger`, commit {result['commit']}, {result['machine']}, "
            f"{result['rounds']} interleaved rounds, medians. Events/s of a filled topic.",
            "",
            "| worker | events/s | spread |",
            "|---|---|---|",
            *rows,
            "",
            f"A challenger of the champion's size costs {result['cost']:.0%} of the throughput "
            "(median of the rounds).",
            "",
        ]
    )
