"""The declared list of features: one entry each, and everything else follows from it.

From this list come the offline computation, the computation against Redis, the order of the
model's inputs, the documentation table (``docs/features.md``) and the hash by which a worker
recognises a model made for other features. Adding a feature is one ``Feature`` entry; a new kind
also needs one function in ``features.formulas``.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache

import pycountry

from core.names import DAY_MS
from features.profiles import VECTOR, profile_spec

#: Window name → length in milliseconds. An event at s lies in window w of an event at t when
#: t − w < s ≤ t.
WINDOWS = {
    "1m": 60_000,
    "1h": 3_600_000,
    "24h": DAY_MS,
    "7d": 7 * DAY_MS,
    "30d": 30 * DAY_MS,
}
#: How far back an entity is remembered at all.
LOOK_BACK_MS = 180 * DAY_MS
#: Events later than this many milliseconds behind the partition's newest are not put into state.
HORIZON_MS = 7 * DAY_MS
#: A feature looks at the latest this many remembered events of the entity (C in the docs).
CAP = 512
#: State keeps this many more for late and redelivered events (S in the docs).
SLACK = 512

UNKNOWN = "unknown"
OTHER = "other"


@dataclass(frozen=True, slots=True)
class Feature:
    """One declared feature.

    Attributes:
        name: column name, as in the contract.
        kind: which formula computes it (``features.formulas.KINDS``).
        unit: unit of the value.
        meaning: what it is, for people.
        why: why it helps to find fraud.
        source: the event field it reads, or "".
        entity: whose past it looks at, or "".
        window: how far back, a key of ``WINDOWS``, or "".
        categories: names of the integer codes 0, 1, …; empty for numbers.
        dtype: what the model is given.
    """

    name: str
    kind: str
    unit: str
    meaning: str
    why: str
    source: str = ""
    entity: str = ""
    window: str = ""
    categories: tuple[str, ...] = ()
    dtype: str = "float32"


def _known(*names: str) -> tuple[str, ...]:
    return (UNKNOWN, *names, OTHER)


SEXES = _known("F", "M")
SOURCES = _known("Ads", "Direct", "SEO")
BROWSERS = _known("Chrome", "FireFox", "IE", "Opera", "Safari")
#: ISO 3166-1 alpha-2; an address that matches no range is ``unknown``, which is a category.
COUNTRIES = (UNKNOWN, *sorted(country.alpha_2 for country in pycountry.countries))


def _velocity(entity: str, whose: str) -> list[Feature]:
    counts = [
        Feature(
            f"{entity}_count_{window}",
            "count",
            "events",
            f"earlier events of {whose} within {window}",
            "bursts: rings and card testing repeat within minutes",
            entity=entity,
            window=window,
        )
        for window in WINDOWS
    ]
    spends = [
        Feature(
            f"{entity}_spend_{window}",
            "spend",
            "currency units",
            f"sum of the amounts of the earlier events of {whose} within {window}",
            "money leaves faster than this customer ever spent it",
            entity=entity,
            window=window,
        )
        for window in WINDOWS
    ]
    return counts + spends


def _ecommerce() -> tuple[Feature, ...]:
    features = [
        Feature(
            "purchase_value",
            "amount",
            "currency units",
            "amount of the purchase",
            "rings repeat one amount; testing uses small ones",
            source="purchase_value",
        ),
        Feature("age", "field", "years", "age the user gave", "weak context", source="age"),
        Feature(
            "sex", "category", "code", "sex the user gave", "weak context",
            source="sex", categories=SEXES,
        ),
        Feature(
            "source", "category", "code", "how the user came to the shop",
            "fraud differs by channel", source="source", categories=SOURCES,
        ),
        Feature(
            "browser", "category", "code", "browser of the purchase",
            "scripts favour one browser", source="browser", categories=BROWSERS,
        ),
        Feature("hour", "hour", "hour (UTC)", "hour of the day of the purchase", "night activity"),
        Feature(
            "weekday", "weekday", "day, Monday = 0 (UTC)", "day of the week of the purchase",
            "fraud keeps other working days",
        ),
        Feature(
            "seconds_since_signup", "since_signup", "seconds",
            "time from sign-up to purchase", "scripts buy a second after signing up",
        ),
        Feature(
            "country", "category", "code", "country of the IP address",
            "origin of the purchase", source="country", categories=COUNTRIES,
        ),
    ]  # fmt: skip
    features += _velocity("user", "the user")
    features += _velocity("device", "the device")
    features += _velocity("ip", "the IP address")
    features += [
        Feature(
            "device_users_24h",
            "peers",
            "users",
            "distinct users of the earlier events on the device within 24h",
            "one device behind many accounts",
            entity="device",
            window="24h",
        ),
    ]
    return tuple(features)


def _banking() -> tuple[Feature, ...]:
    features = [
        Feature(
            name, "field", "1", f"principal component {name[1:]} of the transaction",
            "as delivered by the bank", source=name,
        )
        for name in VECTOR
    ]  # fmt: skip
    features += [
        Feature(
            "amount", "amount", "currency units", "amount of the transaction",
            "size of the loss", source="amount",
        ),
        Feature(
            "log_amount", "log_amount", "1", "ln(1 + amount)", "tames the long tail",
            source="amount",
        ),
        Feature("hour", "hour", "hour (UTC)", "hour of the day", "night activity"),
    ]  # fmt: skip
    features += _velocity("card", "the card")
    features += _velocity("vector", "the identical vector v1…v28")
    return tuple(features)


@cache
def declared_features(profile: str) -> tuple[Feature, ...]:
    """The features of ``profile`` in model order."""
    profile_spec(profile)
    return _ecommerce() if profile == "ecommerce" else _banking()


@cache
def feature_names(profile: str) -> tuple[str, ...]:
    """Names of the features in model order."""
    return tuple(feature.name for feature in declared_features(profile))


def feature_hash(profile: str, table_digest: str) -> str:
    """SHA-256 (hex) of the declared list, its constants and the IP table's digest.

    Args:
        profile: name of the profile.
        table_digest: ``CountryTable.digest``; ignored where the profile has no IP address.
    """
    content = {
        "profile": profile,
        "features": [asdict(feature) for feature in declared_features(profile)],
        "windows": WINDOWS,
        "look_back_ms": LOOK_BACK_MS,
        "cap": CAP,
        "ip_table": table_digest if profile == "ecommerce" else "",
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
