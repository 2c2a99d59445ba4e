"""The declared list of features: one entry each, and everything else follows from it.

From this list come the offline computation, the computation against Redis, the order of the
model's inputs, the documentation table (``docs/features.md``) and the hash by which a worker
recognises a model made for other features. Adding a feature is one ``Feature`` entry; a new kind
also needs one function in ``features.formulas``, and one in ``features.explain`` that says which
earlier events made it.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache

import pycountry

from core.names import DAY_MS
from features.addresses import PRIVATE, RESERVED
from features.profiles import VECTOR, profile_spec

# The kernel has the numbers below compiled in, and numba's cache of it does not see when they
# change: touch features/kernel.py with them.

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
        form_of: the feature of which this one is another form (a sine, a logarithm), or "".
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
    form_of: str = ""
    dtype: str = "float32"


def _known(*names: str) -> tuple[str, ...]:
    return (UNKNOWN, *names, OTHER)


SEXES = _known("F", "M")
SOURCES = _known("Ads", "Direct", "SEO")
BROWSERS = _known("Chrome", "FireFox", "IE", "Opera", "Safari")
#: ISO 3166-1 alpha-2; an address that matches no range is ``unknown``, which is a category.
COUNTRIES = (UNKNOWN, *sorted(country.alpha_2 for country in pycountry.countries))


#: What is known of an address without asking who has it (``features.addresses``).
IP_CLASSES = (UNKNOWN, "matched", "unmatched", "private", "reserved")

_BURSTS = "bursts: rings and card testing repeat within minutes"


def _over_windows(
    entity: str, what: str, kind: str, unit: str, meaning: str, why: str
) -> list[Feature]:
    """One feature for each window, ascending; ``{}`` in ``meaning`` becomes the window."""
    return [
        Feature(
            f"{entity}_{what}_{window}", kind, unit, meaning.format(window), why,
            entity=entity, window=window,
        )
        for window in WINDOWS
    ]  # fmt: skip


def _counts(entity: str, whose: str) -> list[Feature]:
    meaning = f"earlier events of {whose} within {{}}"
    return _over_windows(entity, "count", "count", "events", meaning, _BURSTS)


def _previous(entity: str, whose: str) -> Feature:
    return Feature(
        f"{entity}_seconds_since_previous", "since_previous", "seconds",
        f"time since the previous event of {whose}", "scripts do not pause", entity=entity,
    )  # fmt: skip


def _velocity(entity: str, whose: str) -> list[Feature]:
    """What every entity has: counts, money, pace and age."""
    past = f"the earlier events of {whose} within {{}}"
    return [
        *_counts(entity, whose),
        *_over_windows(
            entity, "spend", "spend", "currency units", f"sum of the amounts of {past}",
            "money leaves faster than this customer ever spent it",
        ),
        *_over_windows(
            entity, "mean", "mean", "currency units", f"mean amount of {past}",
            "what is usual here; rings repeat one amount",
        ),
        *_over_windows(
            entity, "value_ratio", "value_ratio", "1", f"amount against the mean of {past}",
            "a takeover buys dearer than its victim, a test cheaper; 1 is a repeat",
        ),
        Feature(
            f"{entity}_rate_ratio_1h", "rate_ratio", "1",
            f"pace of {whose} in the last 1h against its pace in the last 24h",
            "a burst after a quiet day: 24; steady activity: 1", entity=entity, window="1h",
        ),
        _previous(entity, whose),
        Feature(
            f"{entity}_age_seconds", "age", "seconds",
            f"time since the earliest remembered event of {whose}",
            "what is new here deserves a second look", entity=entity,
        ),
    ]  # fmt: skip


def _peers(entity: str, whose: str, peers: str, why: str) -> list[Feature]:
    meaning = f"distinct {peers} of the earlier events of {whose} within {{}}"
    return _over_windows(entity, peers, "peers", peers, meaning, why)


def _hours() -> list[Feature]:
    return [
        Feature("hour", "hour", "hour (UTC)", "hour of the day of the event", "night activity"),
    ]


def _cyclic(of: str, what: str) -> list[Feature]:
    return [
        Feature(
            f"{of}_{name}", f"{of}_{name}", "1", f"{long} of the {what} as an angle",
            f"the last and the first {of} are neighbours", form_of=of,
        )
        for name, long in (("sin", "sine"), ("cos", "cosine"))
    ]  # fmt: skip


def _ecommerce() -> tuple[Feature, ...]:
    one_device = "one device behind many accounts"
    return (
        Feature(
            "purchase_value", "amount", "currency units", "amount of the purchase",
            "rings repeat one amount; testing uses small ones", source="purchase_value",
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
        *_hours(),
        *_cyclic("hour", "hour"),
        Feature(
            "weekday", "weekday", "day, Monday = 0 (UTC)", "day of the week of the purchase",
            "fraud keeps other working days",
        ),
        *_cyclic("weekday", "day of the week"),
        Feature(
            "seconds_since_signup", "since_signup", "seconds",
            "time from sign-up to purchase", "scripts buy a second after signing up",
        ),
        Feature(
            "log_seconds_since_signup", "log_since_signup", "1",
            "ln(1 + seconds from sign-up to purchase), with the sign of the seconds",
            "seconds and months on one scale", form_of="seconds_since_signup",
        ),
        Feature(
            "country", "category", "code", "country of the IP address",
            "origin of the purchase", source="country", categories=COUNTRIES,
        ),
        Feature(
            "country_known", "category", "code", "whether the IP address has a country",
            "addresses of nobody hide somebody", source="country_known",
            categories=("unknown", "known"), form_of="country",
        ),
        Feature(
            "ip_class", "category", "code", "what kind of IP address it is",
            "no customer buys from a reserved address", source="ip_class", categories=IP_CLASSES,
        ),
        *_velocity("user", "the user"),
        *_peers("user", "the user", "devices", "an account used from device after device"),
        *_over_windows(
            "user", "countries", "countries", "countries",
            "distinct countries of the earlier events of the user within {}",
            "nobody is in two countries within an hour",
        ),
        *_velocity("device", "the device"),
        *_peers("device", "the device", "users", one_device),
        Feature(
            "device_same_amount_1m", "same_amount", "events",
            "earlier events of the device with the same amount within 1m",
            "rings repeat one amount", entity="device", window="1m",
        ),
        *_velocity("ip", "the IP address"),
        *_peers("ip", "the IP address", "users", "one address behind many accounts"),
    )  # fmt: skip


def _banking() -> tuple[Feature, ...]:
    vector = "the identical vector v1…v28"
    return (
        *(
            Feature(
                name, "field", "1", f"principal component {name[1:]} of the transaction",
                "as delivered by the bank", source=name,
            )
            for name in VECTOR
        ),
        Feature(
            "amount", "amount", "currency units", "amount of the transaction",
            "size of the loss", source="amount",
        ),
        Feature(
            "log_amount", "log_amount", "1", "ln(1 + amount)", "tames the long tail",
            source="amount", form_of="amount",
        ),
        *_hours(),
        *_counts("vector", vector),
        _previous("vector", vector),
        *_velocity("card", "the card"),
    )  # fmt: skip


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
        "ip_classes": (PRIVATE, RESERVED) if profile == "ecommerce" else (),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
