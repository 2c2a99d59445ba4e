"""Events that are delivered again, as after a crash or a rebalance: nothing changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st

from features.batch import EventBatch
from features.compaction import compacted
from features.declared import HORIZON_MS
from features.redis_wire import RedisWire
from features.wire import Call, key_of, pack, unpack
from tests.features.events import arrivals, country_of, micro_batches
from tests.features.states import FreshStates, OwnState, against_redis, cut

pytestmark = pytest.mark.integration


@st.composite
def deliveries(draw: st.DrawFn) -> tuple[EventBatch, list[range]]:
    """Events in order of arrival, and what is delivered of them, range after range.

    A range begins at or before what was not delivered yet: nothing is skipped.
    """
    batch = draw(arrivals())
    if draw(st.booleans()):
        batch = batch.take(batch.in_total_order())
    ranges: list[range] = []
    reached = 0
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, reached))
        ranges.append(range(start, draw(st.integers(start, len(batch)))))
        reached = max(reached, ranges[-1].stop)
    ranges.append(range(draw(st.integers(0, reached)), len(batch)))
    return batch, [one for one in ranges if len(one)]


class BreakingWire(RedisWire):
    """Breaks off after so many commands, each time after another number of them."""

    def __init__(self, url: str, after: Sequence[int]) -> None:
        super().__init__(redis.Redis.from_url(url))
        self._after = iter(after)

    def send(self, keys: Sequence[bytes], parts: Sequence[bytes], replies: Sequence[int]) -> Call:
        commands = unpack(b"".join(parts))
        done = commands[: next(self._after, len(commands))]
        call = super().send([*map(key_of, done)], [pack([one]) for one in done], [1] * len(done))
        if len(done) < len(commands):
            self.receive(call)
            raise redis.ConnectionError("broken off")
        return call


def compacted_logs(state: OwnState) -> dict[bytes, bytes]:
    return {key: compacted(log) for key, log in state.logs().items()}


@against_redis(60)
@given(delivered=deliveries(), sizes=st.lists(micro_batches(), min_size=6, max_size=6))
def test_redelivered_ranges_change_neither_state_nor_features(
    delivered: tuple[EventBatch, list[range]], sizes: list[list[int]], fresh_state: FreshStates
) -> None:
    batch, ranges = delivered
    once, again = fresh_state(batch.profile), fresh_state(batch.profile)
    plain = once.put(batch)
    for rows, pieces in zip(ranges, sizes, strict=False):
        found = again.put(batch.take(rows), pieces)
        for entity, expected in plain.items():
            np.testing.assert_array_equal(found[entity], expected[rows], err_msg=entity)
    assert compacted_logs(again) == compacted_logs(once)


@against_redis(60)
@given(batch=arrivals(), sizes=micro_batches(), again=micro_batches())
def test_whole_history_delivered_again_finds_its_features_in_compacted_logs(
    batch: EventBatch, sizes: list[int], again: list[int], fresh_state: FreshStates
) -> None:
    """The look-back is kept for every event that is at most the horizon behind the newest."""
    state = fresh_state(batch.profile)
    first = state.put(batch, sizes)
    state.compact()
    logs = state.logs()
    second = state.put(batch, again, np.zeros(len(batch), np.bool_))
    recent = batch.time_ms > batch.time_ms.max() - HORIZON_MS
    for entity, expected in first.items():
        np.testing.assert_array_equal(second[entity][recent], expected[recent], err_msg=entity)
    assert state.logs() == logs


@against_redis(60)
@given(
    batch=arrivals(),
    sizes=micro_batches(),
    after=st.lists(st.integers(0, 60), max_size=12),
)
def test_steps_broken_off_anywhere_and_repeated_change_neither_state_nor_features(
    batch: EventBatch, sizes: list[int], after: list[int], fresh_state: FreshStates
) -> None:
    once, broken = fresh_state(batch.profile), fresh_state(batch.profile)
    plain = once.put(batch, sizes)
    country = country_of(batch)
    wire = BreakingWire(fresh_state.url, after)
    state = broken.writer(wire)
    for rows in cut(len(batch), sizes):
        while True:
            try:
                step = state.step(batch.take(rows), country[rows])
            except redis.ConnectionError:
                continue
            break
        for entity, expected in plain.items():
            np.testing.assert_array_equal(step.quantities[entity], expected[rows], err_msg=entity)
    assert compacted_logs(broken) == compacted_logs(once)
    wire.close()
