"""A feature's value as a sentence that an analyst understands without a manual.

Sentences are made by the kind of the feature, from its unit, entity and window, so a feature that
is declared anew has its sentence already. "The hour before" ends with the event, which is itself
never counted; the users of a device are those of its earlier events, among whom the user of this
one may be. Behind each sentence stands what is usual among honest events.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.durations import duration
from features.country_names import country_name
from features.declared import CAP, LOOK_BACK_MS, OTHER, UNKNOWN, Feature
from features.profiles import VECTOR
from model.figures import counted, money, multiple, number, times

_SINGULAR = {"events": "event", "users": "user", "devices": "device", "countries": "country"}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_UNITS = {"m": "minute", "h": "hour", "d": "day"}
_LOOK_BACK = f"the {LOOK_BACK_MS // 86_400_000} days before"


@dataclass(frozen=True, slots=True)
class _Whose:
    """How to speak of an entity: what it is, what it did or did not do, what came of it."""

    noun: str
    this: str
    did: str
    did_not: str
    act: str
    link: str

    @property
    def one(self) -> str:
        return f"{self.act} {self.link}"

    @property
    def past(self) -> str:
        return f"{self.act}s {self.link}"


_USED = ("was used", "was not used")
_WHOSE = {
    "user": _Whose("user", "this user", "bought", "did not buy", "purchase", "of this user"),
    "device": _Whose("device", "this device", *_USED, "purchase", "from this device"),
    "ip": _Whose("IP address", "this IP address", *_USED, "purchase", "from this IP address"),
    "card": _Whose("card", "this card", *_USED, "payment", "with this card"),
    "vector": _Whose(
        "v1…v28", "the same v1…v28", "came", "did not come", "transaction", "with the same v1…v28"
    ),
}
#: Source of a category → what the sentence is about.
_CATEGORIES = {
    "sex": "the sex the user gave",
    "source": "the channel by which the user came",
    "browser": "the browser",
    "country": "the country of the IP address",
    "country_known": "the country of the IP address",
    "ip_class": "the IP address",
}
_IP_CLASSES = {
    UNKNOWN: "not given",
    "matched": "in a range of a known country",
    "unmatched": "in no range of a known country",
    "private": "private, of no country",
    "reserved": "reserved: no customer has it",
}


@dataclass(frozen=True, slots=True)
class _Wording:
    """How one kind is worded.

    Attributes:
        sentence: of a known value; the last argument is the event's amount, None if not told.
        usual: the typical value behind it.
        unknown: the sentence where the value is unknown.
        never: the typical value where it is usually unknown.
    """

    sentence: Callable[[Feature, float, float | None], str]
    usual: Callable[[Feature, float], str]
    unknown: Callable[[Feature], str]
    never: str = "unknown"


def describe(
    feature: Feature, value: float | None, typical: float | None, amount: float | None = None
) -> str:
    """One line: what happened, and what is usual.

    Args:
        feature: the declared feature.
        value: of the event, None where unknown.
        typical: of honest events, None where it is usually unknown.
        amount: of the event, for sentences that compare it; None leaves it out.

    Returns:
        For example ``this device was used 7 times in the hour before (usual: 0)``.
    """
    wording = _KINDS.get(feature.kind, _PLAIN)
    said = wording.unknown(feature) if value is None else wording.sentence(feature, value, amount)
    usual = wording.never if typical is None else wording.usual(feature, typical)
    return f"{said} (usual: {usual})"


def _whose(feature: Feature) -> _Whose:
    return _WHOSE[feature.entity]


def _before(window: str) -> str:
    """``the hour before``, ``the 7 days before``."""
    length, unit = int(window[:-1]), _UNITS[window[-1]]
    return f"the {unit} before" if length == 1 else f"the {length} {unit}s before"


def _past(feature: Feature) -> str:
    return f"{_whose(feature).past} in {_before(feature.window)}"


def _number(_: Feature, value: float) -> str:
    return number(value)


def _money(_: Feature, value: float) -> str:
    return money(value)


def _duration(_: Feature, value: float) -> str:
    return duration(value)


# -- counts ------------------------------------------------------------------------------------


def _count(feature: Feature, value: float, _: float | None) -> str:
    whose, when = _whose(feature), f"in {_before(feature.window)}"
    if value == 0:
        return f"{whose.this} {whose.did_not} {when}"
    how_often = f"at least {times(value)}" if value >= CAP else times(value)
    return f"{whose.this} {whose.did} {how_often} {when}"


def _distinct(feature: Feature, value: float, _: float | None) -> str:
    what = counted(value, _SINGULAR[feature.unit], feature.unit)
    if feature.unit == "users":
        return f"{what} bought from {_whose(feature).this} in {_before(feature.window)}"
    return f"{_whose(feature).this} bought from {what} in {_before(feature.window)}"


def _same_amount(feature: Feature, value: float, _: float | None) -> str:
    whose = _whose(feature)
    what = counted(value, whose.one, whose.past)
    return f"{what} in {_before(feature.window)} had the same amount"


def _nobody(feature: Feature) -> str:
    """The event does not say who stands behind it."""
    return (
        f"the event names no {_whose(feature).noun}, so nothing is known of {_before_it(feature)}"
    )


def _before_it(feature: Feature) -> str:
    what = {"events": "its use", "currency units": "its amounts"}.get(feature.unit)
    return f"{what or 'the ' + feature.unit + ' behind it'} in {_before(feature.window)}"


# -- money and pace ----------------------------------------------------------------------------


def _amount(_: Feature, value: float, __: float | None) -> str:
    return f"the amount is {money(value)}"


def _log_amount(feature: Feature, value: float, _: float | None) -> str:
    return _amount(feature, math.expm1(value), None)


def _spend(feature: Feature, value: float, _: float | None) -> str:
    return f"the {_past(feature)} add up to {money(value)}"


def _mean(feature: Feature, value: float, _: float | None) -> str:
    return f"the {_past(feature)} were {money(value)} on average"


def _no_mean(feature: Feature) -> str:
    return f"there are no known {_past(feature)} to take an average of"


def _value_ratio(feature: Feature, value: float, amount: float | None) -> str:
    what = "the amount" if amount is None else f"the amount, {money(amount)},"
    if value == 1:
        return f"{what} is what the {_past(feature)} were on average"
    return f"{what} is {multiple(value)} what the {_past(feature)} were on average"


def _nothing_to_compare(feature: Feature) -> str:
    return f"there are no known {_past(feature)} to compare the amount with"


def _ratio(_: Feature, value: float) -> str:
    return "the same" if value == 1 else multiple(value).removesuffix(" of")


def _rate_ratio(feature: Feature, value: float, _: float | None) -> str:
    whose, when = _whose(feature), _before(feature.window)
    if value == 0:
        return f"{whose.this} {whose.did_not} in {when}, but earlier in {_before('24h')}"
    pace = "at" if value == 1 else f"at {multiple(value)}"
    return f"in {when}, {whose.this} {whose.did} {pace} its average pace of {_before('24h')}"


def _no_pace(feature: Feature) -> str:
    return f"nothing is known of {_whose(feature).past} in {_before('24h')}"


# -- time --------------------------------------------------------------------------------------


def _since_previous(feature: Feature, value: float, _: float | None) -> str:
    whose = _whose(feature)
    if value == 0:
        return f"{whose.this} {whose.did} twice at the same moment"
    return f"{whose.this} last {whose.did} {duration(value)} before".replace("last was", "was last")


def _age(feature: Feature, value: float, _: float | None) -> str:
    first = f"the first remembered {_whose(feature).one}"
    return f"{first} was {'at the same moment' if value == 0 else duration(value) + ' before'}"


def _new(feature: Feature) -> str:
    return f"there are no known {_whose(feature).past} in {_LOOK_BACK}"


def _since_signup(_: Feature, value: float, __: float | None) -> str:
    if value == 0:
        return "bought at the very moment of signing up"
    return f"bought {duration(abs(value))} {'after' if value > 0 else 'before'} signing up"


def _log_since_signup(feature: Feature, value: float, _: float | None) -> str:
    return _since_signup(feature, _unlogged(value), None)


def _unlogged(value: float) -> float:
    """Seconds of a logarithm with the sign of the seconds; rounding of float32 is taken out."""
    return float(f"{math.copysign(math.expm1(abs(value)), value):.6g}")


def _hour(_: Feature, value: float) -> str:
    return f"{int(value):02d}:00 to {int(value):02d}:59"


def _weekday(_: Feature, value: float) -> str:
    return _WEEKDAYS[int(value)]


# -- everything else ---------------------------------------------------------------------------


def _about(feature: Feature) -> str:
    if feature.source in VECTOR:
        return f"component {feature.source} of the transaction"
    return _CATEGORIES.get(feature.source, f"the {feature.meaning}")


def _category(feature: Feature, value: float, _: float | None) -> str:
    return f"{_about(feature)} is {_category_name(feature, value)}"


def _category_name(feature: Feature, value: float) -> str:
    name = feature.categories[int(value)]
    if feature.source == "ip_class":
        return _IP_CLASSES[name]
    if feature.source == "country" and name != UNKNOWN:
        return f"{country_name(name)} ({name})"
    return "one that the model does not know" if name == OTHER else name


def _plain(feature: Feature, value: float, _: float | None) -> str:
    return f"{_about(feature)} is {number(value)}"


def _unknown(feature: Feature) -> str:
    return f"{_about(feature)} is unknown"


def _log_money(_: Feature, value: float) -> str:
    return money(math.expm1(value))


def _log_duration(_: Feature, value: float) -> str:
    return duration(_unlogged(value))


_PLAIN = _Wording(_plain, _number, _unknown)
#: Kind of a feature → its wording; the others are ``_PLAIN``.
_KINDS: Mapping[str, _Wording] = {
    "amount": _Wording(_amount, _money, lambda _: "the amount is unknown"),
    "log_amount": _Wording(_log_amount, _log_money, lambda _: "the amount is unknown"),
    "category": _Wording(_category, _category_name, _unknown),
    "hour": _Wording(
        lambda feature, value, _: f"the time of day is {_hour(feature, value)} UTC", _hour, _unknown
    ),
    "weekday": _Wording(
        lambda feature, value, _: f"the day is a {_weekday(feature, value)} (UTC)",
        _weekday,
        _unknown,
    ),
    "since_signup": _Wording(_since_signup, _duration, _unknown),
    "log_since_signup": _Wording(
        _log_since_signup, _log_duration, lambda _: "the time from sign-up to purchase is unknown"
    ),
    "count": _Wording(_count, _number, _nobody),
    "peers": _Wording(_distinct, _number, _nobody),
    "countries": _Wording(_distinct, _number, _nobody),
    "same_amount": _Wording(_same_amount, _number, _nobody),
    "spend": _Wording(_spend, _money, _nobody),
    "mean": _Wording(_mean, _money, _no_mean, "none"),
    "value_ratio": _Wording(_value_ratio, _ratio, _nothing_to_compare, "none to compare with"),
    "rate_ratio": _Wording(_rate_ratio, _ratio, _no_pace, "none"),
    "since_previous": _Wording(_since_previous, _duration, _new, "none before"),
    "age": _Wording(_age, _duration, _new, "none before"),
}
