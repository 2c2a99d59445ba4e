"""What fills the page: one callback for each kind of answer, its result shared by all pages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, html, no_update

from core.errors import FraudstreamError
from views.page.answers import Answers
from views.page.content import Content
from views.page.query import Query, parse
from views.store import SpanError

_log = logging.getLogger(__name__)


def add_callbacks(app: Dash, answers: Answers, content: Content, default_profile: str) -> None:
    """Let a page's callbacks ask.

    Args:
        app: of the page.
        answers: remembers what was made.
        content: makes it.
        default_profile: where the address names none.
    """

    def shown(kind: str, search: str | None, make: Callable[[Query], Any], outputs: int) -> Any:
        """What a callback returns; the last state stays where there is none."""
        query = parse(search, default_profile)
        key: Hashable = (kind, query)
        try:
            return answers.get(key, lambda: make(query))
        except SpanError as error:
            return content.refused(kind, str(error), outputs)
        except FraudstreamError as error:
            # The state of the store is polled for, and the page says it there.
            _log.warning("page: %s: %s", kind, error)
            return (no_update,) * outputs if outputs > 1 else no_update

    @app.callback(
        Output("main", "data-state"),
        Output("nothing", "children"),
        Output("notice", "children"),
        Output("period", "children"),
        Output("figures", "children"),
        Output("trend-data", "data"),
        Output("trend-note", "children"),
        Output("select-profile", "children"),
        Input("revision", "data"),
        Input("view", "data"),
        prevent_initial_call=True,
    )
    def overview(_: str, search: str | None) -> Any:
        return shown("overview", search, content.overview, 8)

    @app.callback(
        Output("map-data", "data"),
        Output("countries", "children"),
        Output("browsers", "children"),
        Output("sources", "children"),
        Output("people-data", "data"),
        Input("revision", "data"),
        Input("view", "data"),
        prevent_initial_call=True,
    )
    def breakdowns(_: str, search: str | None) -> Any:
        return shown("breakdowns", search, content.breakdowns, 5)

    @app.callback(
        Output("devices", "children"),
        Input("revision", "data"),
        Input("view", "data"),
        prevent_initial_call=True,
    )
    def devices(_: str, search: str | None) -> Any:
        return shown("devices", search, content.devices, 1)

    @app.callback(
        Output("feed", "children"),
        Output("feed-ids", "data"),
        Output("feed-note", "children"),
        Output("chips", "children"),
        Output("select-severity", "children"),
        Output("select-country", "children"),
        Output("select-browser", "children"),
        Output("select-source", "children"),
        Output("select-device_id", "children"),
        Input("revision", "data"),
        Input("wanted", "data"),
        prevent_initial_call=True,
    )
    def feed(_: str, search: str | None) -> Any:
        return shown("feed", search, content.feed, 9)

    @app.callback(
        Output("drawer-content", "children"), Input("opened", "data"), prevent_initial_call=True
    )
    def drawer(search: str | None) -> Any:
        if not search:
            return no_update
        found = shown("drawer", search, content.drawer, 1)
        if found is no_update:
            return [html.P("The details cannot be had now.", className="empty")]
        return found

    _add_clientside(app)


def _add_clientside(app: Dash) -> None:
    """What runs in the browser (assets/page.js)."""

    def there(name: str, *args: Any, **more: Any) -> None:
        app.clientside_callback(  # type: ignore[no-untyped-call]
            ClientsideFunction("page", name), *args, **more
        )

    there(
        "beat",
        Output("revision", "data"),
        Output("mode", "children"),
        Output("state", "className"),
        Output("last-event", "children"),
        Output("lag", "children"),
        Output("banner", "children"),
        Output("banner", "hidden"),
        Input("beat", "n_intervals"),
        Input("view", "data"),
        State("revision", "data"),
    )
    there(
        "split",
        Output("view", "data"),
        Output("wanted", "data"),
        Output("opened", "data"),
        Output("from-date", "value"),
        Output("to-date", "value"),
        Input("url", "search"),
        State("view", "data"),
        State("wanted", "data"),
        State("opened", "data"),
    )
    for name in ("trend", "people"):
        there("draw", Output(name, "figure"), Input(f"{name}-data", "data"), Input("theme", "data"))
    there(
        "drawMap",
        Output("map", "figure"),
        Input("map-data", "data"),
        Input("theme", "data"),
        Input("wanted", "data"),
    )
    there("zoomed", Input("trend", "relayoutData"), State("trend-data", "data"))
    there("picked", Input("map", "clickData"))
    there(
        "dated",
        Input("from-date", "value"),
        Input("to-date", "value"),
        prevent_initial_call=True,
    )
    there("announce", Output("announcer", "children"), Input("feed-ids", "data"))
    there("open", Input("opened", "data"), Input("drawer-content", "children"))
