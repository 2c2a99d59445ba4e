"""Several writers of one state, as during a rebalance: nothing is lost and nothing comes twice.

Each log keeps the order in which its events came, so it says itself what each of them had to see.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.batch import EventBatch, order_key
from features.compaction import COMPACT_ABOVE, Compactor, compacted
from features.declared import CAP, LOOK_BACK_MS, SLACK
from features.entry import ENTRY_BYTES
from features.online import VelocityState
from features.open_wire import open_wire
from features.wire import Wire
from tests.features.events import (
    START,
    Quantities,
    arrivals,
    as_oracle,
    country_of,
    events_of,
    make_batch,
    micro_batches,
)
from tests.features.oracle import Event, quantities
from tests.features.states import FreshStates, OwnState, against_redis, cut, ids_in, joined
from tests.features.turns import PausingWire, Turn, interleave

pytestmark = pytest.mark.integration

#: Batches in which nothing is too old to be kept.
histories = arrivals(longest_gap_ms=LOOK_BACK_MS + 1)


def arrived_in(state: OwnState, events: dict[str, list[Event]]) -> dict[str, list[Event]]:
    """For each kind of entity the events in the order in which each log got them.

    Asserts that every event stands in the compacted log of its entity exactly once, and that
    nothing else does.
    """
    logs: dict[str, list[list[bytes]]] = defaultdict(list)
    for key, log in state.logs().items():
        logs[key.split(b":")[0].decode()].append(ids_in(compacted(log)))
    result = {}
    for entity, all_events in events.items():
        by_id = {event.event_id: event for event in all_events}
        members: dict[str, set[bytes]] = defaultdict(set)
        for event in all_events:
            if event.entity is not None:
                members[event.entity].add(event.event_id)
        found = logs[entity]
        assert all(len(ids) == len(set(ids)) for ids in found)
        assert sorted(map(sorted, found)) == sorted(map(sorted, members.values()))
        result[entity] = [by_id[event_id] for ids in found for event_id in ids]
    return result


def assert_as_defined(
    batch: EventBatch, found: Quantities, arrived: dict[str, list[Event]], rows: Sequence[int]
) -> None:
    """That the events saw what was in the logs before them."""
    for entity, events in events_of(batch).items():
        for row in rows:
            expected = quantities(events[row], arrived[entity])
            assert as_oracle(found[entity][row]) == expected, (entity, row)


@against_redis(60)
@given(
    batch=arrivals(),
    sizes=micro_batches(),
    turns=st.lists(st.integers(0, 1), min_size=1, max_size=20),
)
def test_writers_taking_turns_see_each_others_events_in_order_of_arrival(
    batch: EventBatch, sizes: list[int], turns: list[int], fresh_state: FreshStates
) -> None:
    own = fresh_state(batch.profile)
    wires = [open_wire(fresh_state.url) for _ in range(2)]
    writers = [own.writer(wire) for wire in wires]
    country = country_of(batch)
    steps = [
        writers[turns[number % len(turns)]].step(batch.take(rows), country[rows])
        for number, rows in enumerate(cut(len(batch), sizes))
    ]
    found = joined([step.quantities for step in steps])
    assert_as_defined(batch, found, events_of(batch), range(len(batch)))
    for wire in wires:
        wire.close()


@against_redis(60)
@given(
    batch=histories,
    sizes=st.tuples(micro_batches(), micro_batches()),
    seed=st.integers(0, 2**32),
    schedule=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 9)), max_size=20),
)
def test_interleaved_commands_of_two_writers_and_their_compactions_lose_no_update(
    batch: EventBatch,
    sizes: tuple[list[int], list[int]],
    seed: int,
    schedule: list[tuple[int, int]],
    fresh_state: FreshStates,
) -> None:
    own = fresh_state(batch.profile)
    # Who gets which events: either of the two, or both.
    share = np.random.default_rng(seed).integers(0, 3, len(batch))
    rows = [np.flatnonzero(share != 1 - number) for number in range(2)]
    found: list[list[Quantities]] = [[], []]
    turns = [Turn() for _ in range(4)]
    wires = [PausingWire(fresh_state.url, turn) for turn in turns]

    def write(number: int) -> None:
        state, mine = own.writer(wires[number]), batch.take(rows[number])
        country = country_of(mine)
        for piece in cut(len(mine), sizes[number]):
            step = state.step(mine.take(piece), country[piece])
            assert not step.conflict.any()
            found[number].append(dict(step.quantities))

    def compact(number: int) -> None:
        while not (turns[0].done and turns[1].done):
            turns[number].pause()
            for key in own.stored_keys():
                (content,) = wires[number].execute([(b"GET", key)])
                Compactor(wires[number]).compact(key, content)

    works = [partial(write, 0), partial(write, 1), partial(compact, 2), partial(compact, 3)]
    interleave(turns, works, (number for number, times in schedule for _ in range(times)))
    for wire in wires:
        wire.close()
    arrived = arrived_in(own, events_of(batch))
    delivered = [batch.take(mine) for mine in rows]
    for mine, other, parts in zip(delivered, delivered[::-1], found, strict=True):
        if len(mine):
            assert_as_defined(mine, joined(parts), arrived, range(len(mine)))
        assert_kept_in_order(arrived, mine, set(other.event_id))


def assert_kept_in_order(
    arrived: dict[str, list[Event]], mine: EventBatch, others: set[str]
) -> None:
    """That what only this writer delivered stands in every log in its order."""
    ids = [order_key(one) for one in dict.fromkeys(mine.event_id) if one not in others]
    place = {event_id: number for number, event_id in enumerate(ids)}
    for events in arrived.values():
        last: dict[str | None, int] = {}
        for event in events:
            if event.event_id in place:
                assert place[event.event_id] > last.get(event.entity, -1)
                last[event.entity] = place[event.event_id]


def hot_device(n: int, seed: int) -> EventBatch:
    """Events on one device within a day, in total order, by 50 users."""
    rng = np.random.default_rng(seed)
    return make_batch(
        [f"{i:06d}" for i in range(n)],
        (START + np.sort(rng.integers(0, 40_000_000, n))).tolist(),
        (rng.integers(1, 4, n) * 10_000).tolist(),
        [f"u{i}" for i in rng.integers(0, 50, n)],
        ["hot"] * n,
        [None] * n,
    )


def at_full_speed(
    states: FreshStates, own: OwnState, work: Callable[[int, VelocityState], None]
) -> None:
    """Let two threads work at once, each with a connection of its own."""
    errors: list[BaseException] = []

    def run(number: int, wire: Wire) -> None:
        try:
            work(number, own.writer(wire))
        except BaseException as error:
            errors.append(error)
        finally:
            wire.close()

    threads = [
        threading.Thread(target=run, args=(number, open_wire(states.url))) for number in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors[0]


def test_two_threads_redelivering_to_a_hot_device_keep_every_event_and_its_features(
    fresh_state: FreshStates,
) -> None:
    batch = hot_device(CAP + SLACK - 100, seed=1)
    country = country_of(batch)
    own = fresh_state()
    found: list[list[tuple[np.ndarray, Quantities]]] = [[], []]

    def deliver(number: int, state: VelocityState) -> None:
        rng = np.random.default_rng(number)
        for _ in range(7):  # the whole history in an order of its own, seven times
            order = rng.permutation(len(batch))
            for piece in cut(len(batch), [31 + number]):
                rows = order[piece]
                step = state.step(batch.take(rows), country[rows])
                assert not step.conflict.any()
                found[number].append((rows, dict(step.quantities)))

    at_full_speed(fresh_state, own, deliver)
    (log,) = (log for key, log in own.logs().items() if key.startswith(b"device"))
    assert len(log) < (COMPACT_ABOVE + 64) * ENTRY_BYTES  # it was compacted
    arrived = arrived_in(own, events_of(batch))
    rows = np.concatenate([rows for one in found for rows, _ in one])
    for entity in ("user", "device"):
        every = np.concatenate([part[entity] for one in found for _, part in one])
        first = np.empty((len(batch), every.shape[1]), np.int64)
        first[rows] = every
        np.testing.assert_array_equal(every, first[rows])  # the same at every delivery
        for row in range(0, len(batch), 9):
            expected = quantities(events_of(batch)[entity][row], arrived[entity])
            assert as_oracle(first[row]) == expected, (entity, row)


def test_two_threads_filling_a_hot_device_leave_exactly_its_newest_events(
    fresh_state: FreshStates,
) -> None:
    batch = hot_device(6000, seed=2)
    country = country_of(batch)
    own = fresh_state()

    def write(number: int, state: VelocityState) -> None:
        for piece in cut(len(batch) // 2, [40 + number]):
            rows = np.arange(number, len(batch), 2)[piece]
            state.step(batch.take(rows), country[rows])

    at_full_speed(fresh_state, own, write)
    (log,) = (log for key, log in own.logs().items() if key.startswith(b"device"))
    assert len(log) < (COMPACT_ABOVE + 128) * ENTRY_BYTES
    np.testing.assert_array_equal(np.sort(ids_in(compacted(log))), batch.order_id[-(CAP + SLACK) :])
    users = b"".join(log for key, log in own.logs().items() if key.startswith(b"user"))
    np.testing.assert_array_equal(np.sort(ids_in(users)), batch.order_id)
