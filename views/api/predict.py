"""The endpoint that scores events which are sent to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import orjson
from flask import Response, make_response
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from pydantic import BaseModel, Field

from core.errors import RejectedEvent
from core.messages import EVENTS
from core.settings import Settings
from views.api.bodies import json_body, one_or_many
from views.api.caching import JSON
from views.api.guard import NEEDS_TOKEN
from views.api.problems import ProblemError, documented
from views.api.queries import ProfileQuery, profile_of
from views.predicting.prediction import NoChampionError, Predicted, Predicts
from views.store import Store

TAG = Tag(name="predict", description="A score for any event.")
MOST_EVENTS = 1_000


class EventError(BaseModel):
    """Why an event would be set aside."""

    code: str = Field(description="As error.code of a dead letter.")
    field: str = Field(description="The field at fault; empty: the event as a whole.")
    message: str


class Outcome(BaseModel):
    """What the stream would say of an event, or why it would be set aside."""

    event_id: str | None
    score: float | None = Field(description="Fraud probability.")
    decision: str | None
    severity: str | None = Field(description="Null where the event is allowed.")
    threshold: float | None
    control: bool | None = Field(
        description="Whether the model would block it, and the control share has it reviewed."
    )
    reasons: list[dict[str, Any]] | None
    model: dict[str, str] | None
    error: EventError | None = Field(description="Null: the event is valid.")


class Outcomes(BaseModel):
    """Of each event, in the order in which they came."""

    predictions: list[Outcome]


def add_predict(
    app: OpenAPI,
    store: Store,
    settings: Settings,
    predictor: Predicts | None,
    clock: Callable[[], int],
) -> None:
    """Add this endpoint to an app."""

    @app.post(
        "/predict",
        tags=[TAG],
        responses={200: Outcomes, **documented(413, 415, 501)},
        security=NEEDS_TOKEN,
        openapi_extensions={"requestBody": _body()},
    )
    def predict(query: ProfileQuery) -> Response:
        """Score one event, a list of events, or {"events": [...]}, without remembering any.

        An event that the stream would set aside has `error`; if that is so of all of them, the
        answer is 422.
        """
        if predictor is None:
            raise ProblemError(
                501,
                "no predictions here",
                "these views were started without a model to score with: train one with "
                "`fraudstream train CSV` and start them again",
            )
        raw = one_or_many(json_body(), "events", MOST_EVENTS)
        try:
            found = predictor.predict(profile_of(query, store, settings), raw, clock())
        except NoChampionError as error:
            raise ProblemError(422, "no model", str(error), "profile") from None
        errors: list[dict[str, Any]] = [
            {"index": index, **_error(one)}
            for index, one in enumerate(found)
            if isinstance(one, RejectedEvent)
        ]
        if len(errors) == len(found):
            first = errors[0]
            raise ProblemError(
                422, "no valid event", first["message"], first["field"], {"errors": errors}
            )
        body = orjson.dumps({"predictions": list(map(_outcome, found))})
        response = make_response(body)
        response.headers["Content-Type"] = JSON
        return response


def _outcome(found: Predicted | RejectedEvent) -> Any:
    if isinstance(found, RejectedEvent):
        return {**dict.fromkeys(Outcome.model_fields), "error": _error(found)}
    return orjson.Fragment(found)


def _error(found: RejectedEvent) -> dict[str, str]:
    return {"code": str(found.code), "field": found.field, "message": found.message}


def _body() -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components(
        EVENTS.values(), ref_template="#/components/schemas/{name}"
    )
    names = [event.__name__ for event in EVENTS.values()]
    one = {"anyOf": [_inlined(schemas[name]) for name in names]}
    many = {"type": "array", "items": one, "minItems": 1, "maxItems": MOST_EVENTS}
    several = {"type": "object", "properties": {"events": many}, "required": ["events"]}
    return {"required": True, "content": {JSON: {"schema": {"anyOf": [one, many, several]}}}}


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in schema.items() if name != "title"}
