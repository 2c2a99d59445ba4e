"""What labels say of the alerts of a period, in words and numbers."""

from __future__ import annotations

from typing import Any

from dash import html

from views.live_performance import MATURE_DAYS, Performance, Version
from views.page import text
from views.page.figure_performance import spelled
from views.page.tables import key_of


def summary(found: Performance, currency: str, *, scored: bool, live: bool) -> Any:
    """The table of versions, or why there is none.

    Args:
        found: of the period.
        currency: of amounts, or "".
        scored: whether alerts are known.
        live: whether labels may come.
    """
    if not scored:
        return _empty("No model, no alerts", "Without alerts there is nothing to judge.")
    if not found.mature:
        return _empty(
            "Too early to tell",
            f"No event of this period is {MATURE_DAYS} days older than the newest one: what "
            "they turned out to be is not known by then.",
        )
    if not found.labelled:
        return _empty(
            "No labels yet",
            "Nobody has said what these events turned out to be. ",
            *(
                ["Send labels with ", html.Code("fraudstream labels CSV"), " or ",
                 html.Code("POST /labels"), ", or open an alert and confirm or dismiss it."]
                if live else ["The file has no labels for them."]
            ),
        )  # fmt: skip
    heads = ("Version", "Alerts", "Labelled", "Precision", "Recall", "Caught", "Missed")
    return html.Table(
        [
            html.Thead(
                html.Tr([html.Th(one, scope="col", className="number" if n else "")
                         for n, one in enumerate(heads)])
            ),
            html.Tbody([_row(one, currency) for one in found.versions]),
        ],
        className="plain",
    )  # fmt: skip


def note(found: Performance, *, live: bool) -> str:
    """How much of the period counts; over a file, whose labels are all there, everything."""
    if found.mature_to_ms is None:
        return ""
    said = f"{text.count(found.mature)} events"
    if live:
        said += f" at least {MATURE_DAYS} days old"
    if found.mature:
        said += f", {text.share(found.labelled, found.mature)} labelled"
    return f"{said}; {text.count(found.not_mature)} too young" if live else said


def _row(one: Version, currency: str) -> html.Tr:
    figures = one.figures
    cells = (
        text.count(figures.alerts),
        text.count(figures.labelled),
        spelled(figures.precision),
        spelled(figures.recall),
        text.money(figures.value_caught, currency, 0),
        text.money(figures.value_missed, currency, 0),
    )
    return html.Tr(
        [
            html.Th(one.version + (" (weighted)" if figures.weighted else ""), scope="row"),
            *(html.Td(cell, className="number") for cell in cells),
        ],
        id=key_of("version", one.version),
    )


def _empty(title: str, *said: Any) -> html.Div:
    return html.Div([html.P(title, className="empty-title"), html.P(list(said))], className="empty")
