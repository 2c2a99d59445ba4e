"""Bodies of requests: JSON, one thing or several."""

from __future__ import annotations

import msgspec
from flask import request

from views.api.caching import JSON
from views.api.problems import ProblemError


def json_body() -> bytes:
    """The body of the request.

    Raises:
        ProblemError: it does not say that it is JSON.
    """
    if not request.is_json:
        raise ProblemError(
            415,
            "not JSON",
            f"Content-Type {request.content_type or '(none)'!r:.80}: send {JSON}",
            "Content-Type",
        )
    return request.get_data()


def one_or_many(body: bytes, name: str, most: int) -> list[bytes]:
    """The things in a body: one, a list of them, or an object that has a list under ``name``.

    Each has a field ``event_id``, which tells one from an object that has several.

    Raises:
        ProblemError: there is none, there are more than ``most``, or it is no JSON.
    """
    start = body.lstrip(b" \t\r\n")[:1]
    try:
        if start == b"[":
            found = list(map(bytes, msgspec.json.decode(body, type=list[msgspec.Raw])))
        else:
            found = _one_or_several(body, name)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(
            400,
            "not JSON",
            f"the body cannot be read ({error}): send one of the {name}, or a list",
        ) from None
    if not 1 <= len(found) <= most:
        raise ProblemError(
            400,
            f"too many {name}" if found else f"no {name}",
            f"{len(found):,} {name}: send 1 to {most:,} at once",
            name,
        )
    return found


def _one_or_several(body: bytes, name: str) -> list[bytes]:
    try:
        parts = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        # A thing may have fields that nobody knows, and one of them may be called that.
        if "event_id" in parts or name not in parts:
            return [body]
        return list(map(bytes, msgspec.json.decode(parts[name], type=list[msgspec.Raw])))
    except msgspec.ValidationError:  # JSON of another kind: whoever takes it says what is wrong
        return [body]
