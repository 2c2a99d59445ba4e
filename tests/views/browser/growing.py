"""A store of which events become known one after another, and which can be out of reach."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.errors import StateError
from views.file.frame import Events, FrameStore
from views.store import Health


class GrowingStore:
    """The first events of a file, as if they came from a stream.

    Args:
        events: all that there will be.
        known: how many of them there are now.
    """

    live = True

    def __init__(self, events: Events, known: int) -> None:
        self._all = events
        self.away = False
        self.show(known)

    def show(self, known: int) -> None:
        """Let there be this many events."""
        self.known = known
        self._store = FrameStore(first_of(self._all, known), f"{known} events")

    def health(self) -> Health:
        """Out of reach, or well."""
        return Health(False, "Redis does not answer.") if self.away else Health(True, lag=0)

    def __getattr__(self, name: str) -> Any:
        if self.away and name != "scored":
            raise StateError("Redis does not answer")
        return getattr(self._store, name)


def first_of(events: Events, count: int) -> Events:
    """The first ones, in total order."""
    ids = set(events.event_id[:count])
    return replace(
        events,
        event_id=events.event_id[:count],
        time_ms=events.time_ms[:count],
        amount=events.amount[:count],
        texts={name: column[:count] for name, column in events.texts.items()},
        age=events.age[:count],
        label=events.label[:count],
        score=None if events.score is None else events.score[:count],
        decision=None if events.decision is None else events.decision[:count],
        alerts={event_id: alert for event_id, alert in events.alerts.items() if event_id in ids},
    )
