from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from producer.pacing import ByRate, BySpeed, Unpaced


def due(pace: ByRate | BySpeed | Unpaced, numbers: list[int], times: list[int]) -> list[float]:
    return [float(at) for at in pace.due_s(np.array(numbers), np.array(times))]


def test_a_rate_spreads_events_evenly_whatever_their_times() -> None:
    assert due(ByRate(4.0), [0, 1, 2, 8], [5, 5, 900, 901]) == [0.0, 0.25, 0.5, 2.0]


def test_a_speed_spreads_events_by_their_times() -> None:
    pace = BySpeed(60.0).starting_at(0, 10_000)
    assert due(pace, [0, 1, 2], [10_000, 40_000, 130_000]) == [0.0, 0.5, 2.0]


def test_unpaced_is_due_at_once() -> None:
    assert due(Unpaced(), [0, 1], [0, 10**9]) == [0.0, 0.0]


def test_a_resumed_replay_begins_at_once_and_keeps_its_pace() -> None:
    assert due(ByRate(2.0).starting_at(100, 7), [100, 102], [7, 8]) == [0.0, 1.0]
    assert due(BySpeed(2.0).starting_at(100, 7_000), [100, 102], [7_000, 9_000]) == [0.0, 1.0]


@given(st.integers(1, 10**6), st.integers(0, 10**9))
def test_the_schedule_does_not_drift(rate: int, number: int) -> None:
    """The n-th event is due at n/rate, not at the sum of n rounded steps."""
    assert due(ByRate(float(rate)), [number], [0]) == [number / rate]
