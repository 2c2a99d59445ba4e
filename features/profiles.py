"""The two kinds of event the product scores: which columns they have, and who is behind them."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import ConfigError

#: Whole seconds of banking ``time`` count from here (contract).
BANKING_EPOCH_MS = 1_377_993_600_000  # 2013-09-01T00:00:00Z
VECTOR = tuple(f"v{i}" for i in range(1, 29))


@dataclass(frozen=True, slots=True)
class ProfileSpec:
    """Names of one profile's fields.

    ``time`` is the field that holds event time, ``amount`` the one that holds money; ``text`` and
    ``number`` are the remaining columns of an ``EventBatch`` (numbers are NaN, texts None where
    unknown). ``entities`` are those whose past is kept, the first being the owner of an event id.
    """

    name: str
    time: str
    amount: str
    text: tuple[str, ...]
    number: tuple[str, ...]
    required: tuple[str, ...]
    entities: tuple[str, ...]
    label: str


ECOMMERCE = ProfileSpec(
    name="ecommerce",
    time="purchase_time",
    amount="purchase_value",
    text=("user_id", "device_id", "source", "browser", "sex", "ip_address"),
    number=("signup_ms", "age"),
    required=(
        "event_id",
        "user_id",
        "signup_time",
        "purchase_time",
        "purchase_value",
        "device_id",
    ),
    entities=("user", "device", "ip"),
    label="class",
)

BANKING = ProfileSpec(
    name="banking",
    time="time",
    amount="amount",
    text=("card_id",),
    number=VECTOR,
    required=("event_id", "time", *VECTOR, "amount"),
    entities=("card", "vector"),
    label="class",
)

_SPECS = {spec.name: spec for spec in (ECOMMERCE, BANKING)}


def profile_spec(name: str) -> ProfileSpec:
    """The profile called ``name``.

    Raises:
        ConfigError: there is no such profile.
    """
    try:
        return _SPECS[name]
    except KeyError:
        known = " or ".join(_SPECS)
        raise ConfigError(f"profile {name!r} is unknown: use {known}") from None
