"""When each record is due: an absolute schedule, so that waiting never adds up to drift.

Pure: a pace maps the number and the time of an event to seconds after the start of the replay.
Whoever sends compares that with a clock of its own; having fallen behind, it sends at once until
the schedule is met again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Pace(Protocol):
    """A schedule."""

    def due_s(
        self, event_number: NDArray[np.int64], time_ms: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Seconds after the start at which each record is due, never decreasing, shape (n,).

        Args:
            event_number: events of the plan before each record; shape (n,).
            time_ms: event time (of a label: when it becomes known), in order; shape (n,).
        """

    def starting_at(self, event_number: int, time_ms: int) -> Pace:
        """The same pace for a replay whose first record is this one."""


@dataclass(frozen=True, slots=True)
class Unpaced:
    """Everything is due at once."""

    def due_s(
        self, event_number: NDArray[np.int64], time_ms: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Zeros."""
        return np.zeros(len(event_number))

    def starting_at(self, event_number: int, time_ms: int) -> Unpaced:
        """Itself."""
        return self


@dataclass(frozen=True, slots=True)
class ByRate:
    """``rate`` events a second; labels go out with the events around them."""

    rate: float
    first_number: int = 0

    def due_s(
        self, event_number: NDArray[np.int64], time_ms: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Number of the event, from the first one on, over the rate."""
        return np.maximum(event_number - self.first_number, 0) / self.rate

    def starting_at(self, event_number: int, time_ms: int) -> ByRate:
        """The same rate, counted from this event."""
        return ByRate(self.rate, event_number)


@dataclass(frozen=True, slots=True)
class BySpeed:
    """``factor`` seconds of event time a second."""

    factor: float
    first_ms: int = 0

    def due_s(
        self, event_number: NDArray[np.int64], time_ms: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Event time since the first record over the factor."""
        return np.maximum(time_ms - self.first_ms, 0) / 1000.0 / self.factor

    def starting_at(self, event_number: int, time_ms: int) -> BySpeed:
        """The same speed, counted from this time."""
        return BySpeed(self.factor, time_ms)
