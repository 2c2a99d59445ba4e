"""What fills the page: one callback for each kind of answer, its result shared by all pages."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State, no_update

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

    def shown(kind: str, search: str | None, make: Callable[[Query], Any]) -> Any:
        """What a callback returns; what the page shows stays where there is nothing."""
        query = parse(search, default_profile)
        try:
            return answers.get((kind, query), lambda: make(query))
        except SpanError as error:
            return content.refused(str(error)) if kind == "overview" else no_update
        except FraudstreamError as error:
            # The page asks for the state of the store by itself, and says it.
            _log.warning("page: %s: %s", kind, error)
            return no_update

    def fill(kind: str, wanted: str, make: Callable[[Query], Any]) -> None:
        @app.callback(
            Output(kind, "data"),
            Input("revision", "data"),
            Input(wanted, "data"),
            prevent_initial_call=True,
        )
        def _(_: str, search: str | None) -> Any:
            return shown(kind, search, make)

    fill("overview", "view", content.overview)
    fill("breakdowns", "view", content.breakdowns)
    fill("quality", "view", content.performance)
    fill("alerts", "wanted", content.alerts)

    @app.callback(
        Output("details", "data"),
        Input("opened", "data"),
        Input("revision", "data"),
        prevent_initial_call=True,
    )
    def details(search: str | None, _: str) -> Any:
        found = shown("details", search, content.details) if search else no_update
        return content.no_details() if search and found is no_update else found

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
        State("mode", "children"),
        State("state", "className"),
        State("last-event", "children"),
        State("lag", "children"),
        State("banner", "children"),
        State("banner", "hidden"),
    )
    there(
        "split",
        Output("view", "data"),
        Output("wanted", "data"),
        Output("opened", "data"),
        Input("url", "search"),
        State("view", "data"),
        State("wanted", "data"),
        State("opened", "data"),
    )
    there("overview", Output("trend", "figure"), Input("overview", "data"), Input("theme", "data"))
    there(
        "breakdowns",
        Output("map", "figure"),
        Output("people", "figure"),
        Input("breakdowns", "data"),
        Input("theme", "data"),
        Input("wanted", "data"),
    )
    there(
        "quality", Output("performance", "figure"), Input("quality", "data"), Input("theme", "data")
    )
    there("alerts", Input("alerts", "data"))
    there("details", Input("opened", "data"), Input("details", "data"))
    there("zoomed", Input("trend", "relayoutData"), State("overview", "data"))
    there("picked", Input("map", "clickData"))
