"""What all charts share. Colours are names of CSS properties (``--alerts``): assets/page.css
gives them their values for light and dark, and assets/page.js puts these in.
"""

from __future__ import annotations

from typing import Any

Figure = dict[str, Any]

FONT = "Inter Variable, system-ui, sans-serif"
TRANSACTIONS, ALERTS, FRAUD = "--transactions", "--alerts", "--fraud"
#: Lines differ in their dashes too, so that they are told apart without colours.
FRAUD_DASH = "4px,3px"


def layout(revision: str, **more: Any) -> Figure:
    """A layout without plotly's own look.

    Args:
        revision: what the reader has zoomed is kept as long as this stays the same.
        more: further entries.
    """
    return {
        "autosize": True,
        "colorway": [TRANSACTIONS, ALERTS, FRAUD],
        "dragmode": False,
        "font": {"family": FONT, "size": 12, "color": "--muted"},
        "hoverlabel": {
            "bgcolor": "--tip",
            "bordercolor": "--tip",
            "font": {"family": FONT, "size": 12, "color": "--tip-ink"},
            "align": "left",
        },
        "legend": {
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "font": {"color": "--ink"},
            "itemclick": False,
            "itemdoubleclick": False,
        },
        "margin": {"l": 56, "r": 12, "t": 34, "b": 36},
        "paper_bgcolor": "--card",
        "plot_bgcolor": "--card",
        "separators": ".,",
        "uirevision": revision,
        **more,
    }


def axis(title: str = "", **more: Any) -> Figure:
    """An axis with thin lines, and with numbers that have separators."""
    return {
        "title": {"text": title, "font": {"size": 11, "color": "--muted"}, "standoff": 6},
        "gridcolor": "--grid",
        "linecolor": "--grid-strong",
        "zeroline": False,
        "tickfont": {"size": 11, "color": "--muted"},
        "automargin": True,
        "fixedrange": True,
        **more,
    }


def nothing(revision: str, message: str) -> Figure:
    """An empty chart that says why."""
    return {
        "data": [],
        "layout": layout(
            revision,
            xaxis={"visible": False, "fixedrange": True},
            yaxis={"visible": False, "fixedrange": True},
            annotations=[said(message)],
        ),
    }


def said(message: str) -> Figure:
    """A sentence in the middle of a chart."""
    return {
        "text": message,
        "showarrow": False,
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "bgcolor": "--card",
        "borderpad": 4,
        "font": {"size": 13, "color": "--muted"},
    }
