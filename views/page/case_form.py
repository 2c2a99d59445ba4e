"""How far people are with an alert, and the buttons that change it (assets/case.js)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from core.names import CaseState
from views.case import MOST_NOTE, MOST_WHO
from views.page import text
from views.page.attributes import attributes
from views.page.tables import key_of
from views.store import Labelled

#: State → what the feed and the drawer call it, and what its button does.
NAMES: Mapping[str, str] = {
    CaseState.NEW: "new",
    CaseState.IN_REVIEW: "in review",
    CaseState.CONFIRMED: "confirmed",
    CaseState.DISMISSED: "dismissed",
}
_BUTTONS = (
    (CaseState.IN_REVIEW, "Take into review"),
    (CaseState.CONFIRMED, "Confirm as fraud"),
    (CaseState.DISMISSED, "Dismiss"),
    (CaseState.NEW, "Reopen"),
)


def badge(case: Mapping[str, Any] | None) -> list[html.Span]:
    """What the feed shows of a case that somebody has touched."""
    if case is None or case["state"] == CaseState.NEW:
        return []
    state = str(case["state"])
    return [html.Span(NAMES[state], className=f"case case-{state}")]


def case_form(alert: Mapping[str, Any]) -> html.Div:
    """The case of an alert, and what changes it."""
    case, event_id = alert["case"], str(alert["event_id"])
    revision = str(case["revision"])
    state = str(case["state"])
    return html.Div(
        [
            html.P(_said(case)),
            *([html.P(str(case["note"]), className="case-note")] if case["note"] else []),
            *(
                [html.P("Its label could not be sent: choose it again.", className="notice")]
                if case["label_sent"] is False
                else []
            ),
            html.Div(
                [
                    _field("who", "Who", MOST_WHO, str(case["who"] or ""), event_id, revision),
                    _field("note", "Note", MOST_NOTE, str(case["note"] or ""), event_id, revision),
                ],
                className="case-fields",
            ),
            html.Div(
                [
                    html.Button(
                        said,
                        type="button",
                        className=f"case-button case-button-{one}",
                        **attributes(data_case=one, aria_pressed=str(one == state).lower()),
                    )
                    for one, said in _BUTTONS
                    if one is not CaseState.NEW or state != CaseState.NEW
                ],
                className="case-buttons",
                role="group",
                **attributes(aria_label="State of the case"),
            ),
            html.P(
                "Confirming labels the event as fraud, dismissing as not fraud.",
                className="soft small",
            ),
        ],
        className="case-form",
        **attributes(
            data_event=event_id, data_profile=str(alert["profile"]), data_revision=revision
        ),
    )


def past_labels(labels: Sequence[Labelled]) -> html.Ol:
    """Labels of an event, the latest first."""
    return html.Ol(
        [
            html.Li(
                [
                    html.Span(
                        "fraud" if one.label else "not fraud", className=f"label label-{one.label}"
                    ),
                    f" {one.source or 'unknown source'}, {text.minute(one.labelled_ms)} UTC",
                ]
            )
            for one in labels
        ],
        className="labels",
    )


def _said(case: Mapping[str, Any]) -> list[Any]:
    said: list[Any] = [html.Strong(NAMES[str(case["state"])].capitalize())]
    if case["who"]:
        said.append(f" by {case['who']}")
    if case["changed_at"]:
        at = str(case["changed_at"])
        said += [", ", html.Time(f"{at[:10]} {at[11:16]} UTC", dateTime=at)]
    return said


def _field(
    name: str, title: str, most: int, value: str, event_id: str, revision: str
) -> html.Label:
    return html.Label(
        [
            html.Span(title),
            html.Textarea(
                value,
                # Another alert or revision has a field of its own: what was typed stays behind.
                id=key_of("case", name, event_id, revision),
                rows="1" if name == "who" else "2",
                maxLength=str(most),
                **attributes(data_case_field=name),
            ),
        ]
    )
