from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.errors import ConfigError
from producer.pacing import ByRate, BySpeed, Pace, Unpaced
from producer.plan import Plan, make_plan
from producer.shift import shift_to_now
from tests.producer.batches import START, plain_batch

NOW = 1_700_000_000_000


def plan_of(gaps: list[int], limit: int | None = None, *, loop: bool = False) -> Plan:
    batch = plain_batch([START + gap for gap in gaps])
    return make_plan(batch, np.zeros(len(batch), np.int8), limit=limit, loop=loop)


def room(plan: Plan, pace: Pace) -> list[float]:
    """Milliseconds by which each event is earlier than the moment it is sent."""
    pace = pace.starting_at(0, plan.shift_ms + int(plan.batch.time_ms[0]))
    found: list[float] = []
    for chunk in plan.chunks():
        sent = NOW + 1000 * pace.due_s(chunk.event_number, chunk.time_ms)
        found += (sent - chunk.time_ms).tolist()
    return found


def test_unpaced_the_newest_event_lands_at_the_present() -> None:
    plan = plan_of([0, 500, 9_000])
    shifted = plan.shifted(shift_to_now(plan, Unpaced(), NOW))
    assert room(shifted, Unpaced()) == [9_000.0, 8_500.0, 0.0]


def test_in_real_time_every_event_happens_as_it_is_sent() -> None:
    plan = plan_of([0, 500, 9_000])
    shifted = plan.shifted(shift_to_now(plan, BySpeed(1.0), NOW))
    assert room(shifted, BySpeed(1.0)) == [0.0, 0.0, 0.0]


@given(
    st.lists(st.integers(0, 100_000), min_size=1, max_size=12),
    st.integers(1, 40),
    st.booleans(),
    st.one_of(
        st.just(Unpaced()),
        st.integers(1, 1000).map(lambda rate: ByRate(float(rate))),
        st.sampled_from([0.25, 1.0, 60.0]).map(BySpeed),
    ),
)
def test_no_event_is_in_the_future_and_one_could_not_be_later(
    gaps: list[int], limit: int, loop: bool, pace: Pace
) -> None:
    plan = plan_of(gaps, limit, loop=loop)
    left = room(plan.shifted(shift_to_now(plan, pace, NOW)), pace)
    # Times near 1.7e12 ms have a float64 resolution of a fraction of a millisecond.
    assert -0.01 <= min(left) <= 1.01


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=12), st.floats(1.01, 1e6))
def test_endless_laps_that_outrun_the_clock_are_refused(gaps: list[int], factor: float) -> None:
    plan = plan_of(gaps, loop=True)
    assume(plan.span_ms * (1 - 1 / factor) > 1)
    with pytest.raises(ConfigError, match="--limit"):
        shift_to_now(plan, BySpeed(factor), NOW)


def test_endless_laps_in_real_time_are_live_traffic() -> None:
    plan = plan_of([0, 10], loop=True)
    assert shift_to_now(plan, BySpeed(1.0), NOW) == NOW - START
