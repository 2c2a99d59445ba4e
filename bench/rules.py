"""``python -m bench rules``: what rules and lists beside the model cost a decision.

Fifty rules in the manner of the example, and a deny list of a million devices, are asked of the
micro-batches of a sample. The baseline of the same run is the whole decision without them (scores,
thresholds, reasons of the alerts); shares are also of the processor time that the worker takes for
an event (``bench/results/latest.json``, by ``python -m bench worker``).
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer
from numpy.typing import NDArray

from bench.results_file import RESULTS, keep, say, surroundings
from core.settings import load_settings
from features.batch import EventBatch
from features.countries import load_country_table
from features.csv_source import read_transactions
from features.known import country_codes
from features.offline import compute_features
from model.lists.lists import Lists
from model.lists.members import FOREVER, Members
from model.overrides import NO_OVERRIDES, Overrides
from model.rules.rule_set import RuleSet, compile_rules
from producer.sample import SampleOptions, write_sample
from stream.decisions import load_decision_maker

_Part = tuple[NDArray[np.float32], EventBatch, NDArray[np.int16]]
_CONDITIONS = (
    "device_users_1h >= {n} && seconds_since_signup <= 60",
    'amount > 1{n}0.5 && country in ["US", "CN", "JP"]',
    'browser == "Opera" || user_count_24h > {n}',
    "score > 0.9 && hour >= 23 && device_spend_7d / device_count_7d > 4{n}",
    'age < 2{n} && !(source == "Ads") && ip_users_24h >= {n}',
)


def rules(
    events: Annotated[int, typer.Option(help="Of the sample.")] = 30_000,
    batch_size: Annotated[int, typer.Option(help="Events in a micro-batch.")] = 256,
    many: Annotated[int, typer.Option(help="Rules.")] = 50,
    members: Annotated[int, typer.Option(help="On the deny list.")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="Of deciding everything.")] = 5,
) -> None:
    """Microseconds an event with and without rules and lists; a champion is needed."""
    settings = load_settings(profile="ecommerce")
    countries = load_country_table(settings.ip_table)
    maker = load_decision_maker(settings, countries, overrides=NO_OVERRIDES)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "sample.csv"
        write_sample(path, SampleOptions(profile="ecommerce", rows=events, seed=1))
        batch = read_transactions(path, "ecommerce", rejects=Path(name) / "rejects.csv").batch
    batch = batch.take(batch.in_total_order())
    matrix, country = compute_features(batch, countries).matrix, country_codes(batch, countries)
    before = psutil.Process().memory_info().rss
    deny = Members.of({f"device-{number:09d}": FOREVER for number in range(members)})
    held = deny.hash.nbytes + deny.text.nbytes
    say(f"a list of {len(deny):,}: {held / 1e6:.0f} MB, process grew by "
        f"{(psutil.Process().memory_info().rss - before) / 1e6:.0f} MB")  # fmt: skip
    kinds = {
        "nothing": NO_OVERRIDES,
        f"{many} rules": Overrides(_rules(many)),
        f"a deny list of {members:,}": Overrides(lists=Lists({("deny", "device"): deny})),
    }

    def parts() -> list[_Part]:
        """Anew for each way: a batch keeps what was worked out of it."""
        starts = range(0, len(batch), batch_size)
        rows = [np.arange(at, min(at + batch_size, len(batch))) for at in starts]
        found = [(matrix[one], batch.take(one), country[one]) for one in rows]
        for _, events_of, _ in found:  # the state step before has looked up who stands behind
            _ = events_of.entity("device").hashes
        return found

    costs: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind, overrides in kinds.items():
            decide = maker.with_overrides(overrides).decide
            costs[kind].append(_timed(parts(), decide) / len(batch) * 1e6)
    path_us = json.loads((RESULTS / "latest.json").read_text())["cpu_us_per_event"]["worker"]
    base = statistics.median(costs["nothing"])
    result: dict[str, Any] = {
        "events": len(batch),
        "batch": batch_size,
        "us_per_event": {kind: statistics.median(some) for kind, some in costs.items()},
        "more_us": {kind: statistics.median(some) - base for kind, some in costs.items()},
        "batch_path_us": path_us,
        "list_bytes": held,
        **surroundings(),
    }
    keep("rules", result, lambda _: _as_markdown(result))


def _rules(many: int) -> RuleSet:
    lines = []
    for number in range(many):
        condition = _CONDITIONS[number % len(_CONDITIONS)].format(n=1 + number // 10)
        lines.append(f"- name: rule-{number}\n  when: '{condition}'\n  action: review\n"
                     "  reason: measured\n  shadow: true\n")  # fmt: skip
    return compile_rules("".join(lines).encode(), Path("bench.yaml"), "ecommerce")


def _timed(parts: list[_Part], decide: Callable[..., Any]) -> float:
    started = time.process_time()
    for matrix, batch, country in parts:
        decide(matrix, batch, country)
    return time.process_time() - started


def _as_markdown(result: dict[str, Any]) -> str:
    lines = [
        f"# What rules and lists cost: {result['events']:,} events",
        "",
        f"`python -m bench rules`, commit {result['commit']}, {result['machine']}. Micro-batches "
        f"of {result['batch']}; processor time, medians. The worker takes "
        f"{result['batch_path_us']:.0f} µs an event in all. The list holds "
        f"{result['list_bytes'] / 1e6:.0f} MB.",
        "",
        "| beside the model | decision, µs an event | more | of the worker's time |",
        "|---|---|---|---|",
        *(
            f"| {kind} | {cost:.1f} | {result['more_us'][kind]:.1f} | "
            f"{result['more_us'][kind] / result['batch_path_us']:.1%} |"
            for kind, cost in result["us_per_event"].items()
        ),
    ]
    return "\n".join(lines) + "\n"
