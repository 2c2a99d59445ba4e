"""Dead letters out of their topic, as it was when the reading began.

Promise: every letter of the stretch is yielded once, in the order of its partition; letters that
arrive meanwhile are not; nothing is committed, and no more is held than what one fetch brings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from operator import methodcaller
from typing import Any

from core.errors import BrokerError, DataError
from core.kafka_admin import KafkaAdmin
from core.names import DAY_MS, Topics
from core.settings import Settings
from producer.tail import TailReader
from stream.dead_letters import DeadLetter, Place, read_letter

#: A letter says when it was set aside by its worker's clock and is stored by the broker's, later.
#: Where the worker's clock is ahead by more than this, ``since`` may miss the letter.
_CLOCKS_APART_MS = DAY_MS
#: A letter may hold a megabyte.
_AT_ONCE = 64
#: Of a header whose name is not UTF-8 the client makes a broken list and leaves an exception
#: behind. Called in this way the interpreter notices; a hot ``message.headers()`` is not checked.
_headers_of = methodcaller("headers")


@dataclass(frozen=True, slots=True)
class Stretch:
    """What to read of a dead-letter topic: of each partition, from ``begin`` to before ``end``."""

    topic: str
    begin: list[int]
    end: list[int]


def stretch_of(
    settings: Settings, *, since_ms: int | None = None, places: Collection[Place] = ()
) -> Stretch:
    """The part of the topic that holds all letters since a time, or those at some places.

    Raises:
        BrokerError: no broker answers, or it has no such topic.
        DataError: no letter can lie at one of the places.
    """
    admin = KafkaAdmin(settings)
    topic = Topics(settings.namespace).dlq.name
    counts = admin.partitions()
    if topic not in counts:
        raise BrokerError(
            f"there is no topic {topic} at {settings.kafka}: a worker makes it when it starts; "
            "is FRAUDSTREAM_NAMESPACE (--namespace) the one that the worker has?"
        )
    here = {topic: counts[topic]}
    end = admin.offsets(here, end=True)[topic]
    if places:
        first = admin.offsets(here, end=False)[topic]
        begin = list(end)
        stop = list(end)
        for place in sorted(places, reverse=True):
            if place.partition >= len(end):
                raise no_letter(topic, place, f"it has {len(end)} partitions, from 0 on")
            low, high = first[place.partition], end[place.partition]
            if not low <= place.offset < high:
                held = f"holds offsets {low} to {high - 1}" if high > low else "is empty"
                raise no_letter(topic, place, f"partition {place.partition} {held}")
            if begin[place.partition] == high:  # the last one of the partition comes first
                stop[place.partition] = place.offset + 1
            begin[place.partition] = place.offset
        return Stretch(topic, begin, stop)
    if since_ms is None:
        return Stretch(topic, admin.offsets(here, end=False)[topic], end)
    begin = admin.offsets_since(here, max(since_ms - _CLOCKS_APART_MS, 0))[topic]
    return Stretch(topic, [min(pair) for pair in zip(begin, end, strict=True)], end)


def no_letter(topic: str, place: Place, why: str) -> DataError:
    """The error for a place at which there is no letter."""
    return DataError(
        f"there is no dead letter {place} in topic {topic}: {why}; "
        "`fraudstream dlq list` shows those there are"
    )


def letters(settings: Settings, stretch: Stretch) -> Iterator[DeadLetter]:
    """The letters of a stretch.

    Raises:
        BrokerError: the broker went away, or refuses to serve the topic.
    """
    with closing(TailReader(settings, {stretch.topic: stretch.begin}, batch=_AT_ONCE)) as reader:
        for messages in reader.until({stretch.topic: stretch.end}):
            for message in messages:
                yield _letter(message)


def letter_at(settings: Settings, place: Place) -> DeadLetter:
    """The letter at a place.

    Raises:
        BrokerError: no broker answers, or it has no such topic.
        DataError: no letter lies there.
    """
    stretch = stretch_of(settings, places=[place])
    for letter in letters(settings, stretch):
        return letter
    raise no_letter(stretch.topic, place, "nothing lies at that offset")


def _letter(message: Any) -> DeadLetter:
    try:
        headers = _headers_of(message) or []
    except SystemError:
        headers = []
    return read_letter(
        message.topic(),
        Place(message.partition(), message.offset()),
        message.timestamp()[1],
        message.key(),
        message.value(),
        headers,
    )
