"""Events as a sender writes them: valid ones with what they mean, and ways to spoil them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from features.profiles import BANKING_EPOCH_MS, VECTOR

#: The broker's clock in these tests: 2100-01-01.
BROKER_MS = 4_102_444_800_000
MAX_FUTURE_MS = 300_000
LATEST_MS = BROKER_MS + MAX_FUTURE_MS

ECOMMERCE: dict[str, Any] = {
    "event_id": "ecommerce-0a1b2c3d-000000000002",
    "user_id": "22058",
    "signup_time": "2015-02-24T22:55:49.000Z",
    "purchase_time": "2015-04-18T02:47:11.250Z",
    "purchase_value": 34.5,
    "device_id": "QVPSPJUOCKZAR",
    "source": "SEO",
    "browser": "Chrome",
    "sex": "M",
    "age": 39,
    "ip_address": "43.174.12.80",
    "schema": 1,
}
BANKING: dict[str, Any] = {
    "event_id": "banking-0a1b2c3d-000000000002",
    "time": 406,
    **{name: index / 8 - 1.5 for index, name in enumerate(VECTOR)},
    "amount": 149.62,
    "card_id": "card-7",
    "schema": 1,
}
SAMPLES = {"ecommerce": ECOMMERCE, "banking": BANKING}

texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=12)
ids = texts | st.text("ab", min_size=250, max_size=256)
integers = st.integers(-(2**53), 2**53)
amounts = st.integers(0, 10_000 * 10**9)
#: Any JSON value at all.
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)


@dataclass(frozen=True)
class Written:
    """A valid event: its JSON fields, and what a batch is to hold for it."""

    fields: dict[str, Any]
    time_ms: int
    amount: int
    text: dict[str, str | None]
    number: dict[str, float | None]


@st.composite
def written_times(draw: st.DrawFn, last_ms: int = LATEST_MS) -> tuple[str, int]:
    """A time in one of the many ways to write it, and its milliseconds."""
    fraction = draw(st.sampled_from(("", "ms", "us", "ns")))
    # Not within a day of the borders: the text may be that of another zone.
    time_ms = draw(st.integers(86_400_000, last_ms))
    if not fraction:
        time_ms -= time_ms % 1000
    zone = draw(st.sampled_from(("", "Z", "+00:00", "+02", "+0530", "-09:30", "+14:00")))
    minutes = {"": 0, "Z": 0, "+02": 120, "+0530": 330, "-09:30": -570, "+14:00": 840}.get(zone, 0)
    local = datetime(1970, 1, 1, tzinfo=timezone(timedelta(minutes=minutes)))
    moment = local + timedelta(milliseconds=time_ms) + timedelta(minutes=minutes)
    separator = draw(st.sampled_from("T "))
    text = moment.strftime(f"%Y-%m-%d{separator}%H:%M:%S")
    if fraction:
        text += draw(st.sampled_from(".,")) + f"{time_ms % 1000:03d}"
        # What is smaller than a millisecond does not count, however close to the next it is.
        text += {"ms": "", "us": "999", "ns": "999999"}[fraction]
    return text + zone, time_ms


@st.composite
def addresses(draw: st.DrawFn) -> tuple[str | int | None, str | None]:
    """An IP address as written, and in canonical form."""
    octets = draw(st.tuples(*[st.integers(0, 255)] * 4))
    dotted = ".".join(map(str, octets))
    a, b, c, d = octets
    return draw(
        st.sampled_from(
            [
                (dotted, dotted),
                (((a * 256 + b) * 256 + c) * 256 + d, dotted),
                (f"::ffff:{dotted}", dotted),
                (f"::FFFF:{a * 256 + b:x}:{c * 256 + d:x}", dotted),
                (f"2001:0DB8:0:0:0:0:0:{a:x}", f"2001:db8::{a:x}" if a else "2001:db8::"),
                (None, None),
                ("", None),
            ]
        )
    )


@st.composite
def ecommerce_events(draw: st.DrawFn) -> Written:
    """A valid purchase."""
    purchase, time_ms = draw(written_times())
    signup, signup_ms = draw(written_times())
    units = draw(amounts)
    user, device = draw(ids | integers), draw(ids | integers)
    address, canonical = draw(addresses())
    fields: dict[str, Any] = {
        "event_id": draw(ids),
        "user_id": user,
        "signup_time": signup,
        "purchase_time": purchase,
        "purchase_value": units / 10_000,
        "device_id": device,
        "ip_address": address,
        "source": draw(texts | st.just("") | st.none()),
        "browser": draw(texts | st.none()),
        "sex": draw(texts | st.none()),
        "age": draw(st.none() | st.integers(0, 150) | st.floats(0, 150)),
        "schema": draw(st.integers(1, 99)),
    }
    for name in ("source", "browser", "sex", "age", "ip_address", "schema"):
        if fields[name] is None and draw(st.booleans()):
            del fields[name]
    if draw(st.booleans()):
        del fields["schema"]
    text = {
        "user_id": str(user),
        "device_id": str(device),
        "ip_address": canonical,
        **{name: fields.get(name) or None for name in ("source", "browser", "sex")},
    }
    number: dict[str, float | None] = {"signup_ms": signup_ms, "age": fields.get("age")}
    return Written(fields, time_ms, units, text, number)


@st.composite
def banking_events(draw: st.DrawFn) -> Written:
    """A valid card transaction."""
    time: str | float
    if draw(st.booleans()):
        time, time_ms = draw(written_times())
    else:
        since = draw(st.integers(0, LATEST_MS - BANKING_EPOCH_MS))
        time, time_ms = since / 1000, BANKING_EPOCH_MS + since
        if since % 1000 == 0 and draw(st.booleans()):
            time = since // 1000
    component = st.floats(-1e15, 1e15, exclude_min=True, exclude_max=True) | st.integers(-9, 9)
    pool = draw(st.lists(component, min_size=1, max_size=5))
    vector = {name: pool[index % len(pool)] for index, name in enumerate(VECTOR)}
    units = draw(amounts)
    card = draw(st.none() | ids | integers)
    fields: dict[str, Any] = {"event_id": draw(ids), "time": time, **vector}
    fields["amount"] = units / 10_000
    if card is not None or draw(st.booleans()):
        fields["card_id"] = card
    text = {"card_id": None if card is None else str(card)}
    return Written(fields, time_ms, units, text, dict(vector))


events = {"ecommerce": ecommerce_events(), "banking": banking_events()}


@st.composite
def encoded(draw: st.DrawFn, fields: dict[str, Any]) -> bytes:
    """The fields as JSON: from any one on, with or without spaces, escapes or none."""
    order = list(fields)
    turn = draw(st.integers(0, len(order)))
    order = order[turn:] + order[:turn]
    separators = draw(st.sampled_from(((",", ":"), (", ", ": "), (" ,\n", "\t: "))))
    text = json.dumps(
        {name: fields[name] for name in order},
        ensure_ascii=draw(st.booleans()),
        separators=separators,
    )
    return draw(st.sampled_from(("", " \r\n"))).encode() + text.encode()


@st.composite
def spoilt(draw: st.DrawFn, value: bytes) -> bytes:
    """``value`` with some bytes put in, taken out or replaced."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(value)))
        gone = draw(st.integers(0, 4))
        put = draw(
            st.binary(max_size=3)
            | st.sampled_from(
                (b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"null", b"NaN", b"1e999", b"-",
                 b"\\ud800", b"\\u0000", b"\xff", b"9" * 20, b"true", b'"age":1,', b'"x":{},',
                 b'"schema":1,', b'"\\u0061ge":2,')
            )
        )  # fmt: skip
        value = value[:at] + put + value[at + gone :]
    return value
