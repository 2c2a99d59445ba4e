"""What the page asks for besides Dash's own answers: the state, the map, the tables as CSV."""

from __future__ import annotations

import logging
from typing import Any

from flask import Blueprint, Flask, Response, abort, jsonify, request

from core.errors import FraudstreamError
from views.page import text
from views.page.answers import Answers
from views.page.downloads import TABLES
from views.page.outlines import outlines
from views.page.query import parse
from views.page.view import View
from views.store import SpanError

_log = logging.getLogger(__name__)
_YEAR_S = 31_536_000


def add_routes(server: Flask, answers: Answers, view: View, default_profile: str) -> None:
    """Answer under ``/page/``."""
    routes = Blueprint("page", __name__, url_prefix="/page")

    @routes.get("/state")
    def state() -> Response:
        profile = parse(request.query_string.decode("utf-8", "replace"), default_profile).profile
        response = jsonify(_state(answers, profile))
        response.headers["Cache-Control"] = "no-store"
        return response

    @routes.get("/world.json")
    def world() -> Response:
        body, tag = outlines()
        response = Response(body, mimetype="application/geo+json")
        response.set_etag(tag)
        response.cache_control.max_age = _YEAR_S
        response.cache_control.private = True
        response.make_conditional(request)
        return response

    @routes.get("/<name>.csv")
    def table(name: str) -> Response:
        rows = TABLES.get(name)
        if rows is None:
            abort(404)
        query = parse(request.query_string.decode("utf-8", "replace"), default_profile)
        found = rows(view, query)
        try:
            first = next(found)  # so that what cannot be answered is refused, and not cut short
        except SpanError as error:
            return Response(f"{error}\n", 422, mimetype="text/plain")
        except FraudstreamError as error:
            return Response(f"{error}\n", 503, mimetype="text/plain")

        def body() -> Any:
            yield first
            yield from found

        response = Response(body(), mimetype="text/csv")
        response.headers["Content-Disposition"] = (
            f'attachment; filename="{query.profile}-{name}.csv"'
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    server.register_blueprint(routes)

    @server.after_request
    def _keep_assets(response: Response) -> Response:
        # Dash adds the time of the file to its address, so what is kept is never stale.
        if request.path.startswith("/assets/") and "m" in request.args:
            response.headers["Cache-Control"] = f"private, max-age={_YEAR_S}, immutable"
        return response


def _state(answers: Answers, profile: str) -> dict[str, Any]:
    store = answers.store
    health = store.health()
    found: dict[str, Any] = {
        "live": store.live,
        "ready": health.ready,
        "detail": health.detail,
        "lag": health.lag,
        "complete_from": None
        if health.complete_from_ms is None
        else text.minute(health.complete_from_ms),
    }
    try:
        extent = store.extent(profile)
        found["revision"] = answers.revision()
        found["last_event"] = None if extent is None else text.second(extent[1])
    except FraudstreamError as error:
        _log.warning("page: %s", error)
        found |= {"ready": False, "detail": found["detail"] or str(error)}
    return found
