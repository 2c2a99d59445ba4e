"""Events that reach the state in any order, against the definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.batch import EventBatch
from tests.features.events import (
    START,
    arrivals,
    as_oracle,
    country_of,
    events_of,
    make_batch,
    micro_batches,
)
from tests.features.oracle import quantities
from tests.features.states import FreshStates, against_redis, cut

pytestmark = pytest.mark.integration


@against_redis(120)
@given(batch=arrivals(), sizes=micro_batches())
def test_any_arrival_order_in_any_micro_batches_equals_the_definition(
    batch: EventBatch, sizes: list[int], fresh_state: FreshStates
) -> None:
    found = fresh_state(batch.profile).put(batch, sizes)
    for entity, events in events_of(batch).items():
        for row, event in enumerate(events):
            assert as_oracle(found[entity][row]) == quantities(event, events), (entity, row)


@against_redis(120)
@given(batch=arrivals(), sizes=micro_batches(), seed=st.integers(0, 2**32))
def test_event_not_remembered_sees_all_that_was_put_before_and_with_it_and_is_seen_by_none(
    batch: EventBatch, sizes: list[int], seed: int, fresh_state: FreshStates
) -> None:
    remember = np.random.default_rng(seed).random(len(batch)) < 0.6
    found = fresh_state(batch.profile).put(batch, sizes, remember)
    for entity, events in events_of(batch).items():
        for rows in cut(len(batch), sizes):
            put = [event for row, event in enumerate(events[: rows.stop]) if remember[row]]
            for row in rows:
                expected = quantities(events[row], put)
                assert as_oracle(found[entity][row]) == expected, (entity, row)


def test_event_not_to_be_remembered_sees_the_past_and_leaves_none(
    fresh_state: FreshStates,
) -> None:
    state = fresh_state().state
    batch = make_batch(
        ["a", "b"], [START, START + 10], [10_000, 10_000], ["u", "u"], ["d", "d"], [None, None]
    )
    country = country_of(batch)
    step = state.step(batch, country, np.array([True, False]))
    assert as_oracle(step.quantities["user"][1])["count_1m"] == 1  # type: ignore[index]
    later = make_batch(["c"], [START + 20], [10_000], ["u"], ["d"], [None])
    step = state.step(later, country[:1])
    assert as_oracle(step.quantities["user"][0])["count_1m"] == 1  # type: ignore[index]
