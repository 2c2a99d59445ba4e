"""The endpoints for those who operate it: probes, metrics, the OpenAPI document."""

from __future__ import annotations

from typing import Any

import orjson
from flask import Response, make_response, request
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from pydantic import BaseModel, Field

from features.iso_times import iso_time
from views.api.caching import JSON
from views.api.problems import RETRY_AFTER_S
from views.store import Store

TAG = Tag(name="operation", description="For probes and scrapers.")


class Alive(BaseModel):
    """The process answers."""

    status: str


class Readiness(BaseModel):
    """Whether the views can answer, and how complete they are."""

    ready: bool
    detail: str = Field(description="What is amiss; empty: nothing.")
    complete_from: str | None = Field(description="Event time; null: everything is there.")
    lag: int | None = Field(description="Messages not yet taken in; null: there is no stream.")


def add_health(app: OpenAPI, store: Store, registry: CollectorRegistry) -> None:
    """Add these endpoints to an app."""

    @app.get("/healthz", tags=[TAG], responses={200: Alive})
    def healthz() -> Response:
        """Whether the process answers."""
        return _json({"status": "ok"})

    @app.get("/readyz", tags=[TAG], responses={200: Readiness, 503: Readiness})
    def readyz() -> Response:
        """Whether the views can answer."""
        health = store.health()
        since = health.complete_from_ms
        response = _json(
            {
                "ready": health.ready,
                "detail": health.detail,
                "complete_from": None if since is None else iso_time(since),
                "lag": health.lag,
            }
        )
        if not health.ready:
            response.status_code = 503
            response.headers["Retry-After"] = str(RETRY_AFTER_S)
        return response

    @app.get(
        "/metrics",
        tags=[TAG],
        responses={
            200: {
                "description": "Prometheus' text format, or OpenMetrics to those who ask for it.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            }
        },
    )
    def metrics() -> Response:
        """Metrics for Prometheus."""
        encode, media_type = choose_encoder(request.headers.get("Accept", ""))
        response = make_response(encode(registry))
        response.headers["Content-Type"] = media_type
        return response

    @app.get("/openapi.json", doc_ui=False)
    def openapi_document() -> Response:
        """This document."""
        response = _json(app.api_doc)
        response.add_etag(weak=True)
        response.headers["Cache-Control"] = "private, max-age=60"
        response.make_conditional(request)
        return response


def _json(content: Any) -> Response:
    response = make_response(orjson.dumps(content))
    response.headers["Content-Type"] = JSON
    return response
