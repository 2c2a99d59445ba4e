"""The endpoint that takes labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import orjson
from flask import Response, make_response
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field

from core.settings import Settings
from views.api.bodies import json_body, one_or_many
from views.api.caching import JSON
from views.api.given_labels import MOST_LABELS, GivenLabel, read_labels
from views.api.guard import NEEDS_TOKEN
from views.api.problems import ProblemError, documented
from views.api.queries import ProfileQuery, profile_of
from views.handling.labelling import LabelSender
from views.store import Store

TAG = Tag(name="labels", description="What events turned out to be.")


class LabelsTaken(BaseModel):
    """What became of the labels."""

    accepted: int = Field(description="Labels that the broker has acknowledged.")
    unknown: list[str] = Field(
        description="Events among them that have no score here yet: their labels wait for it."
    )


def add_labels(
    app: OpenAPI,
    store: Store,
    settings: Settings,
    sender: LabelSender | None,
    clock: Callable[[], int],
) -> None:
    """Add this endpoint to an app."""

    @app.post(
        "/labels",
        tags=[TAG],
        responses={200: LabelsTaken, **documented(413, 415)},
        security=NEEDS_TOKEN,
        openapi_extensions={"requestBody": _body()},
    )
    def labels(query: ProfileQuery) -> Response:
        """Take one label, a list, or {"labels": [...]}: all of them, or none.

        Of an event the latest `labelled_at` counts. The views show it as soon as the projector has
        taken it in.
        """
        if sender is None:
            raise no_stream("labels")
        raw = one_or_many(json_body(), "labels", MOST_LABELS)
        profile = profile_of(query, store, settings)
        found = read_labels(raw, profile, clock(), settings.max_future_s)
        known = store.scored_ids(profile, [one.event_id for one in found])
        sender.send(found)
        unknown = sorted({one.event_id for one in found} - known)
        response = make_response(orjson.dumps({"accepted": len(found), "unknown": unknown}))
        response.headers["Content-Type"] = JSON
        return response


def no_stream(what: str) -> ProblemError:
    """These views show a file, which cannot be changed."""
    return ProblemError(
        422,
        f"no {what} here",
        f"these views show a file, which takes no {what}: start `fraudstream views` without --csv",
    )


def _body() -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components(
        [GivenLabel], ref_template="#/components/schemas/{name}"
    )
    one = {name: value for name, value in schemas["GivenLabel"].items() if name != "title"}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_LABELS}
    several = {"type": "object", "properties": {"labels": many}, "required": ["labels"]}
    return {"required": True, "content": {JSON: {"schema": {"anyOf": [one, many, several]}}}}
