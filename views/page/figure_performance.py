"""Precision and recall over time, by model version, and how far back labels are to be believed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from features.iso_times import iso_time
from views.live_performance import Interval, Performance, Row
from views.page.figure_look import ALERTS, FRAUD_DASH, TRANSACTIONS, Figure, axis, layout
from views.periods import Bucket

#: Figure → its colour.
_LINES: Mapping[str, str] = {"precision": TRANSACTIONS, "recall": ALERTS}
#: Versions are told apart by these.
_DASHES = ("solid", FRAUD_DASH, "1px,3px", "8px,3px,2px,3px")


def performance_figure(found: Performance, bucket: Bucket, end_ms: int, revision: str) -> Figure:
    """The chart; the part that is too young to be told is shaded.

    Args:
        found: to show.
        bucket: length of its steps.
        end_ms: where the period ends.
        revision: as in ``figure_look.layout``.
    """
    versions = [one.version for one in found.versions]
    data = [
        _line(name, version, colour, _DASHES[number % len(_DASHES)], found.rows)
        for number, version in enumerate(versions)
        for name, colour in _LINES.items()
    ]
    shapes = []
    if found.mature_to_ms is not None and found.mature_to_ms < end_ms:
        shapes.append(
            {
                "type": "rect",
                "xref": "x",
                "yref": "paper",
                "x0": _as_plotly(found.mature_to_ms),
                "x1": _as_plotly(end_ms),
                "y0": 0,
                "y1": 1,
                "line": {"width": 0},
                "fillcolor": "--raised",
                "layer": "below",
                "label": {
                    "text": "too early to tell",
                    "textposition": "middle center",
                    "textangle": -90,  # the newest weeks are a narrow stretch of a year
                    "font": {"color": "--muted", "size": 11},
                },
            }
        )
    return {
        "data": data,
        "layout": layout(
            revision,
            hovermode="x unified",
            shapes=shapes,
            xaxis=axis(
                "event time, UTC", type="date", showgrid=False, ticks="outside",
                tickcolor="--grid-strong", nticks=9,
            ),
            yaxis=axis(
                f"precision and recall<br>per {bucket}", range=[0, 1.02], tickformat=".0%",
                nticks=6,
            ),
        ),
    }  # fmt: skip


def performance_table(rows: Sequence[tuple[str, Row]]) -> dict[str, list[Any]]:
    """The numbers of the chart; assets/page.js makes the table.

    Args:
        rows: (what is shown of a step, its figures).
    """
    return {
        "heads": ["From (UTC)", "Version", "Alerts", "Labelled", "Precision", "Recall"],
        "rows": [
            [
                shown,
                row.version,
                f"{row.figures.alerts:,}",
                f"{row.figures.labelled:,}",
                spelled(row.figures.precision),
                spelled(row.figures.recall),
            ]
            for shown, row in rows
        ],
    }


def spelled(one: Interval | None) -> str:
    """``83 % (71–91 %)``."""
    if one is None:
        return "–"
    return f"{100 * one.value:.0f} % ({100 * one.low:.0f}–{100 * one.high:.0f} %)"


def _line(name: str, version: str, colour: str, dash: str, rows: Sequence[Row]) -> dict[str, Any]:
    points = [
        (_as_plotly(row.start_ms), estimate.value, estimate.high, estimate.low)
        for row in rows
        if row.version == version and (estimate := getattr(row.figures, name)) is not None
    ]
    when, values, highs, lows = (list(column) for column in zip(*points, strict=True)) if points \
        else ([], [], [], [])  # fmt: skip
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": f"{name.capitalize()}, {version}",
        "x": when,
        "y": values,
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": [high - value for high, value in zip(highs, values, strict=True)],
            "arrayminus": [value - low for low, value in zip(lows, values, strict=True)],
            "color": colour,
            "thickness": 1,
            "width": 2,
        },
        "line": {"color": colour, "width": 2, "dash": dash},
        "marker": {
            "color": colour, "size": 6,
            "symbol": "circle" if name == "precision" else "diamond",
        },
        "hovertemplate": "%{y:.1%}",
    }  # fmt: skip


def _as_plotly(time_ms: int) -> str:
    return iso_time(time_ms).removesuffix("Z").replace("T", " ")
