"""What the topics of a namespace hold, read from their beginning."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import orjson

from core.kafka_admin import KafkaAdmin
from core.settings import Settings
from producer.tail import TailReader


@dataclass(frozen=True)
class Stored:
    partition: int
    offset: int
    key: str
    value: Any
    timestamp_type: int


def contents(settings: Settings, topic: str) -> list[Stored]:
    """All messages of ``topic``, in order within each partition."""
    admin = KafkaAdmin(settings)
    counts = {topic: admin.partitions()[topic]}
    reader = TailReader(settings, admin.offsets(counts, end=False))
    try:
        return [
            Stored(
                message.partition(),
                message.offset(),
                message.key().decode(),
                orjson.loads(message.value()),
                message.timestamp()[0],
            )
            for message in chain.from_iterable(reader.until(admin.offsets(counts, end=True)))
        ]
    finally:
        reader.close()


def event_ids(settings: Settings, topic: str) -> list[str]:
    """Ids of the events in ``topic``, sorted, repeats included."""
    return sorted(stored.value["event_id"] for stored in contents(settings, topic))
