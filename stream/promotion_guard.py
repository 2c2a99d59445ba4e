"""The guard of a promotion: is the new champion's behaviour still that of a fraud model?

Promise: of a champion that was promoted while events flowed, its first events are held against the
last events of the champion before, and a verdict is given at most once: when ``events`` of them are
counted, or as soon as the alerts among them are more than all of those events may have.

Counted are events that the model itself would alert, before rules, lists and the control share. A
rollback or a restart is not watched: there, nobody has chosen something new.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from enum import StrEnum

#: The share of alerts may be so many times that of the champion before, and at least so much more.
MOST_TIMES = 3.0
MOST_MORE = 0.05
#: It may fall to this part of it, where so many alerts would have been expected.
LEAST_PART = 0.1
EXPECTED = 20
#: Where the champion before has scored too little to be a measure.
MOST_ALONE = 0.5
LEAST_EVENTS = 200
#: Scoring may take so many times as long per event, and in any case so many seconds.
SLOWER_TIMES = 3.0
SLOW_S = 0.002


class Reason(StrEnum):
    """Why a champion is taken back: labels of ``core.metrics.ROLLBACKS``."""

    MANY_ALERTS = "many_alerts"
    FEW_ALERTS = "few_alerts"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Tally:
    """What one version did with some events.

    Attributes:
        events: how many.
        alerts: how many of them the model would alert.
        seconds: spent on scoring and deciding them.
    """

    events: int = 0
    alerts: int = 0
    seconds: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.events + other.events, self.alerts + other.alerts, self.seconds + other.seconds
        )

    def __sub__(self, other: Tally) -> Tally:
        return Tally(
            self.events - other.events, self.alerts - other.alerts, self.seconds - other.seconds
        )

    @property
    def share(self) -> float:
        """Alerts by events, 0 without events."""
        return self.alerts / self.events if self.events else 0.0

    @property
    def pace(self) -> float:
        """Seconds per event, 0 without events."""
        return self.seconds / self.events if self.events else 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """A champion that is to be taken back.

    Attributes:
        version: its name.
        reason: why.
        text: the same in words, with the figures.
    """

    version: str
    reason: Reason
    text: str


def judge(before: Tally, seen: Tally) -> tuple[Reason, str] | None:
    """Why a champion is to be taken back; None where it may stay.

    Args:
        before: the champion before it; fewer than ``LEAST_EVENTS`` are no measure.
        seen: the new one.
    """
    most = most_share(before)
    if seen.share > most:
        return Reason.MANY_ALERTS, (
            f"it alerts {seen.share:.1%} of {seen.events:,} events, the one before "
            f"{before.share:.1%} of {before.events:,}; at most {most:.1%} may be"
        )
    if before.events < LEAST_EVENTS:
        return None
    if before.share * seen.events >= EXPECTED and seen.share < LEAST_PART * before.share:
        return Reason.FEW_ALERTS, (
            f"it alerts {seen.share:.2%} of {seen.events:,} events, the one before "
            f"{before.share:.2%}; at least {LEAST_PART * before.share:.2%} are expected"
        )
    if seen.pace > max(SLOWER_TIMES * before.pace, SLOW_S):
        return Reason.SLOW, (
            f"it takes {seen.pace * 1000:.1f} ms to score an event, the one before "
            f"{before.pace * 1000:.1f} ms"
        )
    return None


def most_share(before: Tally) -> float:
    """The largest share of alerts that a champion may have after ``before``."""
    if before.events < LEAST_EVENTS:
        return MOST_ALONE
    return max(MOST_TIMES * before.share, before.share + MOST_MORE)


class PromotionGuard:
    """Counts what champions do; may be used from several threads.

    Args:
        events: how many of a new champion are looked at; 0: none, no verdict is ever given.
    """

    def __init__(self, events: int) -> None:
        self._events = events
        self._lock = threading.Lock()
        self._version = ""
        self._lately: deque[Tally] = deque()
        self._sum = Tally()
        self._watched = ""
        self._before = Tally()
        self._verdict: Verdict | None = None

    def watch(self, version: str) -> None:
        """This version has just been promoted over the one whose events were counted last."""
        if not self._events:
            return
        with self._lock:
            self._before, self._watched, self._verdict = self._sum, version, None

    def observe(self, version: str, one: Tally) -> None:
        """A version has scored a micro-batch."""
        if not self._events:
            return
        with self._lock:
            if version != self._version:
                self._version, self._sum = version, Tally()
                self._lately.clear()
            self._lately.append(one)
            self._sum += one
            while self._sum.events - self._lately[0].events >= self._events:
                self._sum -= self._lately.popleft()
            if version == self._watched:
                self._judge()

    def verdict(self) -> Verdict | None:
        """The champion to be taken back, once."""
        with self._lock:
            found, self._verdict = self._verdict, None
            return found

    def _judge(self) -> None:
        seen = self._sum
        certain = seen.alerts > most_share(self._before) * self._events
        if seen.events < self._events and not certain:
            return
        found = judge(self._before, seen)
        if found is not None:
            self._verdict = Verdict(self._watched, *found)
        self._watched = ""
