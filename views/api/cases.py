"""The endpoints of cases: how far people are with an alert."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import msgspec
import orjson
from flask import Response, make_response, request
from flask_openapi3.models.tag import Tag
from flask_openapi3.openapi import OpenAPI
from msgspec import Meta, Struct
from pydantic import BaseModel, Field
from werkzeug.datastructures import ETags

from core.errors import RejectedEvent
from core.messages import MAX_TEXT
from core.names import CaseState
from core.settings import Settings
from features.rules_of_fields import category
from views.api.alerts import AlertPath
from views.api.bodies import json_body
from views.api.caching import JSON
from views.api.guard import NEEDS_TOKEN
from views.api.labels import no_stream
from views.api.problems import ProblemError, documented
from views.api.queries import ProfileQuery, profile_of
from views.case import MOST_NOTE, MOST_WHO, Case
from views.handling.casework import Casework, Conflict
from views.readmodel.cases import NoSuchAlert
from views.store import Store

TAG = Tag(name="cases", description="How far people are with an alert.")


class GivenCase(Struct, frozen=True, forbid_unknown_fields=True):
    """What a case is to say."""

    state: Annotated[
        CaseState,
        Meta(description="confirmed and dismissed are sent as labels 1 and 0, source case."),
    ]
    who: Annotated[str, Meta(max_length=MOST_WHO, description="Who says so.")] = ""
    note: Annotated[str, Meta(max_length=MOST_NOTE, description="What was found.")] = ""


class CaseAnswer(BaseModel):
    """The case of an alert."""

    event_id: str
    state: CaseState
    revision: int = Field(description="How often it was changed; also the ETag.")
    changed_at: str | None
    who: str | None
    note: str | None
    label_sent: bool | None = Field(
        description="Whether the label is on its way; null where the state is none. Where it is "
        "false, ask for the same change again."
    )


def add_cases(
    app: OpenAPI,
    store: Store,
    settings: Settings,
    casework: Casework | None,
    clock: Callable[[], int],
) -> None:
    """Add these endpoints to an app."""

    def worked_on(event_id: str, profile: str) -> Casework:
        if casework is None:
            raise no_stream("cases")
        if store.alert(profile, event_id) is None:
            raise _no_alert(event_id, profile)
        return casework

    @app.get(
        "/cases/<path:event_id>",
        tags=[TAG],
        responses={200: CaseAnswer, **documented(404)},
        security=NEEDS_TOKEN,
    )
    def case(path: AlertPath, query: ProfileQuery) -> Response:
        """How far people are with the alert of an event."""
        profile = profile_of(query, store, settings)
        work = worked_on(path.event_id, profile)
        return _answer(path.event_id, work.cases.of(profile, [path.event_id])[0])

    @app.put(
        "/cases/<path:event_id>",
        tags=[TAG],
        responses={200: CaseAnswer, **documented(404, 412, 413, 415)},
        security=NEEDS_TOKEN,
        openapi_extensions={"requestBody": _body()},
    )
    def set_case(path: AlertPath, query: ProfileQuery) -> Response:
        """Change it; with If-Match only the revision that was seen, else the last change wins.

        Who asks for what stands there already changes nothing.
        """
        profile = profile_of(query, store, settings)
        given = _given(json_body())
        work = worked_on(path.event_id, profile)
        try:
            found = work.change(
                profile,
                path.event_id,
                given.state,
                who=given.who,
                note=given.note,
                now_ms=clock(),
                revision=_revision(request.if_match),
            )
        except NoSuchAlert:
            raise _no_alert(path.event_id, profile) from None
        except Conflict as error:
            raise _changed(error.case) from None
        return _answer(path.event_id, found)


def _given(body: bytes) -> GivenCase:
    try:
        given = msgspec.json.decode(body, type=GivenCase)
        category("who", given.who)
        _fits(given.note)
    except msgspec.ValidationError as error:
        raise ProblemError(422, "case refused", f"{error}: see /openapi.json", "state") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, "not JSON", f"the body cannot be read ({error})") from None
    except RejectedEvent as error:
        raise ProblemError(422, "case refused", error.message, error.field) from None
    return given


def _fits(note: str) -> None:
    """Lines and tabs are all right in a note; other control characters are not."""
    for line in note.splitlines():
        for start in range(0, len(line), MAX_TEXT):
            category("note", line[start : start + MAX_TEXT].replace("\t", " "))


def _revision(wanted: ETags) -> int | None:
    """The revision that a request names in If-Match; None: it names none."""
    tags = wanted.as_set(include_weak=True)
    if not tags:
        return None
    if len(tags) > 1 or not (tag := next(iter(tags))).isdecimal():
        raise ProblemError(
            400,
            "bad If-Match",
            f"If-Match {wanted.to_header()[:80]!r}: send the ETag of the case as it came, or "
            "leave it out",
            "If-Match",
        )
    return int(tag)


def _changed(case: Case) -> ProblemError:
    by = f" by {case.who}" if case.who else ""
    return ProblemError(
        412,
        "the case has changed",
        f"it is {case.state.value}{by} since revision {case.revision}: look at it, and send the "
        "change again with that revision in If-Match",
        "If-Match",
        {"case": case.fields()},
    )


def _no_alert(event_id: str, profile: str) -> ProblemError:
    return ProblemError(
        404,
        "no such alert",
        f"event_id={event_id[:80]!r} has no {profile} alert: take one from /alerts, or another "
        "profile",
        "event_id",
    )


def _answer(event_id: str, case: Case) -> Response:
    response = make_response(orjson.dumps({"event_id": event_id, **case.fields()}))
    response.headers["Content-Type"] = JSON
    response.set_etag(str(case.revision))
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def _body() -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components(
        [GivenCase], ref_template="#/components/schemas/{name}"
    )
    one = {name: value for name, value in schemas["GivenCase"].items() if name != "title"}
    one["properties"]["state"] = {"enum": [state.value for state in CaseState]}
    return {"required": True, "content": {JSON: {"schema": one}}}
