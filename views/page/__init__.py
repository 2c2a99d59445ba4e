"""The page at ``/``: what the stream or a file holds, at a glance and in detail."""

from __future__ import annotations

from pathlib import Path

from dash import Dash
from flask import Flask, abort

from core.errors import FraudstreamError
from core.settings import Settings
from views.api.security import SCRIPT_HASHES
from views.masking import Masking
from views.page.answers import Answers
from views.page.callbacks import add_callbacks
from views.page.content import Content
from views.page.index import INDEX
from views.page.layout import page
from views.page.routes import add_routes
from views.page.view import View
from views.store import Store

_ASSETS = Path(__file__).parent / "assets"


def add_page(server: Flask, store: Store, settings: Settings, masking: Masking) -> Dash:
    """Let an app serve the page; its inline scripts go to ``config[SCRIPT_HASHES]`` for the CSP.

    Args:
        server: the app; addresses that nobody answers stay unknown.
        store: answers.
        settings: default profile and currency.
        masking: of ids.
    """
    app = Dash(
        __name__,
        server=server,  # type: ignore[arg-type]  # a Flask app is what it is for
        assets_folder=str(_ASSETS),
        assets_ignore=r"^(theme\.js|.*\.woff2|.*\.txt)$",
        title="Fraud overview",
        update_title="",
        serve_locally=True,
        add_log_handler=False,
        enable_mcp=False,
        # Ids are all in the layout; checking them would put it into every page once more.
        suppress_callback_exceptions=True,
        index_string=INDEX,
        meta_tags=[{"name": "viewport", "content": "width=device-width, initial-scale=1"}],
    )
    answers = Answers(store)
    view = View(store, masking)
    add_callbacks(app, answers, Content(view, settings.currency), settings.profile)
    add_routes(server, answers, view, settings.profile)

    def layout() -> object:
        try:
            return page(answers.revision(), settings.profile)
        except FraudstreamError:  # the page says so itself
            return page("", settings.profile)

    app.layout = layout
    # Dash would answer every address with the page.
    for rule in list(server.url_map.iter_rules()):
        if rule.rule == "/<path:path>":
            server.view_functions[rule.endpoint] = lambda path: abort(404)
    server.config[SCRIPT_HASHES] = tuple(f"'{one.strip(chr(39))}'" for one in app.csp_hashes())
    return app
