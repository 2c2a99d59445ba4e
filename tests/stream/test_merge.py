"""Merging partitions in total order, without Kafka."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.batch import order_keys
from stream.merge import NO_TIME, Merged, Merger, Rows

Key = tuple[int, str]


def rows(keys: list[Key], start: int = 0) -> Rows:
    return Rows(
        items=list(keys),
        offset=np.arange(start, start + len(keys)),
        time_ms=np.array([time for time, _ in keys], np.int64),
        order_id=order_keys([event_id for _, event_id in keys]),
    )


def drained(merger: Merger[int], limit: int) -> list[Merged[int]]:
    result = []
    while (merged := merger.take(limit)) is not None:
        result.append(merged)
    return result


keys = st.tuples(st.integers(0, 6), st.text("ab", min_size=1, max_size=3))


@given(
    partitions=st.lists(st.lists(keys, max_size=12, unique=True), min_size=1, max_size=4),
    data=st.data(),
)
def test_partitions_filled_in_order_come_out_in_total_order_however_fetched(
    partitions: list[list[Key]], data: st.DataObject
) -> None:
    merger: Merger[int] = Merger()
    merger.assign(range(len(partitions)))
    left = {number: sorted(content) for number, content in enumerate(partitions)}
    read = dict.fromkeys(left, 0)
    out: list[Key] = []
    while True:
        for merged in drained(merger, data.draw(st.integers(1, 5))):
            out += merged.items
        open_ones = [number for number, content in left.items() if content]
        for number in left:
            if number not in open_ones and not merger.buffered(number):
                merger.set_idle(number, True)
        if not open_ones:
            break
        number = data.draw(st.sampled_from(open_ones))
        size = data.draw(st.integers(1, len(left[number])))
        merger.add(number, rows(left[number][:size], read[number]))
        left[number] = left[number][size:]
        read[number] += size
    while any(merger.buffered(number) for number in left):
        for number in left:
            merger.set_idle(number, not merger.buffered(number))
        for merged in drained(merger, 3):
            out += merged.items
    everything = sorted(
        (key for content in partitions for key in content),
        key=lambda key: (key[0], key[1].encode()),
    )
    assert out == everything


@given(
    partitions=st.lists(st.lists(keys, max_size=12), min_size=1, max_size=4),
    data=st.data(),
)
def test_whatever_the_order_offsets_of_a_partition_are_released_as_a_prefix(
    partitions: list[list[Key]], data: st.DataObject
) -> None:
    merger: Merger[int] = Merger()
    merger.assign(range(len(partitions)))
    position = dict.fromkeys(range(len(partitions)), 0)
    for number, content in enumerate(partitions):
        tagged = Rows(
            [(number, offset) for offset in range(len(content))],
            np.arange(len(content)),
            np.array([time for time, _ in content] or [0][:0], np.int64),
            order_keys([event_id for _, event_id in content]),
        )
        if content:
            cut = data.draw(st.integers(0, len(content)))
            for part in tagged.split(cut):
                if len(part):
                    merger.add(number, part)
        merger.set_idle(number, not content or data.draw(st.booleans()))
    limit = data.draw(st.integers(1, 7))
    for merged in drained(merger, limit):
        assert len(merged) <= limit
        for number, offset in merged.items:
            assert offset == position[number]
            position[number] += 1
        for number, offset in merged.next_offset.items():
            assert offset == position[number]


def test_partition_behind_its_end_holds_the_others_back() -> None:
    merger: Merger[int] = Merger()
    merger.assign([0, 1])
    merger.add(0, rows([(5, "a"), (9, "b")]))
    assert merger.take(10) is None
    assert merger.waiting_for() == [1]
    merger.add(1, rows([(7, "c")]))
    taken = merger.take(10)
    assert taken is not None
    assert taken.items == [(5, "a"), (7, "c")]
    assert taken.next_offset == {0: 1, 1: 1}
    merger.set_idle(1, True)
    rest = merger.take(10)
    assert rest is not None
    assert rest.items == [(9, "b")]


def test_idle_partition_holds_nobody_back_until_it_brings_something() -> None:
    merger: Merger[int] = Merger()
    merger.assign([0, 1])
    merger.set_idle(1, True)
    merger.add(0, rows([(5, "a")]))
    assert merger.take(10) is not None
    merger.add(1, rows([(6, "b")]))
    merger.add(0, rows([(8, "c")], 1))
    taken = merger.take(10)
    assert taken is not None
    assert taken.items == [(6, "b")]


def test_record_without_a_time_goes_with_the_one_before_it() -> None:
    merger: Merger[int] = Merger()
    merger.assign([0, 1])
    merger.add(0, rows([(NO_TIME, ""), (5, "a"), (NO_TIME, ""), (9, "b")]))
    merger.add(1, rows([(6, "c"), (7, "d")]))
    taken = merger.take(10)
    assert taken is not None
    assert [key[0] for key in taken.items] == [NO_TIME, 5, NO_TIME, 6, 7]


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_taking_in_small_pieces_changes_nothing(limit: int) -> None:
    merger: Merger[int] = Merger()
    merger.assign([0, 1])
    merger.add(0, rows([(1, "a"), (3, "c"), (5, "e")]))
    merger.add(1, rows([(2, "b"), (4, "d"), (6, "f")]))
    for number in (0, 1):
        merger.set_idle(number, True)
    out = [item for merged in drained(merger, limit) for item in merged.items]
    assert out == [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e"), (6, "f")]


def test_bytes_of_buffered_rows_are_counted_until_they_are_taken() -> None:
    merger: Merger[int] = Merger()
    merger.assign([0, 1])
    merger.add(0, rows([(1, "a"), (2, "a"), (3, "a"), (4, "a")]), 1000)
    merger.add(1, rows([(2, "a")]), 70)
    assert (merger.buffered_bytes(0), merger.buffered_bytes(1)) == (1000, 70)
    drained(merger, 1)  # up to the last of partition 1
    assert (merger.buffered(0), merger.buffered_bytes(0)) == (2, 500)
    merger.add(0, rows([(5, "a")], 4), 30)
    merger.set_idle(1, True)
    drained(merger, 9)
    assert (merger.buffered_bytes(0), merger.buffered_bytes(1)) == (0, 0)
