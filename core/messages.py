"""The messages on the topics: one struct each, from which encoders, decoders and schemas come.

Every message is one JSON object in UTF-8. Fields are only ever added, so a reader ignores those
it does not know; ``schema`` counts the additions. ``docs/schemas/`` is generated from this file
(``make docs``).

The bounds written here are those that JSON Schema can say. What it cannot (no duplicate keys, no
more than four decimals, dates that exist) is checked in ``features.validation``.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from core.names import SCHEMA_VERSION

#: Longest text in characters: ids and categories alike.
MAX_TEXT = 256
#: Integers beyond ±2^53 are not the same number in every JSON reader.
MAX_INTEGER = 2**53
MAX_AGE = 150
MAX_IPV4 = 2**32 - 1
#: v1 … v28 lie strictly between ± this.
COMPONENT_BOUND = 1e15
#: ISO 8601 date and time; the zone may be missing (UTC). No control over the calendar here.
TIME_PATTERN = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]"
    r"(:[0-5][0-9]([.,][0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3])(:?[0-5][0-9])?)?$"
)
#: How every time that this project writes looks.
_OUR_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$"

_Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT)]
_Integer: TypeAlias = Annotated[int, Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
_Time: TypeAlias = Annotated[str, Meta(extra_json_schema={"pattern": TIME_PATTERN})]
_Digest: TypeAlias = Annotated[str, Meta(description="SHA-256 in hex.")]

Schema: TypeAlias = Annotated[
    int,
    Meta(
        ge=1,
        le=MAX_INTEGER,
        description="Version of the message's schema; absent means 1. Versions only add fields.",
    ),
]
EventId: TypeAlias = Annotated[
    _Text,
    Meta(
        description="Names the event within its profile for ever; sent again, it is a redelivery.",
        examples=["ecommerce-0a1b2c3d-000000000002"],
    ),
]
EntityId: TypeAlias = _Text | _Integer
Category: TypeAlias = Annotated[str, Meta(max_length=MAX_TEXT)] | UnsetType | None
Amount: TypeAlias = Annotated[
    float,
    Meta(ge=0, le=1_000_000_000, description="Currency units, at most 4 decimals."),
]
Component: TypeAlias = Annotated[float, Meta(gt=-COMPONENT_BOUND, lt=COMPONENT_BOUND)]
OurTime: TypeAlias = Annotated[
    str,
    Meta(
        extra_json_schema={"pattern": _OUR_TIME, "format": "date-time"},
        description="ISO 8601, UTC with Z, to the millisecond.",
        examples=["2026-01-31T12:00:00.000Z"],
    ),
]
ProfileName: TypeAlias = Annotated[
    Literal["ecommerce", "banking"], Meta(description="Which kind of event.")
]
DecisionName: TypeAlias = Annotated[
    Literal["allow", "review", "block"],
    Meta(description="What is to happen with the event; an alert exists unless it is allowed."),
]
Probability: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
FeatureValue: TypeAlias = float | int | str | None


class EcommerceEvent(Struct, frozen=True, kw_only=True, gc=False):
    """A purchase, as published to ``transactions``; key: ``user_id``."""

    event_id: EventId
    user_id: Annotated[EntityId, Meta(description="Who buys; a number stands for its digits.")]
    signup_time: Annotated[
        _Time,
        Meta(
            description="When the user signed up: ISO 8601, UTC unless a zone is given.",
            examples=["2026-01-01T09:30:00.000Z"],
        ),
    ]
    purchase_time: Annotated[
        _Time,
        Meta(
            description="Event time: ISO 8601, UTC unless a zone is given; floored to 1 ms.",
            examples=["2026-01-31T12:00:00.000Z"],
        ),
    ]
    purchase_value: Amount
    device_id: Annotated[EntityId, Meta(description="Device; a number stands for its digits.")]
    source: Annotated[Category, Meta(description="How the user came: SEO, Ads, Direct, …")] = UNSET
    browser: Annotated[Category, Meta(description="Chrome, FireFox, IE, Opera, Safari, …")] = UNSET
    sex: Annotated[Category, Meta(description="F, M, …")] = UNSET
    age: Annotated[
        Annotated[float, Meta(ge=0, le=MAX_AGE)] | UnsetType | None, Meta(description="Years.")
    ] = UNSET
    ip_address: Annotated[
        Annotated[str, Meta(max_length=MAX_TEXT)]
        | Annotated[int, Meta(ge=0, le=MAX_IPV4)]
        | UnsetType
        | None,
        Meta(description="IPv4 dotted or as an integer, or IPv6.", examples=["203.0.113.7"]),
    ] = UNSET
    schema: Schema | UnsetType = UNSET


class BankingEvent(Struct, frozen=True, kw_only=True, gc=False):
    """A card transaction, as published to ``transactions-banking``.

    Key: ``card_id``, or else the 128-bit xxHash of v1 … v28 in hex.
    """

    event_id: EventId
    time: Annotated[
        _Time | float | int,
        Meta(
            description="Event time: ISO 8601 (UTC unless a zone is given), "
            "or seconds since 2013-09-01T00:00:00Z; floored to 1 ms.",
            examples=["2013-09-01T00:00:01.000Z", 1],
        ),
    ]
    v1: Component
    v2: Component
    v3: Component
    v4: Component
    v5: Component
    v6: Component
    v7: Component
    v8: Component
    v9: Component
    v10: Component
    v11: Component
    v12: Component
    v13: Component
    v14: Component
    v15: Component
    v16: Component
    v17: Component
    v18: Component
    v19: Component
    v20: Component
    v21: Component
    v22: Component
    v23: Component
    v24: Component
    v25: Component
    v26: Component
    v27: Component
    v28: Component
    amount: Amount
    card_id: Annotated[
        EntityId | UnsetType | None, Meta(description="Card; a number stands for its digits.")
    ] = UNSET
    schema: Schema | UnsetType = UNSET


class Reason(Struct, frozen=True, kw_only=True):
    """One reason why an event scored as it did."""

    code: Annotated[str, Meta(description="Stable word: how the reason was found.")]
    feature: Annotated[str, Meta(description="Name of the feature.")]
    value: Annotated[FeatureValue, Meta(description="Its value for this event.")]
    contribution: Annotated[
        float | None, Meta(description="How much it weighs; larger is more suspicious.")
    ]
    text: Annotated[str, Meta(description="The reason as a sentence for people.")]


class ModelRef(Struct, frozen=True, kw_only=True):
    """The model that scored."""

    name: str
    version: str
    digest: _Digest


class Origin(Struct, frozen=True, kw_only=True):
    """Where the event lies in Kafka."""

    topic: str
    partition: Annotated[int, Meta(ge=0)]
    offset: Annotated[int, Meta(ge=0)]


class ChallengerScore(Struct, frozen=True, kw_only=True):
    """What the challenger, a version scored beside the champion, would have decided."""

    version: str
    digest: _Digest
    score: Probability
    decision: DecisionName
    against: Annotated[
        DecisionName,
        Meta(description="What the champion's model decided, before rules and control share."),
    ]


class RuleHit(Struct, frozen=True, kw_only=True):
    """A rule, or a list, that the event met."""

    name: Annotated[
        str, Meta(description="Of the rule; `list:deny:device` and its like for a list.")
    ]
    action: Annotated[
        Literal["allow", "block", "review", "suppress"], Meta(description="What it asks for.")
    ]
    shadow: Annotated[bool, Meta(description="Whether it is only named and changes nothing.")]
    severity: Literal["low", "medium", "high", "critical"]
    reason: Annotated[str, Meta(description="For people.")]


class Alert(Struct, frozen=True, kw_only=True):
    """An event to review or block, as published to ``fraud-alerts``; key: that of the event.

    An event has one outcome: keep the first alert per (``profile``, ``event_id``).
    """

    schema: Schema = SCHEMA_VERSION
    alert_id: Annotated[
        str,
        Meta(
            extra_json_schema={"format": "uuid"},
            description="UUIDv5 of profile, event_id, model digest, rule-set hash and thresholds.",
        ),
    ]
    event_id: EventId
    profile: ProfileName
    event_time: OurTime
    user_id: Annotated[str | None, Meta(description="User, or card in banking.")]
    device_id: str | None
    ip_address: Annotated[str | None, Meta(description="IPv4 dotted or compressed IPv6.")]
    country: Annotated[str | None, Meta(description="ISO 3166-1 alpha-2, or unknown.")]
    amount: Amount
    browser: str | None
    source: str | None
    score: Annotated[Probability, Meta(description="Calibration is the model's; 1 is fraud.")]
    threshold: Annotated[
        Probability | None,
        Meta(description="The threshold that the score crossed; null where only rules ask for it."),
    ]
    severity: Annotated[
        Literal["low", "medium", "high", "critical"],
        Meta(description="The highest of the model's, by its score bands, and of the rules'."),
    ]
    decision: Annotated[
        Literal["review", "block"], Meta(description="What is to happen with the event.")
    ]
    reasons: list[Reason]
    rules: Annotated[list[RuleHit], Meta(description="Every rule and list that the event met.")]
    model: ModelRef
    control: Annotated[
        bool,
        Meta(description="The model would block it; the control share has it reviewed instead."),
    ] = False
    features: Annotated[
        dict[str, FeatureValue],
        Meta(description="What the model was given: shortest round-trip float32, NaN as null."),
    ]
    scored_at: OurTime
    origin: Origin


class Score(Struct, frozen=True, kw_only=True):
    """The outcome of one event, as published to ``fraud-scores``; key: that of the event.

    An event has one outcome: keep the first score per (``profile``, ``event_id``).
    """

    schema: Schema = SCHEMA_VERSION
    event_id: EventId
    alert_id: Annotated[str | None, Meta(description="The alert, null when allowed.")]
    profile: ProfileName
    event_time: OurTime
    score: Probability
    decision: DecisionName
    model: ModelRef
    user_id: Annotated[str | None, Meta(description="User, or card in banking.")]
    amount: Amount
    country: Annotated[str | None, Meta(description="ISO 3166-1 alpha-2, or unknown.")]
    browser: str | None
    source: str | None
    sex: str | None
    age: Annotated[float, Meta(ge=0, le=MAX_AGE)] | None
    device_id: str | None
    device_users: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="Distinct users on the device in the 24 h before; null if not known."),
    ]
    control: Annotated[
        bool,
        Meta(description="The model would block it; the control share has it reviewed instead."),
    ] = False
    control_weight: Annotated[
        Annotated[float, Meta(ge=1)] | None,
        Meta(description="How many blocked events an event of the control share stands for."),
    ] = None
    challenger: Annotated[
        ChallengerScore | None, Meta(description="Null where no version challenges the champion.")
    ] = None
    rules: Annotated[
        list[str],
        Meta(
            description="Names of the rules and lists that the event met, alert or not; those "
            "that change nothing begin with `shadow:`."
        ),
    ] = []
    scored_at: OurTime
    origin: Origin


class Label(Struct, frozen=True, kw_only=True):
    """What an event turned out to be, as published to ``fraud-labels``; key: ``event_id``."""

    schema: Schema = SCHEMA_VERSION
    event_id: EventId
    profile: ProfileName
    label: Annotated[Literal[0, 1], Meta(description="1 is fraud.")]
    labelled_at: OurTime
    source: Annotated[str, Meta(description="Who says so.")]


EVENTS: dict[str, type[EcommerceEvent] | type[BankingEvent]] = {
    "ecommerce": EcommerceEvent,
    "banking": BankingEvent,
}
"""Profile → its event."""
