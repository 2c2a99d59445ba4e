"""The definition of the window quantities, as plainly as it can be written: O(n²), no state.

``arrivals`` is what was put into state, in that order; ``offline`` is the case in which it is the
total order.
"""

from __future__ import annotations

from dataclasses import dataclass

from features.declared import CAP, LOOK_BACK_MS, WINDOWS


@dataclass(frozen=True)
class Event:
    """An event as one entity sees it; ``event_id`` is what ids are compared by."""

    event_id: bytes
    time: int
    amount: int
    entity: str | None
    peer: str
    country: int

    @property
    def order(self) -> tuple[int, bytes]:
        return self.time, self.event_id


def quantities(event: Event, arrivals: list[Event]) -> dict[str, int] | None:
    """What ``event`` sees when ``arrivals`` came in this order (repeats allowed); None: nobody."""
    if event.entity is None:
        return None
    past: dict[bytes, Event] = {}
    for other in arrivals:
        if other.event_id == event.event_id:
            break
        if other.entity == event.entity and abs(event.time - other.time) < LOOK_BACK_MS:
            past.setdefault(other.event_id, other)
    seen = sorted(
        (other for other in past.values() if other.order < event.order),
        key=lambda other: other.order,
        reverse=True,
    )
    result = {"truncated": int(len(seen) > CAP), "overtaken": len(past) - len(seen)}
    seen = seen[:CAP]
    for name, length in WINDOWS.items():
        window = [other for other in seen if event.time - other.time < length]
        result[f"count_{name}"] = len(window)
        result[f"spend_{name}"] = sum(other.amount for other in window)
        result[f"peers_{name}"] = len({other.peer for other in window})
        result[f"countries_{name}"] = len({other.country for other in window})
    minute = [other for other in seen if event.time - other.time < WINDOWS["1m"]]
    result["same_amount"] = sum(other.amount == event.amount for other in minute)
    result["since_previous"] = event.time - seen[0].time if seen else -1
    result["age"] = event.time - seen[-1].time if seen else -1
    return result
