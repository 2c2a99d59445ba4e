"""The state in a real Redis against the definition, and against the offline computation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.batch import EventBatch
from features.compaction import COMPACT_ABOVE, compacted
from features.countries import CountryTable, load_country_table
from features.declared import CAP, HORIZON_MS, SLACK
from features.entry import ENTRY_BYTES, pack_entries
from features.offline import compute_features, country_codes
from features.online import VelocityState
from features.redis_wire import RedisWire
from tests.features.events import START, as_oracle, ecommerce_batches, events_of, make_batch
from tests.features.oracle import quantities

pytestmark = pytest.mark.integration
ENTITIES = ("user", "device", "ip")


@pytest.fixture(scope="module")
def countries() -> CountryTable:
    return load_country_table(None)


@pytest.fixture(scope="module")
def wire(redis_url: str) -> RedisWire:
    return RedisWire(redis_url)


class FreshStates:
    """Hands out states that share nothing."""

    def __init__(self, wire: RedisWire) -> None:
        self.wire = wire
        self.made = 0

    def __call__(self) -> VelocityState:
        self.made += 1
        return VelocityState(self.wire, f"t{id(self)}-{self.made}", "ecommerce")


@pytest.fixture(scope="module")
def fresh_state(wire: RedisWire) -> FreshStates:
    return FreshStates(wire)


def stepped(
    state: VelocityState, batch: EventBatch, countries: CountryTable, sizes: list[int]
) -> dict[str, np.ndarray]:
    """Quantities of the whole batch, put into state in micro-batches of the given sizes."""
    parts: dict[str, list[np.ndarray]] = {entity: [] for entity in ENTITIES}
    start = 0
    while start < len(batch):
        size = sizes[len(parts["user"]) % len(sizes)]
        part = batch.take(range(start, min(start + size, len(batch))))
        step = state.step(part, country_codes(part, countries))
        for entity in ENTITIES:
            parts[entity].append(step.quantities[entity])
        start += size
    return {entity: np.concatenate(found) for entity, found in parts.items()}


slow = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@slow
@given(batch=ecommerce_batches(), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_any_arrival_order_in_any_micro_batches_equals_the_definition(
    batch: EventBatch, sizes: list[int], fresh_state: FreshStates, countries: CountryTable
) -> None:
    found = stepped(fresh_state(), batch, countries, sizes)
    country = country_codes(batch, countries)
    for entity in ENTITIES:
        arrivals = events_of(batch, country, entity)
        for row, event in enumerate(arrivals):
            assert as_oracle(found[entity][row]) == quantities(event, arrivals), (entity, row)


@slow
@given(batch=ecommerce_batches(), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_input_in_total_order_equals_offline_exactly(
    batch: EventBatch, sizes: list[int], fresh_state: FreshStates, countries: CountryTable
) -> None:
    ordered = batch.take(batch.in_total_order())
    found = stepped(fresh_state(), ordered, countries, sizes)
    offline = compute_features(ordered, countries).known.quantities
    for entity in ENTITIES:
        np.testing.assert_array_equal(found[entity], offline[entity])


@slow
@given(batch=ecommerce_batches(), again=st.integers(1, 40))
def test_redelivery_of_a_prefix_changes_neither_state_nor_features(
    batch: EventBatch, again: int, fresh_state: FreshStates, countries: CountryTable
) -> None:
    ordered = batch.take(batch.in_total_order())
    plain = stepped(fresh_state(), ordered, countries, [7])
    state = fresh_state()
    prefix = ordered.take(range(min(again, len(ordered))))
    first = stepped(state, prefix, countries, [3])
    repeated = stepped(state, ordered, countries, [5])
    for entity in ENTITIES:
        np.testing.assert_array_equal(first[entity], plain[entity][: len(prefix)])
        np.testing.assert_array_equal(repeated[entity], plain[entity])


def test_offline_does_not_depend_on_the_order_of_rows(countries: CountryTable) -> None:
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
    straight = compute_features(batch, countries).matrix
    np.testing.assert_array_equal(
        compute_features(batch.take(shuffled), countries).matrix, straight[shuffled]
    )


def test_conflicting_duplicate_is_reported_and_leaves_no_trace(
    fresh_state: FreshStates, countries: CountryTable
) -> None:
    def one(event_id: str, amount: int, device: str, minute: int) -> EventBatch:
        return make_batch(
            [event_id], [START + minute * 60_000], [amount], ["u"], [device], ["8.8.8.8"]
        )

    state = fresh_state()
    country = np.array([1], np.int16)
    assert not state.step(one("a", 10_000, "d", 0), country).conflict.any()
    assert state.step(one("a", 20_000, "other", 0), country).conflict.all()
    assert state.step(one("a", 10_000, "other", 5), country).conflict.all()
    step = state.step(one("b", 10_000, "other", 6), country)
    assert as_oracle(step.quantities["device"][0])["count_24h"] == 0  # type: ignore[index]
    assert as_oracle(step.quantities["user"][0])["count_24h"] == 1  # type: ignore[index]


def test_conflict_inside_a_batch_spares_the_other_events(
    fresh_state: FreshStates, countries: CountryTable
) -> None:
    batch = make_batch(
        ["a", "a", "b"],
        [START, START + 1, START + 2],
        [10_000, 10_000, 10_000],
        ["u", "u", "u"],
        ["d", "d", "d"],
        [None, None, None],
    )
    step = fresh_state().step(batch, country_codes(batch, countries))
    assert step.conflict.tolist() == [False, True, False]
    assert as_oracle(step.quantities["device"][2])["count_1m"] == 1  # type: ignore[index]


def test_event_not_to_be_remembered_sees_the_past_and_leaves_none(
    fresh_state: FreshStates, countries: CountryTable
) -> None:
    state = fresh_state()
    batch = make_batch(
        ["a", "b"], [START, START + 10], [10_000, 10_000], ["u", "u"], ["d", "d"], [None, None]
    )
    country = country_codes(batch, countries)
    step = state.step(batch, country, np.array([True, False]))
    assert as_oracle(step.quantities["user"][1])["count_1m"] == 1  # type: ignore[index]
    later = make_batch(["c"], [START + 20], [10_000], ["u"], ["d"], [None])
    step = state.step(later, country[:1])
    assert as_oracle(step.quantities["user"][0])["count_1m"] == 1  # type: ignore[index]


def test_hot_entity_stays_bounded_and_exact(
    fresh_state: FreshStates, countries: CountryTable, wire: RedisWire
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
    state = fresh_state()
    found = stepped(state, batch, countries, [200])
    offline = compute_features(batch, countries).known.quantities
    np.testing.assert_array_equal(found["device"], offline["device"])
    log = wire.execute([(b"GET", state.key("device", "hot"))])[0]
    assert len(log) <= (COMPACT_ABOVE + 200) * ENTRY_BYTES
    assert wire.execute([(b"PTTL", state.key("device", "hot"))])[0] > 0


def test_compaction_keeps_order_of_arrival_and_drops_repeats_and_the_too_old() -> None:
    ids = ["late", "old", "a", "b", "a"]
    time = [START + 50, START - 200 * 86_400_000 - HORIZON_MS, START, START + 60, START]
    batch = make_batch(ids, time, [10_000] * 5, ["u"] * 5, ["d"] * 5, [None] * 5)
    entries = pack_entries(batch, np.zeros(5, np.int16), "device")
    assert compacted(entries.tobytes()) == entries[[0, 2, 3]].tobytes()


def test_compaction_keeps_cap_and_slack_by_event_order() -> None:
    n = CAP + SLACK + 100
    order = np.random.default_rng(3).permutation(n)
    batch = make_batch(
        [f"{i:05d}" for i in order],
        [START + int(i) for i in order],
        [10_000] * n, ["u"] * n, ["d"] * n, [None] * n,
    )  # fmt: skip
    entries = pack_entries(batch, np.zeros(n, np.int16), "device")
    assert compacted(entries.tobytes()) == entries[order >= 100].tobytes()
