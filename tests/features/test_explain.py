"""The events listed for a feature are those of its definition, and enough to compute it again."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.names import PROFILES
from features.batch import EventBatch, order_key
from features.declared import CAP, LOOK_BACK_MS, WINDOWS, Feature, declared_features, feature_names
from features.explain import CHOOSERS, Explanation, explain
from features.offline import compute_features
from tests.features.events import START, arrivals, country_table, events_of, make_batch
from tests.features.oracle import Event

_DAY_MS = 86_400_000


def explained(batch: EventBatch, row: int) -> Explanation:
    return explain(batch, compute_features(batch, country_table()), row)


def check_values_follow_from_the_events(batch: EventBatch, explanation: Explanation) -> None:
    """Each feature again, from a history of nothing but the events listed for it and its own."""
    again: dict[tuple[int, ...], np.ndarray] = {}
    for column, one in enumerate(explanation.features):
        rows = (*explanation.rows(one).tolist(), explanation.row)
        if rows not in again:
            again[rows] = compute_features(batch.take(rows), country_table()).matrix[-1]
        assert again[rows][column].tobytes() == one.value.tobytes(), one.feature.name
        if one.feature.kind == "count" and not np.isnan(one.value):
            assert one.value == len(one.made_by), one.feature.name
        assert len(set(rows)) == len(rows)


def defined(feature: Feature, event: Event, past: list[Event]) -> list[Event]:
    """What makes a feature, in the words of the contract; ``past``: the latest first."""

    def within(length: int) -> list[Event]:
        return [other for other in past if event.time - other.time < length]

    match feature.kind:
        case "count" | "spend" | "mean" | "value_ratio" | "peers" | "countries":
            return within(WINDOWS[feature.window])
        case "rate_ratio":
            return within(_DAY_MS)
        case "same_amount":
            window = within(WINDOWS[feature.window])
            return [other for other in window if other.amount == event.amount]
        case "since_previous":
            return past[:1]
        case "age":
            return past[-1:]
    raise AssertionError(f"{feature.kind} has no definition here")


@given(batch=arrivals(), data=st.data())
def test_values_follow_from_the_listed_events_alone(batch: EventBatch, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(batch) - 1), "row")
    table = compute_features(batch, country_table())
    explanation = explain(batch, table, row)
    values = np.array([one.value for one in explanation.features])
    assert values.tobytes() == table.matrix[row].tobytes()
    check_values_follow_from_the_events(batch, explanation)


@given(batch=arrivals(), data=st.data())
def test_the_listed_events_are_those_of_the_definition(
    batch: EventBatch, data: st.DataObject
) -> None:
    row = data.draw(st.integers(0, len(batch) - 1), "row")
    explanation = explained(batch, row)
    for entity, events in events_of(batch).items():
        event = events[row]
        distinct = {other.order: other for other in events if other.order < event.order}
        past = [
            other
            for _, other in sorted(distinct.items(), reverse=True)
            if event.entity is not None
            and other.entity == event.entity
            and event.time - other.time < LOOK_BACK_MS
        ]
        for one in explanation.features:
            if one.feature.entity == entity:
                listed = [order_key(batch.event_id[other]) for other in explanation.rows(one)]
                expected = [other.event_id for other in defined(one.feature, event, past)]
                assert listed == expected, one.feature.name


def test_features_of_the_event_itself_are_made_of_no_other() -> None:
    batch = make_batch(["a", "b"], [START] * 2, [1] * 2, ["u"] * 2, ["d"] * 2, ["8.8.8.8"] * 2)
    for one in explained(batch, 1).features:
        assert len(one.made_by) == (1 if one.feature.entity else 0), one.feature.name


def test_every_declared_kind_that_looks_at_a_past_has_a_chooser_and_no_other() -> None:
    kinds = {
        feature.kind
        for profile in PROFILES
        for feature in declared_features(profile)
        if feature.entity
    }
    assert kinds == set(CHOOSERS)


def test_a_kind_without_a_chooser_fails_loudly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("features.explain.CHOOSERS", {})
    batch = make_batch(["a"], [START], [1], ["u"], ["d"], [None])
    with pytest.raises(KeyError, match="count"):
        explained(batch, 0)


def test_of_a_crowd_the_latest_are_remembered() -> None:
    n = CAP + 88
    batch = make_batch(
        [f"{i:04d}" for i in range(n)],
        [START + i for i in range(n)],
        [10_000] * n, [f"u{i}" for i in range(n)], ["d"] * n, ["8.8.8.8"] * n,
    )  # fmt: skip
    shuffled = np.random.default_rng(1).permutation(n)
    batch = batch.take(shuffled)
    explanation = explained(batch, int(np.flatnonzero(shuffled == n - 1)[0]))
    past = explanation.pasts["device"]
    assert past.truncated
    assert shuffled[past.rows].tolist() == list(range(n - 2, n - 2 - CAP, -1))
    age = explanation.features[feature_names("ecommerce").index("device_age_seconds")]
    assert shuffled[explanation.rows(age)].tolist() == [n - 1 - CAP]
    check_values_follow_from_the_events(batch, explanation)
    assert not explanation.pasts["user"].truncated


def test_who_has_exactly_as_many_as_are_remembered_is_not_truncated() -> None:
    n = CAP + 1
    ids = [f"{i:04d}" for i in range(n)]
    times = [START + i for i in range(n)]
    batch = make_batch(ids, times, [1] * n, ["u"] * n, ["d"] * n, [None] * n)
    past = explained(batch, n - 1).pasts["user"]
    assert (len(past.rows), past.truncated) == (CAP, False)


def test_ties_go_by_id_and_repeats_count_once() -> None:
    ids = ["b", "a", "c", "a", "b"]
    batch = make_batch(ids, [START] * 5, [1] * 5, ["u"] * 5, ["d"] * 5, [None] * 5)
    assert explained(batch, 0).pasts["user"].rows.tolist() == [1]
    assert explained(batch, 4).pasts["user"].rows.tolist() == [1]
    assert explained(batch, 2).pasts["user"].rows.tolist() == [0, 1]


def test_an_event_without_an_address_has_no_past_there() -> None:
    batch = make_batch(["a", "b"], [START] * 2, [1] * 2, ["u"] * 2, ["d"] * 2, [None] * 2)
    explanation = explained(batch, 1)
    past = explanation.pasts["ip"]
    assert (past.whom, len(past.rows)) == (None, 0)
    mine = [one for one in explanation.features if one.feature.entity == "ip"]
    assert mine
    assert all(np.isnan(one.value) and not len(one.made_by) for one in mine)


def test_windows_are_nested_and_begin_with_the_latest() -> None:
    times = [START - length + step for length in WINDOWS.values() for step in (-1, 0, 1)]
    ids = [f"{i:02d}" for i in range(len(times))]
    n = len(times)
    batch = make_batch(
        [*ids, "now"], [*times, START], [1] * (n + 1), ["u"] * (n + 1), ["d"] * (n + 1),
        [None] * (n + 1),
    )  # fmt: skip
    past = explained(batch, n).pasts["user"]
    assert (np.diff(past.gap_ms) >= 0).all()
    sizes = [len(past.within(window)) for window in WINDOWS]
    # Of the three events at each border, the one that is a millisecond younger lies within.
    assert sizes == [1, 4, 7, 10, 13]
    assert all(small < large for small, large in pairwise(sizes))


def test_what_is_as_old_as_the_look_back_is_forgotten() -> None:
    times = [START - LOOK_BACK_MS - 1, START - LOOK_BACK_MS, START - LOOK_BACK_MS + 1, START]
    batch = make_batch(list("abcd"), times, [1] * 4, ["u"] * 4, ["d"] * 4, [None] * 4)
    explanation = explained(batch, 3)
    assert explanation.pasts["user"].rows.tolist() == [2]
    check_values_follow_from_the_events(batch, explanation)
