"""The rules of validation in full, for one message at a time, and what an accepted one becomes.

``features.validation`` recognises most good messages by the column; every other one comes here,
where it is either accepted after all or refused with its reason. This module is the definition;
the columns are its fast path.

Order of the rules: payload there and not too large, JSON, no field twice, required fields there,
then each field's type and value in the order of the contract, then the event time against the
broker's clock.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import accumulate
from typing import Any, NoReturn

import msgspec

from core.errors import RejectedEvent
from core.messages import EVENTS
from core.names import MAX_MESSAGE_BYTES, RejectCode
from features import rules_of_fields as rules
from features import rules_of_times as times
from features.batch import order_keys
from features.profiles import BANKING, ECOMMERCE, VECTOR, profile_spec

#: Objects and arrays inside each other, beyond which a message is refused.
MAX_DEPTH = 64
#: Digits of an integer that are looked at; more than enough to see that it is beyond 2^53.
_MAX_DIGITS = 400
#: The closing quote may be missing: a string that never ends must not be tried from every quote.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_NOT_BRACKET = re.compile(r"[^\[\]{}]+")


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """One valid event, its values in the form that an ``EventBatch`` holds.

    Attributes:
        event_id: as it came.
        order_id: its order key, as an element of ``features.batch.order_keys``.
        time_ms: event time, milliseconds since 1970 UTC.
        amount: 10⁻⁴ currency units.
        text: values of the profile's ``text`` columns, in their order.
        number: values of the profile's ``number`` columns, in their order.
    """

    event_id: str
    order_id: bytes
    time_ms: int
    amount: int
    text: tuple[str | None, ...]
    number: tuple[float, ...]


def examine(profile: str, value: bytes | None, latest_ms: int) -> Accepted:
    """Apply every rule to one message.

    Args:
        profile: name of the profile.
        value: the message as it came; None is a tombstone.
        latest_ms: the latest event time that is believed, milliseconds since 1970 UTC.

    Raises:
        RejectedEvent: the first rule that it breaks.
    """
    if not value:
        raise RejectedEvent(
            RejectCode.EMPTY, "the message has no value: publish one JSON object per event"
        )
    # Compressed, it may still have passed the topic's own limit.
    if len(value) > MAX_MESSAGE_BYTES:
        raise RejectedEvent(
            RejectCode.TOO_LARGE,
            f"the message has {len(value)} bytes: send at most {MAX_MESSAGE_BYTES}",
        )
    fields = _known_fields(profile, value)
    for name in profile_spec(profile).required:
        if fields.get(name) is None:
            state = "is null" if name in fields else "is missing"
            raise RejectedEvent(
                RejectCode.MISSING_FIELD, f"{name} {state}: every {profile} event needs it", name
            )
    accepted = _READERS[profile](fields)
    _schema(fields)
    if accepted.time_ms > latest_ms:
        name = profile_spec(profile).time
        raise rules.refused(
            RejectCode.FUTURE_TIME,
            name,
            fields[name],
            f"is {(accepted.time_ms - latest_ms) / 1000:.3f} s too late for the broker's clock",
            "check the sender's clock and time zone",
        )
    return accepted


def _known_fields(profile: str, value: bytes) -> Mapping[str, Any]:
    """The fields of the message that the profile knows, none of them twice."""
    pairs = _pairs(value)
    known = EVENTS[profile].__struct_fields__
    counts = Counter(name for name, _ in pairs if name in known)
    for name, count in counts.items():
        if count > 1:
            raise RejectedEvent(
                RejectCode.DUPLICATE_KEY,
                f"{name} is given {count} times: give every field once",
                name,
            )
    return {name: content for name, content in pairs if name in counts}


class _Object(list[tuple[str, Any]]):
    """A JSON object with its repeated keys; a type of its own tells it from an array."""

    def __repr__(self) -> str:
        return repr(dict(self))


def _pairs(value: bytes) -> _Object:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"byte {error.start} is not UTF-8", "encode the JSON as UTF-8") from None
    # Counted before parsing: the parser's own limit depends on how deep its caller stands.
    depth = _depth(text)
    if depth > MAX_DEPTH:
        raise _malformed(f"it is nested {depth} deep", f"nest at most {MAX_DEPTH}")
    try:
        parsed = json.loads(
            text, object_pairs_hook=_Object, parse_int=_integer, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        near = rules.shown(text[error.pos : error.pos + 40])
        raise _malformed(
            f"{error.msg}, character {error.pos}, near {near}", "send one JSON object"
        ) from None
    if not isinstance(parsed, _Object):
        raise _malformed(f"it is {_kind(parsed)}", "send one JSON object")
    return parsed


def _malformed(why: str, remedy: str) -> RejectedEvent:
    return RejectedEvent(RejectCode.MALFORMED_JSON, f"the message is not JSON: {why}: {remedy}")


def _depth(text: str) -> int:
    brackets = _NOT_BRACKET.sub("", _STRING.sub("", text))
    return max(accumulate(1 if bracket in "[{" else -1 for bracket in brackets), default=0)


def _integer(digits: str) -> int:
    # Python refuses to read integers of more than 4300 digits, and takes quadratic time to.
    return int(digits[:_MAX_DIGITS])


def _no_constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is no JSON number", "leave the field out or send null")


def _kind(value: object) -> str:
    names: dict[type, str] = {
        str: "a text", bool: "a boolean", int: "a number", float: "a number",
        type(None): "null", _Object: "an object", list: "an array",
    }  # fmt: skip
    return names[type(value)]


def _typed(fields: Mapping[str, Any], name: str, kinds: tuple[type, ...], expected: str) -> Any:
    """The field's value, None where it is missing or null."""
    value = fields.get(name)
    # By exact type: in Python, true is an integer.
    if value is not None and type(value) not in kinds:
        raise rules.refused(
            RejectCode.WRONG_TYPE, name, value, f"is {_kind(value)}", f"send {expected}"
        )
    return value


def _text(fields: Mapping[str, Any], name: str) -> Any:
    return _typed(fields, name, (str,), "a text")


def _number(fields: Mapping[str, Any], name: str) -> Any:
    return _typed(fields, name, (float, int), "a number")


def _entity(fields: Mapping[str, Any], name: str) -> str | None:
    value = _typed(fields, name, (str, int), "a text or an integer")
    return None if value is None else rules.identifier(name, value)


def _order_id(event_id: str) -> bytes:
    # An array drops the zero bytes in which the hash of a long id may end.
    return bytes(order_keys([event_id])[0])


def _schema(fields: Mapping[str, Any]) -> None:
    if "schema" not in fields:
        return
    value = fields["schema"]
    if type(value) is not int:
        raise rules.refused(
            RejectCode.WRONG_TYPE, "schema", value, f"is {_kind(value)}", "send an integer"
        )
    if rules.whole_number("schema", value) < 1:
        raise rules.refused(
            RejectCode.OUT_OF_RANGE, "schema", value, "is no version", "send 1 or leave it out"
        )


def _ecommerce(fields: Mapping[str, Any]) -> Accepted:
    event_id = rules.identifier("event_id", _text(fields, "event_id"))
    user_id = _entity(fields, "user_id")
    signup_ms = times.written_time("signup_time", _text(fields, "signup_time"))
    time_ms = times.written_time("purchase_time", _text(fields, "purchase_time"))
    amount = rules.amount_in_units("purchase_value", _number(fields, "purchase_value"))
    device_id = _entity(fields, "device_id")
    source, browser, sex = (
        rules.category(name, _text(fields, name)) for name in ("source", "browser", "sex")
    )
    age = rules.age_in_years("age", _number(fields, "age"))
    ip_address = rules.ip_text(
        "ip_address", _typed(fields, "ip_address", (str, int), "a text or an integer")
    )
    return Accepted(
        event_id,
        _order_id(event_id),
        time_ms,
        amount,
        (user_id, device_id, source, browser, sex, ip_address),
        (float(signup_ms), age),
    )


def _banking(fields: Mapping[str, Any]) -> Accepted:
    event_id = rules.identifier("event_id", _text(fields, "event_id"))
    time = _typed(fields, "time", (str, float, int), "an ISO 8601 text or a number of seconds")
    read = times.written_time if isinstance(time, str) else times.banking_time
    time_ms = read("time", time)
    vector = tuple(rules.component(name, _number(fields, name)) for name in VECTOR)
    amount = rules.amount_in_units("amount", _number(fields, "amount"))
    card_id = _entity(fields, "card_id")
    return Accepted(event_id, _order_id(event_id), time_ms, amount, (card_id,), vector)


_READERS: dict[str, Callable[[Mapping[str, Any]], Accepted]] = {
    ECOMMERCE.name: _ecommerce,
    BANKING.name: _banking,
}
