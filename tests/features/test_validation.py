"""Laws of validation: what comes in is an event or a refusal, and good events keep their value."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import RejectedEvent
from core.messages import EVENTS
from core.names import RejectCode
from features.batch import order_key, order_keys
from features.profiles import profile_spec
from features.validation import NO_TIME, Decoded, decode, to_batch
from features.validation_one import Accepted, examine
from tests.features.written_events import (
    BROKER_MS,
    LATEST_MS,
    MAX_FUTURE_MS,
    SAMPLES,
    encoded,
    events,
    json_values,
    spoilt,
)

profiles = pytest.mark.parametrize("profile", ["ecommerce", "banking"])


def decoded(profile: str, values: list[bytes | None]) -> Decoded:
    return decode(profile, values, [BROKER_MS] * len(values), MAX_FUTURE_MS)


def accepted(result: Decoded) -> list[Accepted]:
    assert not result.rejected
    return [event for event in result.event if event is not None]


def one_by_one(profile: str, value: bytes | None) -> Accepted | tuple[str, str, str]:
    try:
        return examine(profile, value, LATEST_MS)
    except RejectedEvent as refusal:
        return (refusal.code, refusal.field, refusal.message)


def same_event(one: Accepted, other: Accepted) -> bool:
    """Equal, unknown ages (NaN) included."""
    return repr(one) == repr(other)


def assert_as_one_by_one(profile: str, values: list[bytes | None]) -> None:
    result = decoded(profile, values)
    assert len(result.event) == len(result.time_ms) == len(result.order_id) == len(values)
    for row, value in enumerate(values):
        expected = one_by_one(profile, value)
        event = result.event[row]
        if event is None:
            refusal = result.rejected[row]
            assert (refusal.code, refusal.field, refusal.message) == expected
            assert (result.time_ms[row], result.order_id[row]) == (NO_TIME, b"")
        else:
            assert row not in result.rejected
            assert isinstance(expected, Accepted)
            assert same_event(event, expected)
            assert result.time_ms[row] == event.time_ms <= LATEST_MS
            assert result.order_id[row] == event.order_id


@profiles
@given(data=st.data())
def test_valid_events_keep_their_values(profile: str, data: st.DataObject) -> None:
    written = data.draw(st.lists(events[profile], min_size=1, max_size=4))
    values: list[bytes | None] = [data.draw(encoded(one.fields)) for one in written]
    result = decoded(profile, values)
    batch = to_batch(profile, accepted(result))
    spec = profile_spec(profile)
    assert batch.profile == profile
    assert batch.event_id == [one.fields["event_id"] for one in written]
    assert batch.time_ms.tolist() == result.time_ms.tolist() == [one.time_ms for one in written]
    assert batch.amount.tolist() == [one.amount for one in written]
    assert (batch.order_id == order_keys(batch.event_id)).all()
    assert tuple(batch.text) == spec.text
    assert tuple(batch.number) == spec.number
    for name, texts in batch.text.items():
        assert texts == [one.text[name] for one in written]
    for name, numbers in batch.number.items():
        expected = [one.number[name] for one in written]
        np.testing.assert_array_equal(
            numbers, [math.nan if value is None else float(value) for value in expected]
        )


@profiles
@given(values=st.lists(st.binary(max_size=40) | st.none(), max_size=5))
def test_any_bytes_are_refused_without_another_error(
    profile: str, values: list[bytes | None]
) -> None:
    assert_as_one_by_one(profile, values)


@profiles
@given(values=st.lists(json_values, max_size=5))
def test_any_json_is_an_event_or_a_refusal(profile: str, values: list[Any]) -> None:
    assert_as_one_by_one(profile, [json.dumps(value).encode() for value in values])


@profiles
@given(data=st.data())
def test_columns_decide_like_the_rules_one_by_one(profile: str, data: st.DataObject) -> None:
    values: list[bytes | None] = []
    for one in data.draw(st.lists(events[profile], min_size=1, max_size=4)):
        value = data.draw(encoded(one.fields))
        values.append(data.draw(spoilt(value)) if data.draw(st.booleans()) else value)
    assert_as_one_by_one(profile, values)


@profiles
@given(data=st.data())
def test_any_json_value_in_any_field_is_judged_alike(profile: str, data: st.DataObject) -> None:
    values: list[bytes | None] = []
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(EVENTS[profile].__struct_fields__))
        fields = SAMPLES[profile] | {name: data.draw(json_values)}
        values.append(json.dumps(fields).encode())
    assert_as_one_by_one(profile, values)


@profiles
@given(data=st.data())
def test_a_field_given_twice_is_always_found(profile: str, data: st.DataObject) -> None:
    fields = data.draw(events[profile]).fields
    name = data.draw(st.sampled_from(sorted(fields)))
    spelling = "".join(
        f"\\u{ord(letter):04x}" if data.draw(st.booleans()) else letter for letter in name
    )
    again = data.draw(json_values | st.just(fields[name]))
    members = [json.dumps({key: value})[1:-1] for key, value in fields.items()]
    if data.draw(st.booleans()):
        members.append('"unknown":{"age":"\\"","age":[]}')
    members.insert(data.draw(st.integers(0, len(members))), f'"{spelling}" :{json.dumps(again)}')
    result = decoded(profile, [f"{{{','.join(members)}}}".encode()])
    assert result.rejected[0].code == RejectCode.DUPLICATE_KEY
    assert result.rejected[0].field == name


@profiles
@given(data=st.data())
def test_unknown_fields_change_nothing(profile: str, data: st.DataObject) -> None:
    fields = data.draw(events[profile]).fields
    more = data.draw(st.dictionaries(st.text(max_size=5).map("x{}".format), json_values))
    plain = data.draw(encoded(fields))
    extended = data.draw(encoded(fields | more))
    without, with_more = accepted(decoded(profile, [plain, extended]))
    assert same_event(without, with_more)


@profiles
@given(data=st.data())
def test_neighbours_do_not_matter(profile: str, data: st.DataObject) -> None:
    values: list[bytes | None] = [
        data.draw(encoded(data.draw(events[profile]).fields)),
        b"{",
        None,
        data.draw(encoded(data.draw(events[profile]).fields)),
    ]
    order = data.draw(st.permutations(range(len(values))))
    together = decoded(profile, [values[row] for row in order])
    for at, row in enumerate(order):
        alone = decoded(profile, [values[row]])
        assert repr(together.event[at]) == repr(alone.event[0])
        assert repr(together.rejected.get(at)) == repr(alone.rejected.get(0))


@profiles
def test_nothing_fetched_gives_nothing(profile: str) -> None:
    result = decoded(profile, [])
    assert (result.event, result.rejected) == ([], {})
    assert result.time_ms.shape == result.order_id.shape == (0,)
    batch = to_batch(profile, [])
    assert len(batch) == 0
    assert tuple(batch.text) == profile_spec(profile).text


def test_every_message_is_measured_by_its_own_broker_time() -> None:
    value = json.dumps(SAMPLES["ecommerce"]).encode()
    time_ms = int(decoded("ecommerce", [value]).time_ms[0])
    result = decode("ecommerce", [value, value], [time_ms, time_ms - 1], 0)
    assert result.event[0] is not None
    assert result.rejected[1].code == RejectCode.FUTURE_TIME


def test_a_long_id_is_ordered_by_its_key_and_kept_whole() -> None:
    # Also where the key ends in a zero byte, which arrays of bytes do not keep.
    zero = next(text for n in range(10_000) if len(order_key(text := f"{'e' * 41}{n}")) < 40)
    for event_id in ("e" * 256, zero):
        value = json.dumps(SAMPLES["ecommerce"] | {"event_id": event_id}).encode()
        result = decoded("ecommerce", [value])
        (event,) = accepted(result)
        assert event.order_id == result.order_id[0] == order_keys([event_id])[0]
        assert same_event(event, examine("ecommerce", value, LATEST_MS))
        assert to_batch("ecommerce", [event]).event_id == [event_id]
