"""What stands above the figures: the state of the stream, and the filters."""

from __future__ import annotations

from typing import Any

from dash import html

from views.page.attributes import HIDDEN, attributes, sets

_RANGES = [("24h", "24 h"), ("7d", "7 d"), ("30d", "30 d"), ("90d", "90 d"), ("all", "All")]
_THEMES = [("system", "System"), ("light", "Light"), ("dark", "Dark")]


def header() -> html.Header:
    """Title, state and the look of the page."""
    return html.Header(
        [
            html.H1(
                [
                    html.Span(className="mark", **HIDDEN),
                    "Fraud overview",
                ]
            ),
            html.Div(
                [
                    html.Span("…", id="mode", className="mode"),
                    html.Span(id="last-event", className="state-text"),
                    html.Span(id="lag", className="state-text"),
                ],
                className="state",
                id="state",
            ),
            html.Div(
                [
                    html.Button(
                        shown,
                        type="button",
                        **attributes(data_theme_choice=choice, aria_pressed="false"),
                    )
                    for choice, shown in _THEMES
                ],
                className="group themes",
                role="group",
                **attributes(aria_label="Colours"),
            ),
        ],
        className="head",
    )


def filters(default_profile: str) -> html.Nav:
    """Profile and period."""
    return html.Nav(
        [
            html.Label(
                [
                    html.Span("Profile"),
                    html.Select(
                        id="select-profile",
                        **attributes(data_param="profile", data_usual=default_profile),
                    ),
                ],
                className="field",
                id="profile-field",
            ),
            group("Period", _RANGES, "range", "all"),
            # Dash has no input of the type date; assets/address.js puts two here.
            html.Div(id="dates", className="dates"),
            html.P(id="period", className="period"),
        ],
        className="filters",
        **attributes(aria_label="Filters"),
    )


def group(label: str, buttons: list[tuple[str, str]], name: str, usual: str) -> html.Div:
    """Buttons of which one is pressed.

    Args:
        label: what is chosen.
        buttons: (value, what is shown for it).
        name: of the parameter in the address.
        usual: the value that holds where the address has none.
    """
    return html.Div(
        [
            html.Button(shown, type="button", **_choice(name, value, usual))
            for value, shown in buttons
        ],
        className="group",
        role="group",
        **attributes(aria_label=label),
    )


def _choice(name: str, value: str, usual: str) -> dict[str, Any]:
    chosen = {name: "" if value == usual else value}
    if name == "range":
        chosen |= {"from": "", "to": ""}
    return {**sets(**chosen), **attributes(aria_pressed="false")}
