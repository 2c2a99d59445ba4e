"""What may be asked: the parameters of the endpoints, and what they mean."""

from __future__ import annotations

import base64
import binascii
import zlib
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from core.errors import RejectedEvent
from core.messages import MAX_TEXT, TIME_PATTERN
from core.names import PROFILES, CaseState, Decision, Severity
from core.settings import Settings
from features.rules_of_times import written_time
from views.api.problems import bad_parameter
from views.live_performance import MATURE_DAYS
from views.periods import HOUR_MS, Bucket, Span, buckets_between
from views.store import AlertFilter, Place, Store

MOST_ROWS = 1_000
ROWS = 100
DEVICES = 10
#: Days.
MOST_MATURE = 400
MOST_BUCKETS = 10_000
#: A trend whose bucket is not said has at most so many.
_EASY_BUCKETS = 400
_DATE_LENGTH = len("2015-01-08")


def _moment(value: Any) -> int:
    """Milliseconds since 1970 UTC of an ISO 8601 date or date and time."""
    text = str(value)
    try:
        return written_time("", f"{text}T00:00:00" if len(text) == _DATE_LENGTH else text)
    except RejectedEvent:
        raise ValueError(
            "is no ISO 8601 date or time of 1970 to 2200, such as 2015-01-08 or "
            "2015-01-08T12:30:00Z (write + as %2B)"
        ) from None


def _no_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


def _optional(description: str, **kwargs: Any) -> Any:
    return Field(default=None, description=description, json_schema_extra=_no_default, **kwargs)


@cache
def _schema(query: type[BaseModel], *args: Any, **kwargs: Any) -> dict[str, Any]:
    return BaseModel.model_json_schema.__func__(query, *args, **kwargs)  # type: ignore[attr-defined,no-any-return]


_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_Moment = Annotated[
    int | None,
    BeforeValidator(_moment),
    WithJsonSchema(
        {"type": "string", "anyOf": [{"pattern": _DATE}, {"pattern": TIME_PATTERN}]}, "validation"
    ),
]
_Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | SkipJsonSchema[None]


class ProfileQuery(BaseModel):
    """Parameters of what is said of a profile as a whole."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Made once: it is asked for with every request, and takes longer than the answer."""
        return _schema(cls, *args, **kwargs)

    profile: Literal["ecommerce", "banking"] | SkipJsonSchema[None] = _optional(
        "Kind of events; default: the server's."
    )


class SpanQuery(ProfileQuery):
    """Parameters of what is counted in a span of event time."""

    from_: _Moment = _optional(
        "From this time on, inclusive; UTC unless it has a zone.", alias="from"
    )
    to: _Moment = _optional("To this time, exclusive; UTC unless it has a zone.")
    format: Literal["json", "csv"] | SkipJsonSchema[None] = _optional(
        "The same as Accept: text/csv; default: JSON."
    )

    @property
    def span(self) -> Span:
        """The span asked for."""
        return Span(self.from_, self.to)


class TrendQuery(SpanQuery):
    """Parameters of a trend."""

    bucket: Bucket | SkipJsonSchema[None] = _optional(
        "Length of its steps; default: what makes at most some hundred."
    )


class PerformanceQuery(SpanQuery):
    """Parameters of how good alerts were; the span is of whole days."""

    bucket: Literal["day", "week", "month"] | SkipJsonSchema[None] = _optional(
        "Length of its steps; default: day."
    )
    mature: Annotated[int, Field(ge=0, le=MOST_MATURE)] | SkipJsonSchema[None] = _optional(
        "Only events of days that ended so many days before the newest event count; default: "
        f"{MATURE_DAYS}, over a file 0."
    )


class RowsQuery(SpanQuery):
    """Parameters of a list of values."""

    limit: int = Field(default=ROWS, ge=1, le=MOST_ROWS, description="At most so many rows.")


class DevicesQuery(SpanQuery):
    """Parameters of the list of devices."""

    limit: int = Field(default=DEVICES, ge=1, le=MOST_ROWS, description="At most so many devices.")


class AlertsQuery(RowsQuery):
    """Parameters of the list of alerts."""

    severity: Severity | SkipJsonSchema[None] = _optional("Only of this severity.")
    decision: Literal["review", "block"] | SkipJsonSchema[None] = _optional("Only so decided.")
    country: _Text = _optional("ISO 3166-1 alpha-2, or unknown.")
    browser: _Text = _optional("As it came, or unknown.")
    source: _Text = _optional("As it came, or unknown.")
    device_id: _Text = _optional("Only of this device.")
    user_id: _Text = _optional("Only of this user or card.")
    label: Literal["fraud", "legitimate", "unknown"] | SkipJsonSchema[None] = _optional(
        "What it turned out to be; unknown: no label yet."
    )
    state: CaseState | SkipJsonSchema[None] = _optional("Only with a case in this state.")
    cursor: Annotated[str, Field(max_length=2_048)] | SkipJsonSchema[None] = _optional(
        "next_cursor of the page before."
    )

    def wanted(self) -> AlertFilter:
        """The filter asked for."""
        return AlertFilter(
            severity=self.severity,
            decision=None if self.decision is None else Decision(self.decision),
            country=self.country,
            browser=self.browser,
            source=self.source,
            device_id=self.device_id,
            user_id=self.user_id,
            label=None if self.label is None else _LABELS[self.label],
            state=self.state,
        )


_LABELS = {"fraud": 1, "legitimate": 0, "unknown": -1}


def profile_of(query: ProfileQuery, store: Store, settings: Settings) -> str:
    """The profile that is meant: the one asked for, the only one, or that of the settings."""
    if query.profile is not None:
        return query.profile
    there = store.profiles()
    return there[0] if len(there) == 1 and there[0] in PROFILES else settings.profile


def covered(span: Span, extent: tuple[int, int] | None) -> tuple[int, int] | None:
    """The part of a span between the first and the last event: [from, to) in milliseconds."""
    if extent is None:
        return None
    begin = extent[0] if span.from_ms is None else max(span.from_ms, extent[0])
    end = extent[1] + 1 if span.to_ms is None else min(span.to_ms, extent[1] + 1)
    return (begin, end) if begin < end else None


def chosen_bucket(span: tuple[int, int]) -> Bucket:
    """A bucket of which a span [from, to) has neither few nor very many."""
    hours = (span[1] - span[0]) / HOUR_MS
    for bucket, length in ((Bucket.HOUR, 1), (Bucket.DAY, 24), (Bucket.WEEK, 168)):
        if hours / length <= _EASY_BUCKETS:
            return bucket
    return Bucket.MONTH


def buckets_of(span: tuple[int, int], bucket: Bucket) -> list[int]:
    """Beginnings of the buckets of a span.

    Raises:
        ProblemError: there are more than ``MOST_BUCKETS``.
    """
    starts = buckets_between(*span, bucket, MOST_BUCKETS)
    if len(starts) > MOST_BUCKETS:
        raise bad_parameter(
            "bucket",
            bucket.value,
            f"cuts this span into more than {MOST_BUCKETS:,}: take a longer one, or a shorter span",
        )
    return starts


def cursor_of(place: Place) -> str:
    """A place as text for the next request."""
    plain = f"{place.time_ms}:{place.event_id}".encode()
    packed = zlib.crc32(plain).to_bytes(4, "big") + plain
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """The place that ``cursor_of`` has made a text of.

    Raises:
        ProblemError: it is not one of those.
    """
    try:
        packed = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
        time_ms, _, event_id = packed[4:].decode().partition(":")
        place = Place(int(time_ms), event_id)
        if cursor_of(place) != cursor:
            raise ValueError
    except (ValueError, binascii.Error):
        raise bad_parameter(
            "cursor", cursor, "is damaged: take next_cursor of the page before as it is"
        ) from None
    return place
