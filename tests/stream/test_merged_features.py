"""From partitions filled in order, over one worker's merge, to features: as offline."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.batch import EventBatch
from features.offline import compute_features, offline_quantities
from stream.merge import Merger, Rows
from tests.features.events import TABLE, arrivals, country_of
from tests.features.states import (
    FreshStates,
    against_redis,
    assert_same_bits,
    assert_same_quantities,
    joined,
    matrix_of,
)

pytestmark = pytest.mark.integration


@pytest.fixture
def fresh_state(redis_url: str) -> Iterator[FreshStates]:
    states = FreshStates(redis_url)
    yield states
    states.close()


@st.composite
def filled_topics(draw: st.DrawFn) -> tuple[EventBatch, list[list[int]]]:
    """Events, and their rows in each partition of a topic that was filled in total order.

    Which partition a key goes to is drawn, so this holds for every partitioner; some partitions
    stay empty.
    """
    batch = draw(arrivals())
    batch = batch.take(batch.in_total_order())
    partitions: list[list[int]] = [[] for _ in range(draw(st.integers(1, 5)))]
    place: dict[str, int] = {}
    for row, key in enumerate(batch.kafka_keys()):
        if key not in place:
            place[key] = draw(st.integers(0, len(partitions) - 1))
        partitions[place[key]].append(row)
    return batch, partitions


def merged(batch: EventBatch, partitions: list[list[int]], data: st.DataObject) -> list[list[int]]:
    """What a worker's merge releases, as rows of ``batch``, whatever the fetches bring and when."""
    merger: Merger[int] = Merger()
    merger.assign(range(len(partitions)))
    position = [0] * len(partitions)
    released: list[list[int]] = []

    def fetch(number: int, size: int) -> None:
        rows = partitions[number][position[number] : position[number] + size]
        if rows:
            offset = np.arange(position[number], position[number] + len(rows))
            merger.add(number, Rows(rows, offset, batch.time_ms[rows], batch.order_id[rows]))
            position[number] += len(rows)
        elif not merger.buffered(number):
            merger.set_idle(number, True)

    def take(limit: int, times: int) -> None:
        found = [merger.take(limit) for _ in range(times)]
        released.extend(taken.items for taken in found if taken is not None)

    step = st.tuples(
        st.integers(0, len(partitions) - 1), st.integers(1, 9), st.integers(1, 9), st.integers(0, 3)
    )
    for number, size, limit, times in data.draw(st.lists(step, max_size=30), label="fetches"):
        fetch(number, size)
        take(limit, times)
    while sum(map(len, released)) < len(batch):
        for number in range(len(partitions)):
            fetch(number, 5)
            take(7, 2)
    return released


@against_redis(120)
@given(topic=filled_topics(), data=st.data())
def test_any_filled_partitions_merged_by_one_worker_give_the_features_of_offline(
    topic: tuple[EventBatch, list[list[int]]], data: st.DataObject, fresh_state: FreshStates
) -> None:
    batch, partitions = topic
    state = fresh_state(batch.profile).state
    country = country_of(batch)
    rows: list[int] = []
    steps = []
    for released in merged(batch, partitions, data):
        rows += released
        steps.append(state.step(batch.take(released), country[released]).quantities)
    assert sorted(rows) == list(range(len(batch)))
    found = joined(steps)
    offline = offline_quantities(batch, country)
    assert_same_quantities(found, {entity: past[rows] for entity, past in offline.items()})
    features = compute_features(batch, TABLE).matrix
    assert_same_bits(matrix_of(batch.take(rows), found), features[rows])
