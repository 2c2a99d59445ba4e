from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, islice

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DataError
from features.batch import order_key
from producer.plan import Plan, make_plan
from tests.producer.batches import START, labels_of, plain_batch


@dataclass(frozen=True)
class Record:
    position: int
    number: int
    time_ms: int
    is_label: bool
    event_id: str
    key: str
    value: bytes


def records(plan: Plan, position: int = 0, size: int = 7) -> list[Record]:
    return list(islice(_records(plan, position, size), 10_000))


def _records(plan: Plan, position: int, size: int) -> chain[Record]:
    return chain.from_iterable(
        [
            Record(chunk.position + i, *row)
            for i, row in enumerate(
                zip(
                    chunk.event_number.tolist(),
                    chunk.time_ms.tolist(),
                    chunk.is_label,
                    chunk.ids,
                    chunk.keys,
                    chunk.values,
                    strict=True,
                )
            )
        ]
        for chunk in plan.chunks(position, size)
    )


plans = st.builds(
    lambda gaps, limit, loop, delay: make_plan(
        plain_batch([START + gap for gap in gaps]),
        labels_of(plain_batch(gaps)),
        limit=limit,
        loop=loop,
        label_delay_ms=delay,
    ),
    gaps=st.lists(st.integers(0, 40), min_size=1, max_size=20),
    limit=st.integers(1, 60),
    loop=st.booleans(),
    delay=st.none() | st.integers(0, 100),
)


def test_events_stand_in_total_order() -> None:
    plan = make_plan(
        plain_batch([START + 5, START, START + 5], ["b", "z", "a"]), np.zeros(3, np.int8)
    )
    assert [record.event_id for record in records(plan)] == ["z", "a", "b"]


@given(plans)
def test_any_position_continues_the_same_sequence(plan: Plan) -> None:
    whole = records(plan)
    assert [record.position for record in whole] == list(range(len(whole)))
    for position in (0, 1, len(whole) // 2, len(whole)):
        assert records(plan, position, size=3) == whole[position:]


@given(plans)
def test_events_are_in_total_order_over_all_laps_and_each_is_there_once(plan: Plan) -> None:
    events = [record for record in records(plan) if not record.is_label]
    order = [(event.time_ms, order_key(event.event_id)) for event in events]
    assert order == sorted(order)
    assert len({event.event_id for event in events}) == len(events) == plan.events
    assert [event.number for event in events] == list(range(len(events)))


@given(plans)
def test_every_label_comes_in_time_behind_its_event(plan: Plan) -> None:
    sent = records(plan)
    assert sorted(sent, key=lambda record: record.time_ms) == sent
    delay = plan.label_delay_ms
    events = {record.event_id: record for record in sent if not record.is_label}
    labels = [record for record in sent if record.is_label]
    assert len(labels) == plan.labels() == (0 if delay is None else len(events))
    for label in labels:
        event = events[label.event_id]
        assert delay is not None
        assert label.time_ms == event.time_ms + delay
        assert label.position > event.position
        assert label.key == label.event_id


def test_labels_wait_for_their_delay_in_event_time() -> None:
    plan = make_plan(
        plain_batch([START, START + 10, START + 20]),
        np.array([1, -1, 0], np.int8),
        label_delay_ms=10,
    )
    assert [(record.event_id, record.is_label) for record in records(plan)] == [
        ("e000000", False),
        ("e000001", False),
        ("e000000", True),
        ("e000002", False),
        ("e000002", True),
    ]


def test_laps_are_moved_by_the_span_and_their_ids_say_so() -> None:
    plan = make_plan(plain_batch([START, START + 999]), np.zeros(2, np.int8), limit=5, loop=True)
    assert [(record.event_id, record.time_ms - START) for record in records(plan)] == [
        ("e000000", 0),
        ("e000001", 999),
        ("e000000-l1", 1000),
        ("e000001-l1", 1999),
        ("e000000-l2", 2000),
    ]


def test_a_lap_moves_sign_up_times_with_the_events() -> None:
    plan = make_plan(plain_batch([START]), np.zeros(1, np.int8), limit=2, loop=True)
    first, second = (orjson.loads(record.value) for record in records(plan.shifted(3_600_000)))
    assert first["signup_time"] == "2015-01-01T00:59:00.000Z"
    assert first["purchase_time"] == "2015-01-01T01:00:00.000Z"
    assert second["signup_time"] == "2015-01-01T00:59:00.001Z"
    assert second["purchase_time"] == "2015-01-01T01:00:00.001Z"


def test_a_suffix_that_reverses_two_ids_leaves_the_lap_in_order() -> None:
    """'a' < 'a!' but 'a-l1' > 'a!-l1'."""
    plan = make_plan(
        plain_batch([START, START], ["a", "a!"]), np.zeros(2, np.int8), limit=4, loop=True
    )
    assert [record.event_id for record in records(plan)] == ["a", "a!", "a!-l1", "a-l1"]


def test_endless_laps_go_on() -> None:
    plan = make_plan(plain_batch([START]), np.zeros(1, np.int8), loop=True)
    assert [record.event_id for record in islice(_records(plan, 1000, 7), 2)] == [
        "e000000-l1000",
        "e000000-l1001",
    ]


def test_start_is_inclusive_and_end_exclusive() -> None:
    batch = plain_batch([START, START + 1, START + 2, START + 3])
    plan = make_plan(batch, np.zeros(4, np.int8), start_ms=START + 1, end_ms=START + 3, limit=9)
    assert [record.event_id for record in records(plan)] == ["e000001", "e000002"]


def test_nothing_to_replay_is_an_error() -> None:
    with pytest.raises(DataError, match="--start"):
        make_plan(plain_batch([START]), np.zeros(1, np.int8), start_ms=START + 1)


@given(plans)
def test_the_fingerprint_tells_sequences_apart_and_ignores_the_shift(plan: Plan) -> None:
    assert plan.shifted(5).fingerprint() == plan.fingerprint()
    assert plan.events is not None
    more = make_plan(plan.batch, plan.label, limit=plan.events + 1, loop=True)
    assert more.fingerprint() != plan.fingerprint()
    later = make_plan(
        plan.batch.take(np.arange(len(plan.batch))), 1 - plan.label, limit=plan.events, loop=True
    )
    assert later.fingerprint() != plan.fingerprint()
