"""``python -m bench dashboards URL``: how long a Prometheus takes for what the dashboards ask.

Each expression of each panel, as Grafana would send it over the range; the baseline is the number
of series that are there, asked in the same run.
"""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from bench.results_file import keep, surroundings
from core import metrics as declared
from grafana.asking import at_once, over_time
from grafana.expressions import Expression, Kind, expressions, substituted

_REPEATS = 3
_POINTS = 1_000  #: about as many as Grafana asks for in the width of a screen
_SHOWN = 12


def dashboards(
    url: Annotated[str, typer.Argument(help="Of a Prometheus, such as http://127.0.0.1:9090.")],
    end: Annotated[float | None, typer.Option(help="Unix time; default: now.")] = None,
    days: Annotated[float, typer.Option(help="Length of the range.")] = 30.0,
    scrape: Annotated[int, typer.Option(help="Seconds between samples.")] = 60,
) -> None:
    """How long the panels' queries take over a month."""
    until = time.time() if end is None else end
    range_s = int(days * 86_400)
    base = _seconds(lambda: at_once(url, "count({__name__!=''})", until))
    found = [
        {
            "dashboard": one.dashboard,
            "panel": one.title,
            "ref": one.ref,
            "seconds": round(_asked(url, one, until, range_s, scrape), 4),
        }
        for one in expressions()
        if one.kind in (Kind.INSTANT, Kind.RANGE)
    ]
    found.sort(key=lambda one: -float(str(one["seconds"])))
    samples = at_once(url, f"sum(count_over_time({declared.TRANSACTIONS.name}[{range_s}s]))", until)
    result: dict[str, Any] = {
        "days": days,
        "scrape_s": scrape,
        "samples_of_one_counter": samples[0].last if samples else 0,
        "baseline_s": round(base, 4),
        "queries": found,
        **surroundings(),
    }
    keep("dashboards", result, lambda before: _as_markdown(result))


def _asked(url: str, one: Expression, end: float, range_s: int, scrape_s: int) -> float:
    step = max(range_s // _POINTS, scrape_s)
    expr = substituted(one.expr, range_s=range_s, interval_s=step, scrape_s=scrape_s)
    if one.kind is Kind.INSTANT:
        return _seconds(lambda: at_once(url, expr, end))
    return _seconds(lambda: over_time(url, expr, end - range_s, end, step))


def _seconds(ask: Any) -> float:
    best = float("inf")
    for _ in range(_REPEATS):
        began = time.perf_counter()
        ask()
        best = min(best, time.perf_counter() - began)
    return best


def _as_markdown(result: dict[str, Any]) -> str:
    queries = result["queries"]
    slow = sum(one["seconds"] > 1 for one in queries)
    lines = [
        f"# Dashboards: {len(queries)} queries over {result['days']:g} days, samples "
        f"{result['scrape_s']} s apart",
        "",
        f"`python -m bench dashboards URL`, commit {result['commit']}, {result['machine']}; "
        f"the best of {_REPEATS}. Baseline, the number of series: "
        f"{1000 * result['baseline_s']:.1f} ms. "
        f"{slow} queries take more than a second. The slowest:",
        "",
        "| dashboard | panel | ms | × baseline |",
        "|---|---|---|---|",
        *(
            f"| {one['dashboard']} | {one['panel']} {one['ref']} | {1000 * one['seconds']:.0f} | "
            f"{one['seconds'] / result['baseline_s']:.1f} |"
            for one in queries[:_SHOWN]
        ),
    ]
    return "\n".join(lines) + "\n"
