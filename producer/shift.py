"""How far a replay is moved in time so that it ends, or runs, at the present."""

from __future__ import annotations

import numpy as np

from core.errors import ConfigError
from producer.pacing import Pace
from producer.plan import Plan


def shift_to_now(plan: Plan, pace: Pace, now_ms: int) -> int:
    """The largest shift with which no event is later than the moment it is sent.

    At a speed of 1x every event then happens as it is sent; faster, or unpaced, the newest event
    of the replay lands at the present.

    Args:
        plan: unshifted.
        pace: when events are due.
        now_ms: when the replay starts.

    Raises:
        ConfigError: laps without end would run ahead of the clock.
    """
    size = len(plan.batch)
    if plan.events is None:
        second = np.array([size]), plan.batch.time_ms[:1] + plan.span_ms
        starting = pace.starting_at(0, int(plan.batch.time_ms[0]))
        if starting.due_s(*second)[0] * 1000 < plan.span_ms - 1:
            raise ConfigError(
                "--loop --shift-to now at this pace runs ahead of the clock after the first lap: "
                "add --limit, or replay at --speed 1x"
            )
        laps = {0: size}
    else:
        last, rest = divmod(plan.events, size)
        # The room an event has changes evenly from lap to lap: the ends decide.
        laps = {0: min(size, plan.events), max(last - 1, 0): min(size, plan.events), last: rest}
    starting = pace.starting_at(0, int(plan.batch.time_ms[0]))
    room = np.inf
    for lap, count in laps.items():
        times = plan.batch.time_ms[:count] + lap * plan.span_ms
        numbers = np.arange(count) + lap * size
        room = min(room, np.min(starting.due_s(numbers, times) * 1000 - times, initial=np.inf))
    return now_ms + int(np.floor(room))
