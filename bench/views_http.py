"""``python -m bench views-http CSV``: what the views answer in at a steady rate of requests.

Each endpoint by itself, by a client that times answers from when they were due. The baseline is
``/healthz`` in the same run: what Flask, waitress and the client take when nothing is asked of the
store. ``first`` asks of other spans each time, so that nothing was computed before, at a tenth of
the rate; ``again`` asks for what the server has already, as open pages do. Rounds are interleaved,
and a figure is the median of theirs: a machine that others share too has slow and fast minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from bench.paced_http import ask_paced, request_of
from bench.results_file import keep, surroundings
from features.csv_source import read_transactions
from producer.encode import encode_events

_LISTS = ("geography", "browsers", "sources", "devices", "trends")
_TARGET_MS = {"view": 20.0, "predict": 15.0}
_EVENTS = 2_000
_WARM_UP = 20
#: Who asks what nobody has asked before is one person at a page.
_FIRST_SHARE = 0.1


def views_http(
    csv: Annotated[Path, typer.Argument(help="Transactions, shown and predicted.")],
    url: Annotated[
        str | None, typer.Option(help="Ask this server instead of one of our own.")
    ] = None,
    rate: Annotated[float, typer.Option(help="Requests a second.")] = 200.0,
    seconds: Annotated[float, typer.Option(help="Of each endpoint in each round.")] = 4.0,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    """How long the endpoints of the views take."""
    with tempfile.TemporaryDirectory() as folder:
        data = read_transactions(csv, rejects=Path(folder) / "rejects.csv")
        rows = np.random.default_rng(1).permutation(len(data.batch))[:_EVENTS]
        bodies = encode_events(data.batch.take(rows))
        first = int(data.batch.time_ms.min())
        if url is None:
            with _served(csv, Path(folder)) as address:
                found = _measure(address, bodies, first, rate, seconds, rounds)
        else:
            found = _measure(url.rstrip("/"), bodies, first, rate, seconds, rounds)
    result = {
        "events": len(data.batch),
        "server": "a file in memory" if url is None else "the read model in Redis",
        "rate": rate,
        "seconds": seconds,
        "rounds": rounds,
        "latency_ms": found,
        **surroundings(),
    }
    name = "views_http" if url is None else "views_http_live"
    keep(name, result, lambda before: _as_markdown(result))


def _measure(
    url: str, bodies: list[bytes], first_ms: int, rate: float, seconds: float, rounds: int
) -> dict[str, dict[str, Any]]:
    start = datetime.fromtimestamp(first_ms / 1000, UTC).replace(minute=0, second=0, microsecond=0)

    def spans(path: str) -> list[bytes]:
        count = int(rate * _FIRST_SHARE * seconds) * rounds + rounds * _WARM_UP
        hours = (start + timedelta(hours=number) for number in range(count))
        return [request_of(url, f"{path}?from={one:%Y-%m-%dT%H:%M:%S}Z") for one in hours]

    asked = {"/healthz": [request_of(url, "/healthz")]}
    for path in ("/summary", *(f"/fraud_{name}" for name in _LISTS), "/alerts"):
        asked[f"{path} first"] = spans(path)
    for path in ("/summary", "/fraud_trends", "/fraud_geography", "/alerts"):
        asked[f"{path} again"] = [request_of(url, path)]
    asked["/models"] = [request_of(url, "/models")]
    asked["/predict one event"] = [request_of(url, "/predict", body) for body in bodies]
    p50, p99 = ({name: [0.0] * rounds for name in asked} for _ in range(2))
    for number in range(rounds):
        for name, requests in asked.items():
            is_first = name.endswith(" first")
            share = len(requests) // rounds if is_first else 0  # of what nobody asked before
            mine = requests[number * share : (number + 1) * share] if is_first else requests
            ask_paced(url, mine[-_WARM_UP:], _WARM_UP, 1)  # imports, compiled code, connections
            paced = rate * (_FIRST_SHARE if is_first else 1)
            taken = 1000 * np.array(ask_paced(url, mine, paced, seconds))
            p50[name][number], p99[name][number] = np.percentile(taken, [50, 99]).round(2).tolist()
    found = {}
    for name in asked:
        one = {"p50": float(np.median(p50[name])), "p99": float(np.median(p99[name]))}
        found[name] = {**one, "p99_rounds": sorted(p99[name])}
        print(
            f"{name:28} p50 {one['p50']:7.2f} ms   p99 {one['p99']:7.2f} ms   {sorted(p99[name])}"
        )
    return found


@contextmanager
def _served(csv: Path, folder: Path) -> Iterator[str]:
    """A server of a file in a process of its own; gives its address."""
    command = [sys.executable, "-m", "cli", "views", "--csv", str(csv), "--port", "0"]
    command += ["--rejects", str(folder / "served.csv")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        line = process.stdout.readline() if process.stdout is not None else ""
        if not line:
            raise typer.BadParameter("the server did not start; see above")
        yield line.rsplit(" ", 1)[1].strip().rstrip("/")
    finally:
        process.terminate()
        process.wait(20)


def _as_markdown(result: dict[str, Any]) -> str:
    found = result["latency_ms"]
    base = found["/healthz"]["p99"]
    lines = [
        f"# Views: {result['rate']:g} requests a second of each endpoint, a tenth of what is asked "
        "for the first time",
        "",
        f"`python -m bench views-http CSV`, commit {result['commit']}, {result['machine']}; "
        f"{result['events']:,} events, {result['server']}; {result['rounds']} rounds of "
        f"{result['seconds']:g} s each, interleaved, timed from when a request was due; medians. "
        "Baseline: `/healthz`. Targets of p99: "
        f"{_TARGET_MS['view']:g} ms, of `/predict` {_TARGET_MS['predict']:g} ms.",
        "",
        "| endpoint | p50 ms | p99 ms | p99 of the rounds | p99 × baseline |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {one['p50']:.2f} | {one['p99']:.2f} | "
            f"{one['p99_rounds'][0]:.1f} to {one['p99_rounds'][-1]:.1f} | "
            f"{one['p99'] / base:.1f} |"
            for name, one in found.items()
        ),
    ]
    return "\n".join(lines) + "\n"
