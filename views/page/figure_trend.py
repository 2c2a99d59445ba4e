"""Transactions over time, and below them alerts and fraud, which are far fewer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from features.iso_times import iso_time
from views.counts import Counts
from views.page.figure_look import ALERTS, FRAUD, FRAUD_DASH, TRANSACTIONS, Figure, axis, layout
from views.page.query import POINTS_MOST
from views.periods import Bucket, buckets_between

_MARKERS_MOST = 60
#: How the time stands in the tooltip, in the words of d3.
_HOVER = {
    Bucket.HOUR: "%-d %b %Y, %H:%M",
    Bucket.DAY: "%a %-d %b %Y",
    Bucket.WEEK: "week from %-d %b %Y",
    Bucket.MONTH: "%B %Y",
}


def filled(
    trend: Mapping[int, Counts], from_ms: int, to_ms: int, bucket: Bucket
) -> list[tuple[int, Counts]]:
    """Every bucket of a period, also those without events."""
    starts = buckets_between(from_ms, to_ms, bucket, POINTS_MOST)
    return [(start, trend.get(start, Counts())) for start in starts]


def trend_figure(
    points: list[tuple[int, Counts]], bucket: Bucket, revision: str, *, scored: bool
) -> Figure:
    """The chart.

    Args:
        points: (beginning, counts) of each bucket, ascending.
        bucket: their length.
        revision: as in ``figure_look.layout``.
        scored: whether alerts are known.
    """
    when = [_as_plotly(start) for start, _ in points]
    labelled = any(counts.labelled for _, counts in points)
    data = [
        _line("Transactions", when, [one.transactions for _, one in points], TRANSACTIONS)
        | {"fill": "tozeroy", "fillcolor": "--transactions-wash", "yaxis": "y"}
    ]
    if scored:
        alerts = [one.alerts for _, one in points]
        data.append(_line("Alerts", when, alerts, ALERTS) | {"yaxis": "y2"})
    if labelled:
        fraud = [one.fraud for _, one in points]
        line = _line("Labelled fraud", when, fraud, FRAUD) | {"yaxis": "y2"}
        line["line"]["dash"] = FRAUD_DASH
        data.append(line)
    below = scored or labelled
    return {
        "data": data,
        "layout": layout(
            revision,
            dragmode="zoom",
            hovermode="x unified",
            xaxis=axis(
                "event time, UTC",
                type="date",
                anchor="y2" if below else "y",
                fixedrange=False,
                showgrid=False,
                hoverformat=_HOVER[bucket],
                ticks="outside",
                tickcolor="--grid-strong",
                nticks=9,
            ),
            yaxis=axis(
                f"transactions<br>per {bucket}",
                domain=[0.46, 1] if below else [0, 1],
                rangemode="tozero",
                tickformat=",d",
                nticks=5,
            ),
            yaxis2=axis(
                _below(scored, labelled, bucket),
                domain=[0, 0.36],
                rangemode="tozero",
                tickformat=",d",
                nticks=4,
                visible=below,
            ),
        ),
    }


def _below(scored: bool, labelled: bool, bucket: Bucket) -> str:
    what = " and ".join(["alerts"] * scored + ["fraud"] * labelled)
    return f"{what}<br>per {bucket}"


def _line(name: str, when: list[str], values: list[int], colour: str) -> dict[str, Any]:
    few = len(values) <= _MARKERS_MOST
    return {
        "type": "scatter",
        "mode": "lines+markers" if few else "lines",
        "name": name,
        "x": when,
        "y": values,
        "line": {"color": colour, "width": 2 if few else 1.5, "shape": "linear"},
        "marker": {"color": colour, "size": 5},
        "hovertemplate": "%{y:,d}",
    }


def _as_plotly(time_ms: int) -> str:
    """A UTC time without a zone, which plotly would move to that of the reader."""
    return iso_time(time_ms).removesuffix("Z").replace("T", " ")
