"""The figures that a reader sees first, each beside that of the period before."""

from __future__ import annotations

from dataclasses import dataclass

from dash import html

from views.counts import Counts
from views.page import text
from views.page.attributes import HIDDEN


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One figure.

    Attributes:
        key: of it, stable.
        title: what it is.
        value: of the period.
        note: what it is a share of, or why there is none.
        change: against the period before, or "".
        before: the figure of that period, for the tooltip.
    """

    key: str
    title: str
    value: str
    note: str
    change: str = ""
    before: str = ""


NO_MODEL = "no model, so nothing is scored"


def key_figures(
    now: Counts, before: Counts | None, *, scored: bool, currency: str
) -> list[KeyFigure]:
    """All of them, in the order in which they are shown.

    Args:
        now: of the period.
        before: of the period of equal length in front of it; None: nothing to compare with.
        scored: whether alerts are known.
        currency: of amounts, or "".
    """
    past = before if before is not None and before.transactions else None
    figures = [
        KeyFigure(
            "transactions",
            "Transactions",
            text.count(now.transactions),
            f"worth {text.amount(now.amount, currency)}",
            text.relative_change(now.transactions, past.transactions) if past else "",
            text.count(past.transactions) if past else "",
        )
    ]
    if scored:
        figures += _of_alerts(now, past, currency)
    else:
        figures += [
            KeyFigure("alerts", "Alerts", text.NONE, NO_MODEL),
            KeyFigure("value", "Value of alerts", text.NONE, NO_MODEL),
        ]
    figures.append(_of_fraud(now, past))
    return figures + (_of_outcomes(now, past) if scored else _without_outcomes())


def _of_alerts(now: Counts, past: Counts | None, currency: str) -> list[KeyFigure]:
    return [
        KeyFigure(
            "alerts",
            "Alerts",
            text.count(now.alerts),
            f"{text.share(now.alerts, now.transactions)} of transactions",
            text.relative_change(now.alerts, past.alerts) if past else "",
            text.count(past.alerts) if past else "",
        ),
        KeyFigure(
            "value",
            "Value of alerts",
            text.amount(now.alert_amount, currency),
            f"{text.share(now.alert_amount, now.amount)} of the value",
            text.relative_change(now.alert_amount, past.alert_amount) if past else "",
            text.amount(past.alert_amount, currency) if past else "",
        ),
    ]


def _of_fraud(now: Counts, past: Counts | None) -> KeyFigure:
    if now.labelled == 0:
        return KeyFigure("fraud", "Labelled fraud", text.NONE, "no labels in this period")
    return KeyFigure(
        "fraud",
        "Labelled fraud",
        text.share(now.fraud, now.labelled),
        f"{text.count(now.fraud)} of {text.count(now.labelled)} labelled",
        _points(now.fraud, now.labelled, past.fraud, past.labelled) if past else "",
        text.share(past.fraud, past.labelled) if past else "",
    )


def _of_outcomes(now: Counts, past: Counts | None) -> list[KeyFigure]:
    precision = KeyFigure("precision", "Precision of alerts", text.NONE, "no labelled alerts")
    if now.labelled_alerts:
        precision = KeyFigure(
            "precision",
            "Precision of alerts",
            text.share(now.caught, now.labelled_alerts),
            f"{text.count(now.caught)} of {text.count(now.labelled_alerts)} are fraud",
            _points(now.caught, now.labelled_alerts, past.caught, past.labelled_alerts)
            if past
            else "",
            text.share(past.caught, past.labelled_alerts) if past else "",
        )
    recall = KeyFigure("recall", "Recall of fraud", text.NONE, "no labelled fraud")
    if now.fraud:
        recall = KeyFigure(
            "recall",
            "Recall of fraud",
            text.share(now.caught, now.fraud),
            f"{text.count(now.caught)} of {text.count(now.fraud)} caught",
            _points(now.caught, now.fraud, past.caught, past.fraud) if past else "",
            text.share(past.caught, past.fraud) if past else "",
        )
    return [precision, recall]


def _without_outcomes() -> list[KeyFigure]:
    return [
        KeyFigure("precision", "Precision of alerts", text.NONE, NO_MODEL),
        KeyFigure("recall", "Recall of fraud", text.NONE, NO_MODEL),
    ]


def _points(part: int, whole: int, part_before: int, whole_before: int) -> str:
    return text.point_change(
        part / whole if whole else None, part_before / whole_before if whole_before else None
    )


def cards(figures: list[KeyFigure], compared: str) -> list[html.Div]:
    """As they stand on the page.

    Args:
        figures: to show.
        compared: name of the period before, or "" where there is none.
    """
    return [
        html.Div(
            [
                html.Dt(one.title),
                html.Dd(one.value, className="figure-value", id=f"figure-{one.key}"),
                html.Dd(one.note, className="figure-note"),
                html.Dd(_change(one, compared), className="figure-change"),
            ],
            className=f"figure figure-of-{one.key}",
        )
        for one in figures
    ]


def _change(one: KeyFigure, compared: str) -> list[html.Span]:
    if not one.change:
        return [html.Span("nothing to compare with")] if compared else []
    arrow = {"+": "↑", "−": "↓"}.get(one.change[0], "")
    return [
        html.Span(arrow, className="arrow", **HIDDEN),
        html.Span(one.change, className="change"),
        html.Span(f" from {one.before}", title=compared),
    ]
