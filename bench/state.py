"""``python -m bench state``: the state step of one worker against one Redis.

Micro-batches of 256 events, three entities each, every window. For each length of history: wall
time per event, CPU of the client and of Redis, and the same commands through redis-py's own
pipeline, without any computing, as the baseline; rounds interleaved, medians. Then: how it grows
with the number of entities, what one hot entity costs the others, and how many bytes an entity
takes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.results_file import keep, say, surroundings
from bench.state_world import ENTITIES, Spent, median, worlds
from features.declared import CAP

_HISTORIES = (1, 10, 100, CAP)
_MEMORY = (1, 10, 100)
#: Events of one device in the hot run: far beyond what a log keeps.
_HOT_EVENTS = 100_000


def state(
    batches: Annotated[int, typer.Option(help="Micro-batches in a round.")] = 40,
    rounds: Annotated[int, typer.Option(help="Interleaved rounds.")] = 7,
    few: Annotated[int, typer.Option(help="Entities of each kind, at first.")] = 10_000,
    many: Annotated[int, typer.Option(help="Entities of each kind, at last.")] = 1_000_000,
) -> None:
    """The state step: µs per event, by history, entities and a hot entity; bytes per entity."""
    with tempfile.TemporaryDirectory() as folder:
        result = {
            "batch": 256,
            "entities_per_event": len(ENTITIES),
            "by_history": _by_history(Path(folder) / "history", few, batches, rounds),
            "by_entities": _by_entities(Path(folder) / "entities", few, many, batches, rounds),
            "hot": _hot(Path(folder) / "hot", few, batches, rounds),
            "bytes_per_entity": _memory(Path(folder) / "memory"),
            **surroundings(),
        }
    keep("state", result, lambda before: _markdown(result, before))


def _by_history(folder: Path, entities: int, batches: int, rounds: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for history in _HISTORIES:
        # Long histories of many entities would be a test of memory.
        size = min(entities, 400_000 // history)
        with worlds(folder / str(history), 1) as (world,):
            world.fill(size, history)
            world.round(batches)  # compiles, warms up
            ours, plain = [], []
            for _ in range(rounds):
                world.fill(size, history)  # anew: each round makes the histories longer
                ours += world.round(batches)
                plain += world.plain_round(batches)
        found[str(history)] = {
            "entities": size,
            **median(ours),
            "redis_py_pipeline_us": median(plain)["wall_us"],
        }
        say(f"history {history}: {found[str(history)]}")
    return found


def _by_entities(
    folder: Path, few: int, many: int, batches: int, rounds: int
) -> dict[str, dict[str, float]]:
    """Both sizes side by side, each in a Redis of its own."""
    found: dict[str, dict[str, float]] = {}
    for history in (1, 10):
        with worlds(folder / str(history), 2) as (small, large):
            for world, size in ((small, few), (large, many)):
                say(f"filling {size:,} entities of each kind, {history} events each …")
                world.fill(size, history, spread=True)
                world.round(batches)
            spent: dict[int, list[Spent]] = {few: [], many: []}
            for _ in range(rounds):
                small.fill(few, history, spread=True)
                spent[few] += small.round(batches)
                spent[many] += large.round(batches)
        found[str(history)] = {str(size): median(times)["wall_us"] for size, times in spent.items()}
        found[str(history)]["ratio"] = (
            found[str(history)][str(many)] / found[str(history)][str(few)]
        )
        say(f"entities, history {history}: {found[str(history)]}")
    return found


def _hot(folder: Path, entities: int, batches: int, rounds: int) -> dict[str, float]:
    """Batches of ordinary events; the same with events of one hot device among them."""
    with worlds(folder, 1) as (world,):
        world.fill(entities, 10)
        world.heat(_HOT_EVENTS)
        world.round(batches)
        calm, warm, mixed = [], [], []
        for _ in range(rounds):
            calm += world.round(batches)
            warm += world.round(batches, hot_added=16)
            mixed += world.round(batches, hot_share=0.3)
    others = median(calm)["batch_us"]
    found = {
        "calm_batch_us": others,
        "with_16_hot_events_added_batch_us": median(warm)["batch_us"],
        "added_ratio": median(warm)["batch_us"] / others,
        "added_slowest_ratio": max(one.wall_us for one in warm) / max(one.wall_us for one in calm),
        "with_30_percent_hot_us": median(mixed)["wall_us"],
        "calm_us": median(calm)["wall_us"],
    }
    say(f"hot entity: {found}")
    return found


def _memory(folder: Path) -> dict[str, dict[str, float]]:
    with worlds(folder, 1) as (world,):
        found = {str(history): world.bytes_per_entity(history) for history in _MEMORY}
    say(f"bytes per entity: {found}")
    return found


def _markdown(result: dict[str, Any], before: dict[str, Any] | None) -> str:
    lines = [
        f"# State step: micro-batches of {result['batch']}, "
        f"{result['entities_per_event']} entities an event, every window",
        "",
        f"`python -m bench state`, commit {result['commit']}, {result['machine']}.",
        "",
        "| remembered events per entity | entities of each kind | wall µs/event | client CPU "
        "| Redis CPU | same commands by redis-py's pipeline, wall |",
        "|---|---|---|---|---|---|",
        *(
            f"| {history} | {one['entities']:,} | {one['wall_us']:.1f} | {one['client_us']:.1f} "
            f"| {one['redis_us']:.1f} | {one['redis_py_pipeline_us']:.1f} |"
            for history, one in result["by_history"].items()
        ),
        "",
    ]
    if before is not None:
        old = before["by_history"]["10"]
        now = result["by_history"]["10"]
        lines += [
            "Wall at 10 remembered events against the pipeline: "
            f"{now['wall_us'] / now['redis_py_pipeline_us']:.2f}, before (commit "
            f"{before['commit']}) {old['wall_us'] / old['redis_py_pipeline_us']:.2f}.",
            "",
        ]
    lines += [
        "| remembered events | entities of each kind: wall µs/event | ratio |",
        "|---|---|---|",
    ]
    for history, one in result["by_entities"].items():
        sizes = ", ".join(
            f"{int(size):,}: {value:.1f}" for size, value in one.items() if size != "ratio"
        )
        lines.append(f"| {history} | {sizes} | {one['ratio']:.2f} |")
    hot = result["hot"]
    lines += [
        "",
        f"Hot device ({_HOT_EVENTS:,} events): a batch of 256 ordinary events takes "
        f"{hot['calm_batch_us']:,.0f} µs, with 16 events of the hot device added "
        f"{hot['with_16_hot_events_added_batch_us']:,.0f} µs, ratio {hot['added_ratio']:.2f} "
        f"(slowest batches: {hot['added_slowest_ratio']:.2f}). Where 30 % of the events are the "
        f"hot device's: {hot['with_30_percent_hot_us']:.1f} µs/event instead of "
        f"{hot['calm_us']:.1f}.",
        "",
        "| remembered events | bytes per entity in Redis | of which its value |",
        "|---|---|---|",
        *(
            f"| {history} | {one['used']:,.0f} | {one['value']:,.0f} |"
            for history, one in result["bytes_per_entity"].items()
        ),
        "",
    ]
    return "\n".join(lines)
