from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.messages import Label
from features.batch import AMOUNT_SCALE, MAX_AMOUNT, EventBatch
from features.rules_of_fields import amounts_in_units
from features.validation import decode, to_batch
from producer.encode import amounts, encode_events, encode_labels
from tests.producer.batches import START, batches, plain_batch

BROKER_MS = 7_289_654_400_000


def assert_same(first: EventBatch, second: EventBatch) -> None:
    assert first.event_id == second.event_id
    assert first.order_id.tolist() == second.order_id.tolist()
    assert first.time_ms.tolist() == second.time_ms.tolist()
    assert first.amount.tolist() == second.amount.tolist()
    assert first.text == second.text
    assert first.number.keys() == second.number.keys()
    for name, column in first.number.items():
        np.testing.assert_array_equal(column, second.number[name], err_msg=name)


@pytest.mark.parametrize("profile", ["ecommerce", "banking"])
@given(data=st.data())
def test_an_event_read_back_is_the_same_event(profile: str, data: st.DataObject) -> None:
    batch = data.draw(batches(profile))
    values = encode_events(batch)
    decoded = decode(profile, values, [BROKER_MS] * len(values), 0)
    assert decoded.rejected == {}
    assert_same(to_batch(profile, [event for event in decoded.event if event]), batch)


@given(st.lists(st.integers(0, MAX_AMOUNT * AMOUNT_SCALE), min_size=1))
def test_amounts_are_exact_and_shortest(units: list[int]) -> None:
    written = [orjson.dumps(amount) for amount in amounts(np.array(units, np.int64))]
    read = np.array([float(text) for text in written])
    back, accepted = amounts_in_units(read)
    assert accepted.all()
    assert back.tolist() == units
    for text, unit in zip(written, units, strict=True):
        if unit % AMOUNT_SCALE == 0:
            assert text == str(unit // AMOUNT_SCALE).encode()


def test_an_ecommerce_event_has_the_fields_of_the_contract() -> None:
    (value,) = encode_events(plain_batch([START + 5]))
    assert orjson.loads(value) == {
        "schema": 1,
        "event_id": "e000000",
        "user_id": "u0",
        "signup_time": "2014-12-31T23:59:00.005Z",
        "purchase_time": "2015-01-01T00:00:00.005Z",
        "purchase_value": 0,
        "device_id": "d0",
        "source": "SEO",
        "browser": None,
        "sex": "F",
        "age": 30,
        "ip_address": "203.0.113.7",
    }
    assert b'"age":30,' in value


def test_a_label_has_the_fields_of_the_contract() -> None:
    import msgspec

    (value,) = encode_labels(
        "banking", ["x"], np.array([1], np.int8), np.array([START], np.int64), "replay"
    )
    assert msgspec.json.decode(value, type=Label) == Label(
        event_id="x",
        profile="banking",
        label=1,
        labelled_at="2015-01-01T00:00:00.000Z",
        source="replay",
    )
