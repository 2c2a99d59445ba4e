"""Errors as problem details (RFC 9457): what is wrong, which value it was, what to do about it.

Nothing that came in is ever part of markup: a problem is JSON, and says so.
"""

from __future__ import annotations

import logging
from typing import Any, NoReturn

import orjson
from flask import Flask, Response, make_response, request
from flask_limiter import RateLimitExceeded
from pydantic import BaseModel, Field, ValidationError
from werkzeug.exceptions import HTTPException

from core.errors import FraudstreamError, StateError
from views.store import SpanError

_log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
#: Seconds after which it is worth to ask again when the state is away.
RETRY_AFTER_S = 2
_SHOWN = 80

_REMEDIES = {
    404: "see /openapi.json for what there is",
    405: "see /openapi.json for the methods",
    413: "send fewer events at once; a request may have 1 MiB",
    415: "send JSON with Content-Type: application/json",
    429: "send fewer requests a second",
}


class Problem(BaseModel):
    """Problem details for HTTP APIs (RFC 9457)."""

    type: str = Field(description="Kind of problem; about:blank where the status says it all.")
    title: str = Field(description="The same for people.")
    status: int = Field(description="HTTP status code.")
    detail: str = Field(description="Field, value and remedy.")
    field: str | None = Field(default=None, description="The field or parameter at fault.")
    errors: list[dict[str, Any]] | None = Field(
        default=None, description="Of a request with several events: what is wrong with each."
    )


#: Status → when it comes about.
_WHEN = {
    400: "A parameter or the body cannot be used.",
    401: "The token is needed.",
    404: "There is no such thing.",
    412: "It has changed since it was seen.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    421: "The Host header is not this server's.",
    422: "What is asked cannot be answered.",
    429: "Too many requests; ask again after Retry-After seconds.",
    501: "These views were started without it.",
    503: "The state or a model is away; ask again after Retry-After seconds.",
}
#: Of every endpoint.
COMMON = (400, 401, 421, 422, 429, 503)


def documented(*statuses: int) -> dict[str | int, Any]:
    """Responses of the OpenAPI document that are problem details."""
    schema = Problem.model_json_schema()
    return {
        status: {"description": _WHEN[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


class ProblemError(Exception):
    """Ends a request with problem details.

    Args:
        status: HTTP status code.
        title: kind of problem, in a few words.
        detail: field, value and remedy.
        field: parameter or field at fault.
        more: further members of the answer.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        field: str | None = None,
        more: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.field = field
        self.more = more or {}
        self.headers = headers or {}


def bad_parameter(name: str, value: object, remedy: str) -> ProblemError:
    """A parameter that cannot be used."""
    shown = repr(value) if len(repr(value)) <= _SHOWN else f"{repr(value)[:_SHOWN]}…"
    return ProblemError(400, "bad parameter", f"parameter {name}={shown}: {remedy}", name)


def refuse_parameters(error: ValidationError) -> NoReturn:
    """A request whose parameters are not what the document says."""
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0]) if first["loc"] else "request"
    if first["type"] == "extra_forbidden":
        raise bad_parameter(name, first["input"], "is not known here; see /openapi.json")
    message = first["msg"].removeprefix("Value error, ")
    raise bad_parameter(name, first["input"], message[:1].lower() + message[1:])


def problem(error: ProblemError) -> Response:
    """The answer that an error ends in."""
    body = {
        "type": "about:blank",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        **({} if error.field is None else {"field": error.field}),
        **error.more,
    }
    response = make_response(orjson.dumps(body), error.status)
    response.mimetype = MEDIA_TYPE
    response.headers.update(error.headers)
    response.headers["Cache-Control"] = "no-store"
    return response


def add_problems(app: Flask) -> None:
    """Let every error of an app end in problem details, and none in a traceback."""

    @app.errorhandler(ProblemError)
    def _problem(error: ProblemError) -> Response:
        return problem(error)

    @app.errorhandler(SpanError)
    def _span(error: SpanError) -> Response:
        return problem(ProblemError(422, "span cannot be answered exactly", str(error)))

    @app.errorhandler(StateError)
    def _state(error: StateError) -> Response:
        return problem(away(error))

    @app.errorhandler(FraudstreamError)
    def _ours(error: FraudstreamError) -> Response:
        return problem(ProblemError(503, "not available", str(error), headers=_retry()))

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Any:
        status = error.code
        if error.response is not None or status is None or status < 400:
            return error
        remedy = _REMEDIES.get(status, "see /openapi.json")
        said = (error.description or error.name).rstrip(".")
        if status in (404, 405):
            said = f"{request.method} {request.path[:_SHOWN]}: {error.name.lower()}"
        found = ProblemError(status, error.name, f"{said}: {remedy}")
        allow = [one for one in error.get_headers() if one[0] in ("Allow", "Retry-After")]
        found.headers.update(dict(allow))
        if isinstance(error, RateLimitExceeded) and error.limit is not None:
            found.headers["Retry-After"] = str(error.limit.limit.get_expiry())
        return problem(found)

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        _log.exception("%s %s failed", request.method, request.path[:_SHOWN], exc_info=error)
        return problem(
            ProblemError(
                500, "internal error", "the request failed; the server's log has the reason"
            )
        )


def away(error: Exception) -> ProblemError:
    """The state cannot be reached."""
    return ProblemError(503, "state is away", str(error), headers=_retry())


def _retry() -> dict[str, str]:
    return {"Retry-After": str(RETRY_AFTER_S)}
