"""The state in a real Redis against the offline computation, and what else a step promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from features.batch import EventBatch
from features.offline import compute_features, offline_quantities
from tests.features.events import (
    START,
    TABLE,
    arrivals,
    as_oracle,
    country_of,
    make_batch,
    micro_batches,
)
from tests.features.states import (
    FreshStates,
    against_redis,
    assert_same_bits,
    assert_same_quantities,
    matrix_of,
)

pytestmark = pytest.mark.integration


@against_redis(100)
@given(batch=arrivals(), sizes=micro_batches())
def test_input_in_total_order_equals_offline_exactly(
    batch: EventBatch, sizes: list[int], fresh_state: FreshStates
) -> None:
    ordered = batch.take(batch.in_total_order())
    found = fresh_state(batch.profile).put(ordered, sizes)
    assert_same_quantities(found, offline_quantities(ordered, country_of(ordered)))
    offline = compute_features(ordered, TABLE).matrix
    assert_same_bits(matrix_of(ordered, found), offline)


@against_redis(100)
@given(batch=arrivals(), sizes=micro_batches())
def test_splitting_into_micro_batches_changes_neither_state_nor_quantities(
    batch: EventBatch, sizes: list[int], fresh_state: FreshStates
) -> None:
    whole, pieces = fresh_state(batch.profile), fresh_state(batch.profile)
    at_once = whole.put(batch, [len(batch)])
    assert_same_quantities(pieces.put(batch, sizes), at_once)
    assert pieces.logs() == whole.logs()


def test_offline_does_not_depend_on_the_order_of_rows() -> None:
    rng = np.random.default_rng(7)
    n = 300
    batch = make_batch(
        [f"id-{i:04d}" for i in range(n)],
        (START + rng.integers(0, 50, n) * 60_000).tolist(),
        (rng.integers(1, 4, n) * 10_000).tolist(),
        [f"u{i}" for i in rng.integers(0, 30, n)],
        [f"d{i}" for i in rng.integers(0, 9, n)],
        [f"9.9.9.{i}" for i in rng.integers(0, 5, n)],
    )
    shuffled = rng.permutation(n)
    straight = compute_features(batch, TABLE).matrix
    assert_same_bits(compute_features(batch.take(shuffled), TABLE).matrix, straight[shuffled])


def test_conflicting_duplicate_is_reported_and_leaves_no_trace(fresh_state: FreshStates) -> None:
    def one(event_id: str, amount: int, device: str, minute: int) -> EventBatch:
        return make_batch(
            [event_id], [START + minute * 60_000], [amount], ["u"], [device], ["8.8.8.8"]
        )

    state = fresh_state().state
    country = np.array([1], np.int16)
    assert not state.step(one("a", 10_000, "d", 0), country).conflict.any()
    assert state.step(one("a", 20_000, "other", 0), country).conflict.all()
    assert state.step(one("a", 10_000, "other", 5), country).conflict.all()
    step = state.step(one("b", 10_000, "other", 6), country)
    assert as_oracle(step.quantities["device"][0])["count_24h"] == 0  # type: ignore[index]
    assert as_oracle(step.quantities["user"][0])["count_24h"] == 1  # type: ignore[index]


def test_conflict_inside_a_batch_spares_the_other_events(fresh_state: FreshStates) -> None:
    batch = make_batch(
        ["a", "a", "b"],
        [START, START + 1, START + 2],
        [10_000, 10_000, 10_000],
        ["u", "u", "u"],
        ["d", "d", "d"],
        [None, None, None],
    )
    step = fresh_state().state.step(batch, country_of(batch))
    assert step.conflict.tolist() == [False, True, False]
    assert as_oracle(step.quantities["device"][2])["count_1m"] == 1  # type: ignore[index]
