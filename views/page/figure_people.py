"""Shares of alerts and of fraud by age and by sex."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from features.declared import UNKNOWN
from views.counts import AGE_BANDS, Counts
from views.page import text
from views.page.figure_look import ALERTS, FRAUD, Figure, axis, layout

_SEXES = ("F", "M")


def groups(by: Mapping[str, Counts], order: Sequence[str]) -> list[tuple[str, Counts]]:
    """Those that have events, in this order; others behind them, the unknown last."""
    others = sorted(set(by) - set(order) - {UNKNOWN})
    return [(one, by[one]) for one in (*order, *others, UNKNOWN) if one in by]


def age_groups(by: Mapping[str, Counts]) -> list[tuple[str, Counts]]:
    """Bands of age, ascending."""
    return groups(by, AGE_BANDS)


def sex_groups(by: Mapping[str, Counts]) -> list[tuple[str, Counts]]:
    """Sexes, as in the data."""
    return groups(by, _SEXES)


def people_figure(
    ages: list[tuple[str, Counts]],
    sexes: list[tuple[str, Counts]],
    revision: str,
    *,
    scored: bool,
) -> Figure:
    """The chart: a bar for the share of alerts and one for that of fraud, of each group."""
    named_sexes = [(text.sex(name), counts) for name, counts in sexes[:4]]
    named_ages = [("Unknown" if name == UNKNOWN else name, counts) for name, counts in ages]
    labelled = any(counts.labelled for _, counts in [*ages, *sexes])
    data: list[dict[str, Any]] = []
    for place, named in (("", named_ages), ("2", named_sexes)):
        if scored:
            data.append(_bars("Alerts", named, place, ALERTS, _alert_share))
        if labelled:
            bars = _bars("Labelled fraud", named, place, FRAUD, _fraud_share)
            bars["marker"]["pattern"] = {
                "shape": "/",
                "fillmode": "overlay",
                "fgcolor": "--card",
                "fgopacity": 0.55,
                "size": 5,
                "solidity": 0.25,
            }
            data.append(bars)
    shares = [value for bars in data for value in bars["y"] if value is not None]
    top = max(shares, default=1.0) * 1.08 or 1.0
    return {
        "data": data,
        "layout": layout(
            revision,
            barmode="group",
            bargap=0.28,
            bargroupgap=0.06,
            margin={"l": 48, "r": 8, "t": 34, "b": 40},
            xaxis=axis("age in years", domain=[0, 0.68], type="category", showgrid=False),
            xaxis2=axis("sex", domain=[0.76, 1], type="category", showgrid=False, anchor="y2"),
            yaxis=axis("share of group, %", range=[0, top], nticks=5),
            yaxis2=axis(range=[0, top], nticks=5, anchor="x2", showticklabels=False),
        ),
    }


def _alert_share(counts: Counts) -> tuple[int, int]:
    return counts.alerts, counts.transactions


def _fraud_share(counts: Counts) -> tuple[int, int]:
    return counts.fraud, counts.labelled


def _bars(
    name: str, named: list[tuple[str, Counts]], place: str, colour: str, share: Any
) -> dict[str, Any]:
    parts = [share(counts) for _, counts in named]
    return {
        "type": "bar",
        "name": name,
        "showlegend": place == "",
        "x": [text.for_plotly(group) for group, _ in named],
        "y": [100 * part / whole if whole else None for part, whole in parts],
        "xaxis": f"x{place}",
        "yaxis": f"y{place}",
        "marker": {"color": colour, "line": {"width": 0}},
        "hovertext": [
            f"<b>{text.for_plotly(group)}</b><br>{name}: {text.count(part)} of "
            f"{text.count(whole)} ({text.share(part, whole)})"
            for (group, _), (part, whole) in zip(named, parts, strict=True)
        ],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }
