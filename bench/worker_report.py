"""The results of ``python -m bench worker`` as Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.comparison import ratios, regressions
from bench.contenders import CONTENDERS, OURS


def as_markdown(result: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    """The tables, and what has changed since ``before``, a run on the same events."""
    lines = [
        f"# Benchmark: {result['source']}, {result['events']:,} events, "
        f"{result['partitions']} partitions",
        "",
        f"`python -m bench worker`, commit {result['commit']}, {result['machine']}, "
        f"{result['rounds']} interleaved rounds, medians.",
        "",
        *_who(result),
        *_throughput(result, before),
        *_multiples(result),
        *_latency(result),
        *_processor_time(result),
    ]
    return "\n".join(lines)


def _who(result: Mapping[str, Any]) -> list[str]:
    return [*(f"- `{name}`: {CONTENDERS[name].what}" for name in result["throughput"]), ""]


def _throughput(result: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[str]:
    now = ratios(result)
    old = {} if before is None else ratios(before)
    lines = [
        "A topic that was filled before, emptied by one worker. `differ`: share of the scores that "
        "are not those of the offline features.",
        "",
        "| contender | events | events/s | min – max | of plain_loop | before | differ |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, rate in result["throughput"].items():
        low, high = result["spread"][name]
        lines.append(
            f"| {name} | {result['events_drained'][name]:,} | {rate:,.0f} "
            f"| {low:,.0f} – {high:,.0f} | {_ratio(now.get(name))} | {_ratio(old.get(name))} "
            f"| {result['differs']['drain'][name]:.2%} |"
        )
    lines.append("")
    if before is not None:
        lines += [f"Before: commit {before['commit']}.", ""]
        for name, (was, is_now) in regressions(result, before).items():
            lines += [f"**Regression**: {name} {was:.2f} → {is_now:.2f} of plain_loop.", ""]
    return lines


def _multiples(result: Mapping[str, Any]) -> list[str]:
    """The worker's speed in multiples of each other contender's."""
    speeds = result["throughput"]
    ours = speeds.get(OURS)
    others = [name for name in speeds if name != OURS]
    if ours is None or not others:
        return []
    told = ", ".join(f"{ours / speeds[name]:.2f} of {name}" for name in others)
    return [f"The worker's events/s: {told}.", ""]


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _latency(result: Mapping[str, Any]) -> list[str]:
    if not result["latency_ms"]:
        return []
    lines = [
        "Produce to score consumed, one run of each rate.",
        "",
        "| events/s | contender | p50 ms | p99 ms | samples | differ |",
        "|---|---|---|---|---|---|",
    ]
    for rate, found in result["latency_ms"].items():
        for name, one in found.items():
            if one is None:
                lines.append(f"| {rate} | {name} | falls behind | falls behind | | |")
            else:
                lines.append(
                    f"| {rate} | {name} | {one['p50']:.0f} | {one['p99']:.0f} "
                    f"| {one['samples']:,} | {result['differs'][rate][name]:.2%} |"
                )
    return [*lines, ""]


def _processor_time(result: Mapping[str, Any]) -> list[str]:
    found = result["cpu_us_per_event_by_contender"]
    meters = list(next(iter(found.values())))
    lines = [
        "CPU µs per event of the drain.",
        "",
        f"| contender | {' | '.join(meters)} |",
        f"|---|{'---|' * len(meters)}",
        *(
            f"| {name} | {' | '.join(f'{spent[one]:.0f}' for one in meters)} |"
            for name, spent in found.items()
        ),
        "",
    ]
    stages = result.get("cpu_us_per_event", {}).get("stages")
    if stages:
        told = ", ".join(f"{stage} {spent:.1f}" for stage, spent in stages.items())
        lines += [f"Wall µs per event in the worker's stages, by its own metrics: {told}.", ""]
    return lines
