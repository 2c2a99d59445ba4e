"""The feed of alerts, the latest first, and what narrows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any
from urllib.parse import quote

from dash import html

from core.names import Severity
from features.declared import UNKNOWN
from views.page import text
from views.page.attributes import HIDDEN, attributes, sets
from views.page.case_form import NAMES, badge
from views.page.query import FEED_MOST, FEED_STEP, FILTERS, Query
from views.page.tables import key_of

_REASONS_NONE = "no reason was recorded"


def feed(
    alerts: Sequence[Mapping[str, Any]], *, more: bool, query: Query, currency: str
) -> list[Any]:
    """The list and, where there are more alerts, a button that shows them.

    Args:
        alerts: to show, ids masked where they are to be.
        more: whether there are others behind them.
        query: of the reader.
        currency: of amounts, or "".
    """
    shown: list[Any] = [html.Ol([_item(one, currency) for one in alerts], className="feed-list")]
    if more and query.rows < FEED_MOST:
        rows = min(query.rows + 2 * FEED_STEP, FEED_MOST)
        shown.append(
            html.Button("Show more", type="button", className="more", **sets(rows=str(rows)))
        )
    elif more:
        shown.append(
            html.P(f"The latest {FEED_MOST} are shown; the CSV has all.", className="empty")
        )
    return shown


def no_alerts(query: Query, *, scored: bool) -> html.Div:
    """What stands in the place of an empty feed."""
    if not scored:
        return html.Div(
            [
                html.P("No model, no alerts", className="empty-title"),
                html.P(
                    ["Train one with ", html.Code("fraudstream train CSV"), ", then start again."]
                ),
            ],
            className="empty",
        )
    if any(value is not None for value in asdict(query.wanted).values()):
        return html.Div(
            [
                html.P("No alert matches these filters", className="empty-title"),
                html.Button("Clear filters", type="button", className="more", **sets(**CLEARED)),
            ],
            className="empty",
        )
    return html.Div(
        [
            html.P("No alerts in this period", className="empty-title"),
            html.P("Nothing was found suspicious."),
        ],
        className="empty",
    )


#: Choices that take all filters of the feed away.
CLEARED = dict.fromkeys((*FILTERS, "rows"), "")


def _item(alert: Mapping[str, Any], currency: str) -> html.Li:
    event_id = str(alert["event_id"])
    severity = str(alert["severity"])
    at = datetime.fromisoformat(str(alert["event_time"]))
    where = [text.country(alert["country"]), text.value(alert["browser"])]
    known = [one for one in where if not one.startswith("Unknown")]
    return html.Li(
        html.A(
            [
                html.Span(severity, className=f"severity severity-{severity}"),
                html.Span(text.money(float(alert["amount"]), currency), className="feed-amount"),
                html.Span(" · ".join(known), className="feed-where"),
                html.Time(
                    [
                        html.Span(f"{at.day} {at:%b} ", className="feed-day"),
                        html.Span(f"{at:%H:%M}"),
                    ],
                    dateTime=str(alert["event_time"]),
                    title=f"{at.day} {at:%b %Y, %H:%M:%S} UTC",
                ),
                html.Span(first_reason(alert), className="feed-reason"),
                html.Span(
                    [
                        *badge(alert.get("case")),
                        *_label(alert.get("label")),
                        html.Span("score ", className="soft"),
                        f"{float(alert['score']):.3f}",
                    ],
                    className="feed-score",
                ),
            ],
            href=f"?profile={alert['profile']}&alert={_quoted(event_id)}",
            className="feed-item",
            **sets(alert=event_id),
        ),
        id=key_of("alert", event_id),
    )


def first_reason(alert: Mapping[str, Any]) -> str:
    """The strongest reason, as a sentence."""
    reasons = alert.get("reasons") or []
    return str(reasons[0]["text"]) if reasons else _REASONS_NONE


def spoken(alert: Mapping[str, Any], currency: str) -> str:
    """An alert as a screen reader says it when it comes."""
    amount = text.money(float(alert["amount"]), currency)
    known = alert["country"] not in {None, UNKNOWN}
    where = f", {text.country(alert['country'])}" if known else ""
    return f"{alert['severity']}, {amount}{where}"


def _label(label: int | None) -> list[html.Span]:
    if label is None:
        return []
    said = "fraud" if label else "not fraud"
    return [html.Span(said, className=f"label label-{label}", title=f"labelled as {said}")]


def _quoted(event_id: str) -> str:
    return quote(event_id, safe="")


def chips(query: Query) -> list[html.Button]:
    """What the feed is narrowed to; a click takes it away."""
    wanted = {
        "severity": query.wanted.severity,
        "country": query.wanted.country and text.country(query.wanted.country),
        "browser": query.wanted.browser and text.value(query.wanted.browser),
        "source": query.wanted.source and text.value(query.wanted.source),
        "device_id": query.wanted.device_id,
        "state": query.wanted.state and NAMES[query.wanted.state],
    }
    names = {"device_id": "device"}
    return [
        html.Button(
            [
                html.Span(f"{names.get(name, name)}: ", className="soft"),
                html.Span(str(shown), className="chip-value"),
                html.Span("×", **HIDDEN),
            ],
            type="button",
            className="chip",
            id=key_of("chip", name),
            **sets(**{name: ""}),
            **attributes(aria_label=f"remove filter {names.get(name, name)} {shown}"),
        )
        for name, shown in wanted.items()
        if shown is not None
    ]


def options(name: str, values: Sequence[tuple[str, str]], chosen: str | None) -> list[html.Option]:
    """Those of a select.

    Args:
        name: of the filter.
        values: (value, what is shown for it).
        chosen: the value in the address; it is offered even where nothing has it.
    """
    known = list(values)
    if chosen is not None and chosen not in dict(known):
        known.append((chosen, text.country(chosen) if name == "country" else chosen))
    return [
        html.Option("Any", value="", id=key_of("option", name, "")),
        *(
            html.Option(shown, value=one, id=key_of("option", name, one, shown))
            for one, shown in known
        ),
    ]


def severities() -> list[tuple[str, str]]:
    """Values of that select, the gravest first."""
    return [(str(one), str(one)) for one in reversed(Severity)]


def states(*, live: bool) -> list[tuple[str, str]]:
    """Values of that select; nobody works on the alerts of a file."""
    return [(state, said.capitalize()) for state, said in NAMES.items()] if live else []


def named(values: Sequence[str], name: str) -> list[tuple[str, str]]:
    """What is shown for values of a filter."""
    if name == "country":
        return [(one, text.country(one)) for one in values]
    return [(one, "Unknown" if one == UNKNOWN else one) for one in values]
