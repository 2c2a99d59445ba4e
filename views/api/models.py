"""The endpoint of the model versions."""

from __future__ import annotations

import orjson
from flask import Response, make_response, request
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI

from core.settings import Settings
from views.api.caching import JSON
from views.api.queries import ProfileQuery, profile_of
from views.api.versions import Models, Versions
from views.store import Store

TAG = Tag(name="models", description="Model versions and how good they were.")


def add_models(app: OpenAPI, store: Store, settings: Settings, versions: Versions) -> None:
    """Add this endpoint to an app."""

    @app.get("/models", tags=[TAG], responses={200: Models})
    def models(query: ProfileQuery) -> Response:
        """Champion, challenger, and all versions with their figures."""
        found = versions.all(profile_of(query, store, settings))
        response = make_response(orjson.dumps(found))
        response.headers["Content-Type"] = JSON
        response.headers["Cache-Control"] = "private, no-cache"
        response.add_etag(weak=True)
        response.make_conditional(request)
        return response
