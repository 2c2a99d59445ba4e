"""The guard of promotions speaks once, of the version it watches, where bounds are left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.promotion_guard import (
    EXPECTED,
    LEAST_EVENTS,
    MOST_ALONE,
    PromotionGuard,
    Reason,
    Tally,
    judge,
    most_share,
)

N = 1_000


def tally(alerts: int, events: int = N, ms: float = 0.1) -> Tally:
    return Tally(events, alerts, events * ms / 1000)


def promoted(before: Tally, *after: Tally, events: int = N) -> PromotionGuard:
    """A guard that has seen v1 do ``before`` and v2, promoted over it, ``after``."""
    guard = PromotionGuard(events)
    guard.observe("v1", before)
    guard.watch("v2")
    for one in after:
        guard.observe("v2", one)
    return guard


@pytest.mark.parametrize(
    ("before", "seen", "reason"),
    [
        (tally(20), tally(71), Reason.MANY_ALERTS),
        (tally(20), tally(69), None),  # thrice as many, but fewer than five in a hundred more
        (tally(100), tally(299), None),
        (tally(100), tally(301), Reason.MANY_ALERTS),
        (tally(100), tally(9), Reason.FEW_ALERTS),
        (tally(100), tally(11), None),
        (tally(EXPECTED - 1), tally(0), None),  # so few may well be none
        (tally(EXPECTED), tally(0), Reason.FEW_ALERTS),
        (tally(50), tally(50, ms=2.1), Reason.SLOW),
        (tally(50), tally(50, ms=1.9), None),
        (tally(50, ms=1), tally(50, ms=2.9), None),
        # The one before has done too little to be a measure.
        (tally(0, LEAST_EVENTS - 1), tally(490), None),
        (tally(0, LEAST_EVENTS - 1), tally(501), Reason.MANY_ALERTS),
    ],
)
def test_bounds_are_those_of_the_page(before: Tally, seen: Tally, reason: Reason | None) -> None:
    found = judge(before, seen)
    assert (found[0] if found else None) == reason


@given(st.integers(1, 10**6), st.data())
def test_a_champion_that_does_what_the_one_before_did_stays(
    events: int, data: st.DataObject
) -> None:
    alerts = data.draw(st.integers(0, events))
    same = tally(alerts, events)
    if events >= LEAST_EVENTS or alerts <= MOST_ALONE * events:
        assert judge(same, same) is None


def test_the_verdict_comes_when_the_events_are_counted_and_only_once() -> None:
    guard = promoted(tally(10), tally(80, 200))
    assert guard.verdict() is not None  # 80 alerts are more than 60 of 1,000
    assert guard.verdict() is None

    guard = promoted(tally(100), *[tally(0, 250)] * 3)
    assert guard.verdict() is None
    guard.observe("v2", tally(0, 250))
    found = guard.verdict()
    assert found is not None
    assert (found.version, found.reason) == ("v2", Reason.FEW_ALERTS)
    guard.observe("v2", tally(0))
    assert guard.verdict() is None


def test_the_measure_is_what_the_one_before_did_last() -> None:
    guard = PromotionGuard(N)
    guard.observe("v1", tally(900))
    guard.observe("v1", tally(10))
    guard.watch("v2")
    guard.observe("v2", tally(300))
    found = guard.verdict()
    assert found is not None
    assert "the one before 1.0% of 1,000" in found.text


def test_other_versions_than_the_promoted_are_not_judged() -> None:
    guard = PromotionGuard(N)
    guard.observe("v1", tally(10))
    guard.observe("v2", tally(N))
    assert guard.verdict() is None
    guard.watch("v3")
    guard.observe("v2", tally(N))  # a batch that was begun before
    assert guard.verdict() is None


def test_a_guard_of_no_events_says_nothing() -> None:
    assert promoted(tally(0), tally(N), events=0).verdict() is None


@given(
    st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1)), min_size=1, max_size=80),
    st.integers(0, N),
)
def test_batches_of_any_size_lead_to_the_verdict_of_their_sum(
    batches: list[tuple[int, float]], before: int
) -> None:
    """Where no verdict could be given early, it is that of everything seen."""
    guard = promoted(tally(before), events=N)
    seen, early = Tally(), False
    for events, share in batches:
        if seen.events >= N or early:
            break
        one = tally(int(events * share), events)
        seen += one
        guard.observe("v2", one)
        early = seen.alerts > most_share(tally(before)) * N
    found = guard.verdict()
    if early:
        assert found is None or found.reason == Reason.MANY_ALERTS
    elif seen.events < N:
        assert found is None
