"""Bounded state: what the cap and compaction take away is missed by nobody who is promised it.

Promised is exactness for events that are at most the horizon behind the newest, and have fewer
than ``SLACK`` later ones in the log.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.batch import EventBatch
from features.compaction import COMPACT_ABOVE
from features.declared import CAP, HORIZON_MS, LOOK_BACK_MS, SLACK, WINDOWS
from features.entry import ENTRY_BYTES
from features.offline import offline_quantities
from features.quantities import Quantity
from tests.features.events import (
    ADDRESSES,
    PROFILES,
    START,
    VECTORS,
    Quantities,
    arrivals,
    as_oracle,
    country_of,
    events_of,
    make_banking_batch,
    make_batch,
    micro_batches,
)
from tests.features.oracle import quantities
from tests.features.states import (
    FreshStates,
    against_redis,
    assert_same_bits,
    assert_same_quantities,
    matrix_of,
)

pytestmark = pytest.mark.integration

_SPANS = (WINDOWS["1m"] * 2, WINDOWS["24h"], 40 * WINDOWS["24h"], LOOK_BACK_MS + HORIZON_MS)


@dataclass(frozen=True)
class HotHistory:
    """How to make more events of one device (or vector) than are kept, within ``span`` ms."""

    profile: str
    span: int
    seed: int

    def batch(self) -> EventBatch:
        """The events in total order, with ties."""
        rng = np.random.default_rng(self.seed)
        n = int(rng.integers(COMPACT_ABOVE + 100, 2 * COMPACT_ABOVE))
        time = START + np.sort(rng.integers(0, n * 3 // 4, n)) * (self.span // n)
        common = (
            [f"{i:x}" for i in rng.permutation(n)],
            time.tolist(),
            (rng.integers(0, 3, n) * 10_000).tolist(),
        )
        if self.profile == "ecommerce":
            users = [f"u{i}" for i in (rng.random(n) ** 3 * 9).astype(int)]
            addresses = [ADDRESSES[i] for i in rng.integers(0, len(ADDRESSES), n)]
            batch = make_batch(*common, users, ["hot"] * n, addresses)
        else:
            cards = [("hot", "c", None)[i] for i in rng.integers(0, 3, n)]
            batch = make_banking_batch(*common, cards, [VECTORS[2]] * n)
        return batch.take(batch.in_total_order())


hot_histories = st.builds(
    HotHistory,
    profile=st.sampled_from(PROFILES),
    span=st.sampled_from([times * span for times in (1, 3) for span in _SPANS]),
    seed=st.integers(0, 2**32),
)
large_batches = st.lists(st.integers(40, 400), min_size=1, max_size=3)


def too_old(batch: EventBatch) -> NDArray[np.bool_]:
    """Mask of the events that are the horizon or more behind one that came before."""
    return batch.time_ms <= np.maximum.accumulate(batch.time_ms) - HORIZON_MS


def assert_some_as_defined(batch: EventBatch, found: Quantities, seed: int) -> None:
    """That the first events beyond the cap, the last ones, and some others are as defined."""
    n = len(batch)
    others = np.random.default_rng(seed).choice(n, 8, replace=False).tolist()
    for entity, events in events_of(batch).items():
        for row in (CAP - 1, CAP, CAP + 1, n - 2, n - 1, *others):
            event = events[row]
            mine = [other for other in events if other.entity == event.entity]
            assert as_oracle(found[entity][row]) == quantities(event, mine), (entity, row)


@against_redis(30)
@given(history=hot_histories, sizes=large_batches, compact=st.booleans(), seed=st.integers(0, 999))
def test_hot_entity_in_order_equals_offline_and_the_definition_through_compaction(
    history: HotHistory, sizes: list[int], compact: bool, seed: int, fresh_state: FreshStates
) -> None:
    batch = history.batch()
    found = fresh_state(batch.profile).put(batch, sizes, compact=compact)
    assert_same_quantities(found, offline_quantities(batch, country_of(batch)))
    assert_some_as_defined(batch, found, seed)


@against_redis(30)
@given(history=hot_histories, sizes=large_batches, compact=st.booleans(), seed=st.integers(0, 999))
def test_late_events_within_horizon_and_slack_equal_the_definition_through_compaction(
    history: HotHistory, sizes: list[int], compact: bool, seed: int, fresh_state: FreshStates
) -> None:
    batch = history.batch()
    rng = np.random.default_rng(seed)
    late = np.where(rng.random(len(batch)) < 0.3, rng.integers(0, SLACK, len(batch)), 0)
    shuffled = batch.take(np.argsort(np.arange(len(batch)) + late, kind="stable"))
    # Whoever is too old is not put into state, and not promised anything.
    disordered = shuffled.take(np.flatnonzero(~too_old(shuffled)))
    found = fresh_state(batch.profile).put(disordered, sizes, compact=compact)
    assert_some_as_defined(disordered, found, seed)


@against_redis(30)
@given(history=hot_histories, sizes=large_batches, again=large_batches)
def test_events_redelivered_within_horizon_and_slack_keep_their_features_after_compaction(
    history: HotHistory, sizes: list[int], again: list[int], fresh_state: FreshStates
) -> None:
    batch = history.batch()
    own = fresh_state(batch.profile)
    first = own.put(batch, sizes)
    own.compact()
    logs = own.logs()
    rows = np.arange(len(batch) - SLACK, len(batch))
    rows = rows[batch.time_ms[rows] > batch.time_ms[-1] - HORIZON_MS]
    newest = batch.take(rows)
    second = own.put(newest, again, compact=True)
    expected = {entity: found[rows] for entity, found in first.items()}
    assert_same_bits(matrix_of(newest, second), matrix_of(newest, expected))
    # Of what lies before the SLACK-th newest, CAP events are left: no telling that there were more.
    edge = rows == len(batch) - SLACK
    for entity, past in expected.items():
        past[edge, Quantity.TRUNCATED] = second[entity][edge, Quantity.TRUNCATED]
    assert_same_quantities(second, expected)
    assert own.logs() == logs


@against_redis(100)
@given(batch=arrivals(), sizes=micro_batches())
def test_compaction_after_every_micro_batch_takes_nothing_from_events_within_the_horizon(
    batch: EventBatch, sizes: list[int], fresh_state: FreshStates
) -> None:
    remember = ~too_old(batch)
    found = fresh_state(batch.profile).put(batch, sizes, remember, compact=True)
    for entity, events in events_of(batch).items():
        put = [event for row, event in enumerate(events) if remember[row]]
        for row in np.flatnonzero(remember):
            assert as_oracle(found[entity][row]) == quantities(events[row], put), (entity, row)


def test_log_of_a_hot_entity_stays_short_and_keeps_its_time_to_live(
    fresh_state: FreshStates,
) -> None:
    n = 3 * COMPACT_ABOVE
    batch = make_batch(
        [f"{i:06d}" for i in range(n)],
        [START + i * 1000 for i in range(n)],
        [10_000] * n,
        [f"u{i % 7}" for i in range(n)],
        ["hot"] * n,
        [None] * n,
    )
    own = fresh_state()
    own.put(batch, [200])
    key = own.state.key("device", "hot")
    (log,) = own.wire.execute([(b"GET", key)])
    assert len(log) <= (COMPACT_ABOVE + 200) * ENTRY_BYTES
    own.compact()
    short, ttl = own.wire.execute([(b"GET", key), (b"PTTL", key)])
    assert len(short) == (CAP + SLACK) * ENTRY_BYTES < len(log)
    assert ttl > LOOK_BACK_MS + HORIZON_MS
