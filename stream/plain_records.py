"""Records read through librdkafka, under the names that the rest of the worker knows."""

from __future__ import annotations

from typing import NamedTuple

from confluent_kafka import Message


class PlainRecord(NamedTuple):
    """What a worker looks at of a record, under ``aiokafka``'s names."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


def plain_record(message: Message) -> PlainRecord:
    """The record without its headers; reading them fails where a name is not UTF-8."""
    return PlainRecord(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.timestamp()[1],
        message.key(),
        message.value(),
    )
