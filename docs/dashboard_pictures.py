"""``python -m docs.dashboard_pictures``: each dashboard as a PNG, drawn from its own queries.

The pictures are no screenshots of Grafana: matplotlib draws what a Prometheus answers, on the
dashboard's grid and in its colours. Each says so in its last line.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

from core.errors import FraudstreamError
from docs.panel_pictures import Answer, Panel, draw
from grafana import asking
from grafana.expressions import Kind, dashboards, of_target, panels_of, substituted

mpl.use("Agg")  # no window, wherever it runs
from matplotlib.figure import Figure

CAPTION = (
    "Drawn by docs/dashboard_pictures.py with matplotlib from the panels' own queries; "
    "not a screenshot of Grafana."
)
_POINTS = 300
_COLUMNS = 24
_WIDTH, _UNIT = 15.0, 0.3  # inches: of all, and of one row of the grid


def picture(
    url: str, dashboard: Mapping[str, Any], end: float, range_s: int, scrape_s: int
) -> Figure:
    """One dashboard.

    Args:
        url: of the Prometheus.
        dashboard: as its file has it.
        end: of the time range, Unix time.
        range_s: its length.
        scrape_s: how far the samples are apart.
    """
    heights = [panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in dashboard["panels"]]
    rows = max(heights) + 3
    figure = Figure(figsize=(_WIDTH, rows * _UNIT), facecolor="white")
    figure.text(0.01, 1 - 0.9 / rows, dashboard["title"], fontsize=14, weight="bold", va="center")
    figure.text(0.01, 0.5 / rows, CAPTION, fontsize=7, color="#555555", va="center")
    for spec in dashboard["panels"]:
        grid = spec["gridPos"]
        top = 1 - (grid["y"] + 2) / rows
        if spec["type"] == "row":
            figure.text(0.01, top - 0.5 / rows, spec["title"], fontsize=10, va="center")
    for spec in panels_of(dashboard):
        grid = spec["gridPos"]
        left, width = grid["x"] / _COLUMNS, grid["w"] / _COLUMNS
        bottom = 1 - (grid["y"] + grid["h"] + 2) / rows
        # Room for the title above, the numbers at the axes and the next panel.
        box = (left + 0.045, bottom + 0.9 / rows, width - 0.06, (grid["h"] - 1.9) / rows)
        draw(figure.add_axes(box), _asked(url, dashboard["title"], spec, end, range_s, scrape_s))
    return figure


def _asked(
    url: str, title: str, spec: Mapping[str, Any], end: float, range_s: int, scrape_s: int
) -> Panel:
    start, step = end - range_s, max(scrape_s, range_s // _POINTS)
    answers = []
    for target in spec["targets"]:
        one = of_target(title, spec, target)
        expr = substituted(one.expr, range_s=range_s, interval_s=step, scrape_s=scrape_s)
        series = (
            asking.at_once(url, expr, end)
            if one.kind is Kind.INSTANT
            else asking.over_time(url, expr, start, end, step)
        )
        answers.append(Answer(one.ref, one.legend, series))
    return Panel(spec, answers, start, end)


def main(arguments: list[str]) -> int:
    """Draw all dashboards; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.dashboard_pictures", description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:9090", help="of the Prometheus")
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), help="folder")
    parser.add_argument(
        "--end", type=float, default=None, help="of the time range, Unix time; now, if not given"
    )
    parser.add_argument("--range", type=int, default=21_600, help="its length, seconds")
    parser.add_argument("--scrape", type=int, default=15, help="seconds between samples")
    given = parser.parse_args(arguments)
    end = time.time() if given.end is None else given.end
    try:
        given.out.mkdir(parents=True, exist_ok=True)
        for name, dashboard in dashboards().items():
            path = given.out / f"{Path(name).stem}.png"
            picture(given.url, dashboard, end, given.range, given.scrape).savefig(path, dpi=110)
            sys.stderr.write(f"wrote {path}\n")
    except FraudstreamError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
