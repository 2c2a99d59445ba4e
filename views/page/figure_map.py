"""Countries on a map, coloured by one number."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from views.counts import Counts
from views.page import text
from views.page.figure_look import FONT, Figure, layout, said
from views.page.outlines import OUTLINES_URL, drawn

#: Shares of fewer transactions than this say nothing.
SHARE_FROM = 10
_NOTHING = "no transactions in this period"
_NO_PLACES = "no transaction in this period has a known country"
TITLES = {"alerts": "alerts", "share": "share of alerts", "transactions": "transactions"}


def map_figure(by: Mapping[str, Counts], measure: str, revision: str, *, scored: bool) -> Figure:
    """The chart.

    Args:
        by: ISO 3166-1 alpha-2 code → counts.
        measure: one of ``query.MEASURES``.
        revision: as in ``figure_look.layout``.
        scored: whether alerts are known.
    """
    places = {code: counts for code, counts in by.items() if code in drawn()}
    values = {code: _value(counts, measure) for code, counts in places.items()}
    shown = {code: value for code, value in values.items() if value is not None}
    rest = [code for code in places if code not in shown]
    traces = [
        _plain([code for code in drawn() if code not in places], "--land", hover=False),
        _plain(rest, "--land-known", [_hover(code, places[code], scored) for code in rest]),
        _coloured(shown, [_hover(code, places[code], scored) for code in shown], measure),
    ]
    # The country that the feed is narrowed to; assets/page.js puts it in.
    traces.append(_plain([], "rgba(0,0,0,0)", hover=False) | _RING)
    return {
        "data": traces,
        "layout": layout(
            revision,
            dragmode="pan",
            margin={"l": 0, "r": 0, "t": 0, "b": 0},
            annotations=[] if places else [said(_NO_PLACES if by else _NOTHING)],
            geo={
                "visible": False,
                "bgcolor": "--card",
                "projection": {"type": "equal earth"},
                "lataxis": {"range": [-57, 84]},
                "lonaxis": {"range": [-180, 180]},
                "domain": {"x": [0, 1], "y": [0.14, 1]},
            },
        ),
    }


def _value(counts: Counts, measure: str) -> float | None:
    if measure == "share":
        few = counts.transactions < SHARE_FROM
        return None if few else 100 * counts.alerts / counts.transactions
    number = counts.alerts if measure == "alerts" else counts.transactions
    return math.log10(number) if number else None


def _hover(code: str, counts: Counts, scored: bool) -> str:
    lines = [
        f"<b>{text.for_plotly(text.country(code))}</b>",
        f"{text.count(counts.transactions)} transactions",
    ]
    if scored:
        of = text.share(counts.alerts, counts.transactions)
        lines.append(f"{text.count(counts.alerts)} alerts ({of})")
    if counts.labelled:
        lines.append(f"{text.count(counts.fraud)} labelled fraud")
    return "<br>".join(lines)


def _base(codes: list[str]) -> dict[str, Any]:
    return {
        "type": "choropleth",
        "geojson": OUTLINES_URL,
        "featureidkey": "id",
        "locationmode": "geojson-id",
        "locations": codes,
        "marker": {"line": {"color": "--card", "width": 0.5}},
    }


def _plain(
    codes: list[str], colour: str, texts: list[str] | None = None, *, hover: bool = True
) -> dict[str, Any]:
    more: dict[str, Any] = {
        "z": [0] * len(codes),
        "colorscale": [[0, colour], [1, colour]],
        "showscale": False,
        "zmin": 0,
        "zmax": 1,
    }
    if hover:
        return _base(codes) | more | {"hovertext": texts, "hovertemplate": _TEMPLATE}
    return _base(codes) | more | {"hoverinfo": "skip"}


_TEMPLATE = "%{hovertext}<extra></extra>"
_RING = {"marker": {"line": {"color": "--ink", "width": 2}}}


def _coloured(values: Mapping[str, float], texts: list[str], measure: str) -> dict[str, Any]:
    most = max(values.values(), default=1.0)
    logarithmic = measure != "share"
    most = max(most, 1.0)
    return _base(list(values)) | {
        "z": list(values.values()),
        "zmin": 0,
        "zmax": most,
        "hovertext": texts,
        "hovertemplate": _TEMPLATE,
        "colorscale": [[step / 4, f"--map-{_scale(measure)}-{step}"] for step in range(5)],
        "colorbar": {
            "orientation": "h",
            "x": 0.5,
            "xanchor": "center",
            "y": 0,
            "yanchor": "bottom",
            "len": 0.62,
            "thickness": 8,
            "outlinewidth": 0,
            "ticklen": 3,
            "tickcolor": "--grid-strong",
            "tickfont": {"size": 11, "color": "--muted", "family": FONT},
            "title": {
                "text": TITLES[measure] + (", log scale" if logarithmic else ", %"),
                "side": "top",
                "font": {"size": 11, "color": "--muted", "family": FONT},
            },
            **(_powers(most) if logarithmic else {"nticks": 6}),
        },
    }


def _scale(measure: str) -> str:
    return "transactions" if measure == "transactions" else "alerts"


def _powers(most: float) -> dict[str, Any]:
    """Ticks at powers of ten."""
    powers = range(int(most) + 1)
    return {
        "tickvals": list(powers),
        "ticktext": [f"{10**power:,}" for power in powers],
    }
