"""Alerts out of their topic: in the order they were published, each event's first one only.

Promise: reading leaves no trace in Kafka, and two readers see the same.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import xxhash

from core.messages import Alert
from producer.tail import TailReader

#: Outcomes remembered to tell a repeat. Workers repeat only what they had not committed.
_REMEMBERED = 1_000_000


@dataclass(slots=True)
class AlertFilter:
    """Decides which messages are alerts to show.

    Attributes:
        profile: only alerts of this profile.
        other_profiles: alerts of other profiles left out.
        unreadable: messages left out because they are not alerts.
    """

    profile: str
    other_profiles: int = 0
    unreadable: int = 0
    _seen: dict[int, None] = field(default_factory=dict)
    _decoder: msgspec.json.Decoder[Alert] = field(
        default_factory=lambda: msgspec.json.Decoder(Alert)
    )

    def of(self, messages: Iterable[Any]) -> Iterator[tuple[Alert, bytes]]:
        """Each alert to be shown, with its bytes."""
        for message in messages:
            value = message.value()
            alert = self.admit(value)
            if alert is not None:
                yield alert, value

    def admit(self, value: bytes | None) -> Alert | None:
        """The alert in a message; None when it is not to be shown."""
        try:
            alert = self._decoder.decode(value or b"")
        except msgspec.DecodeError:
            self.unreadable += 1
            return None
        if alert.profile != self.profile:
            self.other_profiles += 1
            return None
        key = xxhash.xxh3_64_intdigest(alert.event_id.encode())
        if key in self._seen:
            return None
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return alert


def until_now(
    reader: TailReader, topic: str, end: list[int], stopping: Callable[[], bool]
) -> Iterator[Any]:
    """Messages before ``end``, merged over the partitions by the time they were stored.

    A partition holds the others back until its next message is known, so little is kept.
    """
    waiting: list[deque[Any]] = [deque() for _ in end]
    for messages in reader.until({topic: end}):
        if stopping():
            return
        for message in messages:
            waiting[message.partition()].append(message)
        yield from _released(
            waiting, lambda partition: reader.reached(topic, partition, end[partition])
        )
    yield from _released(waiting, lambda _partition: True)


def _released(waiting: list[deque[Any]], done: Callable[[int], bool]) -> Iterator[Any]:
    open_ends = [queue for partition, queue in enumerate(waiting) if not done(partition)]
    while all(open_ends):
        heads = [queue for queue in waiting if queue]
        if not heads:
            return
        yield min(heads, key=_stored).popleft()


def from_now_on(reader: TailReader, stopping: Callable[[], bool]) -> Iterator[Any]:
    """Messages as they arrive, until ``stopping``."""
    while not stopping():
        yield from sorted(reader.poll(), key=lambda message: _stored([message]))


def _stored(queue: deque[Any] | list[Any]) -> tuple[int, int, int]:
    first = queue[0]
    return first.timestamp()[1], first.partition(), first.offset()
