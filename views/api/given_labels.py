"""Labels as they are given to the API: read, and refused where they cannot be meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from core.errors import RejectedEvent
from core.messages import MAX_TEXT, TIME_PATTERN, EventId, Label
from features.iso_times import iso_time
from features.rules_of_fields import category, identifier
from features.rules_of_times import written_time
from views.api.problems import ProblemError

MOST_LABELS = 1_000
#: Who says so, where that is not given.
SOURCE = "api"


class GivenLabel(Struct, frozen=True, forbid_unknown_fields=True):
    """What an event turned out to be."""

    event_id: EventId
    label: Annotated[Literal[0, 1], Meta(description="1 is fraud, 0 is not.")]
    source: Annotated[
        str, Meta(min_length=1, max_length=MAX_TEXT, description="Who says so; default: api.")
    ] = SOURCE
    labelled_at: (
        Annotated[
            str,
            Meta(
                extra_json_schema={"pattern": TIME_PATTERN},
                description="When it became known: ISO 8601, UTC unless a zone is given; "
                "default: now.",
            ),
        ]
        | UnsetType
    ) = UNSET


def read_labels(raw: Sequence[bytes], profile: str, now_ms: int, max_future_s: int) -> list[Label]:
    """The labels of a request, in its order.

    Args:
        raw: each as JSON.
        profile: of the events.
        now_ms: milliseconds since 1970 UTC.
        max_future_s: how far ahead a clock may be.

    Raises:
        ProblemError: one of them cannot be meant; nothing is to be done then.
    """
    found: list[Label] = []
    errors: list[dict[str, Any]] = []
    for index, one in enumerate(raw):
        try:
            found.append(_read(one, profile, now_ms, max_future_s))
        except RejectedEvent as error:
            errors.append({"index": index, "field": error.field, "message": error.message})
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            errors.append({"index": index, "field": _field_of(str(error)), "message": str(error)})
    if not errors:
        errors = _contradictions(found)
    if errors:
        first = errors[0]
        raise ProblemError(
            422,
            "labels refused",
            f"label {first['index']}: {first['message']}; none of the {len(raw):,} was taken: "
            "correct it and send all of them again",
            str(first["field"]),
            {"errors": errors},
        )
    return found


def _read(raw: bytes, profile: str, now_ms: int, max_future_s: int) -> Label:
    given = msgspec.json.decode(raw, type=GivenLabel)
    event_id = identifier("event_id", given.event_id)
    source = category("source", given.source) or SOURCE
    moment = now_ms
    if given.labelled_at is not UNSET:
        moment = written_time("labelled_at", given.labelled_at)
        if moment > now_ms + 1000 * max_future_s:
            raise RejectedEvent(
                "future_time",
                f"labelled_at={given.labelled_at!r} is ahead of this server's clock "
                f"({iso_time(now_ms)}): send the time at which it became known, or leave it out",
                "labelled_at",
            )
    return Label(
        event_id=event_id,
        profile=profile,  # type: ignore[arg-type]
        label=given.label,
        labelled_at=iso_time(moment),
        source=source,
    )


def _contradictions(labels: Sequence[Label]) -> list[dict[str, Any]]:
    """Labels of one event and one moment that differ: which of them holds cannot be told."""
    first: dict[tuple[str, str], int] = {}
    errors = []
    for index, one in enumerate(labels):
        other = first.setdefault((one.event_id, one.labelled_at), index)
        if labels[other].label != one.label:
            errors.append(
                {
                    "index": index,
                    "field": "label",
                    "message": f"label={one.label} contradicts label {other} of the same event "
                    f"{one.event_id[:80]!r} and moment: send the one that holds, or give each "
                    "its labelled_at",
                }
            )
    return errors


def _field_of(message: str) -> str:
    """The field that msgspec names at the end of a message, or in its middle."""
    _, found, path = message.rpartition("`$.")
    if found:
        return path.rstrip("`")
    parts = message.split("`")
    return parts[1] if len(parts) > 2 and parts[1] in GivenLabel.__struct_fields__ else ""
