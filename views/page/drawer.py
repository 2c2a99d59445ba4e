"""The details of one alert."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dash import html

from features.declared import declared_features
from views.page import text
from views.page.attributes import HIDDEN, attributes, sets
from views.page.case_form import case_form, past_labels
from views.page.tables import key_of
from views.store import Labelled, Record

EARLIER_MOST = 20
TITLE_ID = "drawer-title"


def gone(event_id: str) -> list[Any]:
    """What is shown where there is no such alert."""
    return [
        _head("Alert", []),
        html.Div(
            [
                html.P("There is no such alert", className="empty-title"),
                html.P([html.Code(event_id), " has no alert here, or it is no longer kept."]),
            ],
            className="empty",
        ),
    ]


def unavailable() -> list[Any]:
    """What is shown where the store cannot be asked."""
    return [
        _head("Alert", []),
        html.Div(html.P("The details cannot be had now; try again."), className="empty"),
    ]


def details(
    alert: Mapping[str, Any], earlier: Sequence[Record], labels: Sequence[Labelled], currency: str
) -> list[Any]:
    """The drawer's content.

    Args:
        alert: the message with ``label`` and ``case``, ids masked where they are to be.
        earlier: events of the device before it, the latest first, masked likewise.
        labels: of the event, the latest first.
        currency: of amounts, or "".
    """
    at = datetime.fromisoformat(str(alert["event_time"]))
    severity = str(alert["severity"])
    badges = [
        html.Span(severity, className=f"severity severity-{severity}"),
        html.Span(str(alert["decision"]), className="decision"),
    ]
    return [
        _head(text.money(float(alert["amount"]), currency), badges),
        html.Div(
            [
                html.P(
                    [
                        html.Time(
                            f"{at:%A}, {at.day} {at:%B %Y, %H:%M:%S} UTC",
                            dateTime=str(alert["event_time"]),
                        ),
                        *_outcome(alert.get("label")),
                    ],
                    className="drawer-when",
                ),
                _section("Score", _score(alert)),
                *([] if alert["case"] is None else [_section("Case", case_form(alert))]),
                *([_section("Labels", past_labels(labels))] if labels else []),
                _section("Why", *_reasons(alert)),
                _section("Transaction", _facts(alert)),
                *(
                    [_section("Earlier on this device", _earlier(earlier, currency))]
                    if alert.get("device_id") is not None
                    else []
                ),
                _section("Features given to the model", _features(alert)),
                _section("Model", _model(alert)),
            ],
            className="drawer-body",
            tabIndex="0",
            role="region",
            **attributes(aria_label="Details"),
        ),
    ]


def _head(title: str, badges: list[Any]) -> html.Div:
    return html.Div(
        [
            html.H2(title, id=TITLE_ID),
            *badges,
            html.Button(
                "×",
                type="button",
                className="close",
                **sets(alert=""),
                **attributes(aria_label="Close the details"),
            ),
        ],
        className="drawer-head",
    )


def _section(title: str, *content: Any) -> html.Section:
    return html.Section([html.H3(title), *content])


def _outcome(label: int | None) -> list[Any]:
    if label is None:
        return [html.Span("not labelled yet", className="label")]
    said = "fraud" if label else "not fraud"
    return [html.Span(f"labelled as {said}", className=f"label label-{label}")]


def _score(alert: Mapping[str, Any]) -> html.Div:
    score, threshold = float(alert["score"]), alert["threshold"]
    mark = []
    if threshold is None:
        said = " alone would be allowed: a rule or a list asks for this alert."
    else:
        said = f" is at or above the threshold of {threshold:.4f}."
        mark = [html.Span(className="gauge-mark", style={"left": f"{100 * threshold:.2f}%"})]
    if alert.get("control"):
        said += " It would be blocked, but is reviewed: it is one of the control share."
    return html.Div(
        [
            html.P([html.Strong(f"{score:.4f}"), said]),
            html.Div(
                [
                    html.Span(className="gauge-value", style={"width": f"{100 * score:.2f}%"}),
                    *mark,
                ],
                className="gauge",
                **HIDDEN,
            ),
            html.Div(
                [html.Span("0 honest"), html.Span("1 fraud")],
                className="gauge-ends",
                **HIDDEN,
            ),
        ]
    )


def _reasons(alert: Mapping[str, Any]) -> list[Any]:
    reasons = alert.get("reasons") or []
    rules = alert.get("rules") or []
    said: list[Any] = []
    if rules:
        names = "; ".join(map(_rule, rules))
        said.append(html.P(["Rules and lists: ", html.Strong(names)]))
    if not reasons:
        return [*said, html.P("No single feature speaks for fraud.", className="soft")]
    weights = [abs(one["contribution"] or 0.0) for one in reasons]
    longest = max(weights) or 1.0
    items = [html.Li(_reason(one, longest), id=_reason_key(one)) for one in reasons]
    if not any(weights):  # rules alone
        return [*said, html.Ol(items, className="reasons")]
    note = html.P(
        "Numbers are contributions to the raw score (log-odds): positive speaks for fraud.",
        className="soft small",
    )
    return [*said, html.Ol(items, className="reasons"), note]


def _rule(hit: Mapping[str, Any]) -> str:
    return f"{hit['name']} ({'in shadow' if hit['shadow'] else hit['action']})"


def _reason_key(reason: Mapping[str, Any]) -> str:
    return key_of("reason", f"{reason['code']} {reason['feature']}")


def _reason(reason: Mapping[str, Any], longest: float) -> list[Any]:
    """What is said of one; a rule's has no number."""
    said: list[Any] = [html.Span(str(reason["text"]), className="reason-text")]
    weight = reason["contribution"]
    if weight is None:
        return said
    return [
        *said,
        html.Span(
            f"{weight:+.2f}".replace("-", "−"),
            className="reason-number",
            title="contribution to the log-odds of fraud",
        ),
        html.Span(
            className="reason-bar",
            style={"width": f"{100 * abs(weight) / longest:.1f}%"},
            **HIDDEN,
        ),
    ]


def _facts(alert: Mapping[str, Any]) -> html.Dl:
    features = alert.get("features") or {}
    facts = {
        "Event": alert["event_id"],
        "User": alert.get("user_id"),
        "Device": alert.get("device_id"),
        "IP address": alert.get("ip_address"),
        "Country": text.country(alert.get("country")),
        "Browser": text.value(alert.get("browser")),
        "Source": text.value(alert.get("source")),
        "Age": None if features.get("age") is None else f"{features['age']:g} years",
    }
    return html.Dl(
        [
            html.Div([html.Dt(name), html.Dd(text.NONE if value is None else str(value))])
            for name, value in facts.items()
        ],
        className="facts",
    )


def _earlier(records: Sequence[Record], currency: str) -> Any:
    if not records:
        return html.P("None: this is the first event of the device.", className="soft")
    rows = [
        html.Tr(
            [
                html.Td(text.minute(one.place.time_ms)),
                html.Td(
                    text.NONE if one.user_id is None else one.user_id,
                    className="id",
                    title=one.user_id or "",
                ),
                html.Td(text.amount(one.amount, currency, 2), className="number"),
                html.Td(text.NONE if one.score is None else f"{one.score:.3f}", className="number"),
                html.Td(text.NONE if one.decision is None else one.decision),
                html.Td({0: "no", 1: "yes"}.get(-1 if one.label is None else one.label, text.NONE)),
            ]
        )
        for one in records
    ]
    heads = ("Time (UTC)", "User", "Amount", "Score", "Decision", "Fraud")
    shown: list[Any] = [
        html.Div(
            html.Table(
                [
                    html.Thead(html.Tr([html.Th(one, scope="col") for one in heads])),
                    html.Tbody(rows),
                ],
                className="plain",
            ),
            className="scroll",
            tabIndex="0",
            role="region",
            **attributes(aria_label="Earlier events on this device"),
        )
    ]
    if len(records) == EARLIER_MOST:
        shown.append(html.P(f"The latest {EARLIER_MOST} are shown.", className="soft small"))
    return html.Div(shown)


def _features(alert: Mapping[str, Any]) -> html.Details:
    declared = {one.name: one for one in declared_features(str(alert["profile"]))}
    rows = []
    for name, value in (alert.get("features") or {}).items():
        known = declared.get(name)
        shown = text.NONE if value is None else _number(value)
        if known is not None and known.categories and isinstance(value, int | float):
            code = int(value)
            shown = known.categories[code] if 0 <= code < len(known.categories) else shown
        rows.append(
            html.Tr(
                [
                    html.Th(
                        [
                            html.Code(name),
                            html.Span("" if known is None else known.meaning, className="meaning"),
                        ],
                        scope="row",
                    ),
                    html.Td(shown, className="number"),
                    html.Td("" if known is None else known.unit, className="soft"),
                ]
            )
        )
    heads = ("Feature", "Value", "Unit")
    return html.Details(
        [
            html.Summary(f"All {len(rows)} features"),
            html.Table(
                [
                    html.Thead(html.Tr([html.Th(one, scope="col") for one in heads])),
                    html.Tbody(rows),
                ],
                className="plain features",
            ),
        ]
    )


def _number(value: Any) -> str:
    if not isinstance(value, int | float):
        return str(value)
    return f"{value:,.6g}".replace("-", "−")


def _model(alert: Mapping[str, Any]) -> html.Dl:
    model = alert["model"]
    facts = {
        "Name": model["name"],
        "Version": model["version"],
        "Digest": model["digest"],
        "Scored at": alert["scored_at"],
    }
    return html.Dl(
        [html.Div([html.Dt(name), html.Dd(str(value))]) for name, value in facts.items()],
        className="facts",
    )
