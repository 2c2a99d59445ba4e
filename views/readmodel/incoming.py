"""Messages of the three topics as the projection takes them: read only as far as it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from core.messages import MAX_TEXT, EventId, ProfileName
from core.names import Topics
from features.batch import AMOUNT_SCALE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_Moment: TypeAlias = Annotated[datetime, Meta(tz=True)]


class _OfEvent(Struct, frozen=True, gc=False):
    """Which event it is about."""

    event_id: EventId
    profile: ProfileName

    def __post_init__(self) -> None:
        if "\0" in self.event_id:  # no event has such an id, and keys could not be told apart
            raise ValueError("event_id holds a control character")


class _Timed(_OfEvent, frozen=True, gc=False):
    """When the event was."""

    event_time: _Moment

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.event_time < _EPOCH:
            raise ValueError("event_time is before 1970")


class ModelSeen(Struct, frozen=True, gc=False):
    """Which model scored."""

    version: Annotated[str, Meta(max_length=MAX_TEXT)]


class ScoreSeen(_Timed, frozen=True, gc=False):
    """The part of a score that is kept or counted."""

    score: float
    decision: Literal["allow", "review", "block"]
    amount: Annotated[float, Meta(ge=0, le=1_000_000_000)]
    user_id: str | None = None
    device_id: str | None = None
    country: str | None = None
    browser: str | None = None
    source: str | None = None
    sex: str | None = None
    age: float | None = None
    model: ModelSeen | None = None
    control: bool = False
    control_weight: Annotated[float, Meta(ge=1)] | None = None

    @property
    def units(self) -> int:
        """Amount in units of 10⁻⁴."""
        return round(self.amount * AMOUNT_SCALE)


class AlertSeen(_Timed, frozen=True, gc=False):
    """The part of an alert that it is found by."""

    severity: str | None = None
    decision: str | None = None
    country: str | None = None
    browser: str | None = None
    source: str | None = None
    device_id: str | None = None
    user_id: str | None = None


class LabelSeen(_OfEvent, frozen=True, gc=False):
    """A label."""

    label: Literal[0, 1]
    labelled_at: _Moment
    source: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.labelled_at < _EPOCH:
            raise ValueError("labelled_at is before 1970")


Seen: TypeAlias = ScoreSeen | AlertSeen | LabelSeen


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message and where it lay.

    Attributes:
        seen: what it says.
        raw: the message itself.
        where: ``topic:partition``.
        offset: in that partition.
    """

    seen: Seen
    raw: bytes
    where: str
    offset: int


def readers(namespace: str) -> dict[str, Callable[[bytes], Seen]]:
    """Topic → how its messages are read; that raises ``msgspec.MsgspecError``."""
    topics = Topics(namespace)
    return {
        topics.scores.name: msgspec.json.Decoder(ScoreSeen).decode,
        topics.alerts.name: msgspec.json.Decoder(AlertSeen).decode,
        topics.labels.name: msgspec.json.Decoder(LabelSeen).decode,
    }


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 UTC, floored."""
    return (moment - _EPOCH) // _MS
