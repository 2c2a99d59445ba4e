"""Records that aiokafka cannot read: the name of a header is not UTF-8.

Kafka's protocol says that it is text, but no broker looks, and aiokafka decodes it with the rest
of the record. One such message would end every worker that meets it, and again after each restart.
Headers mean nothing to scoring, so the record is read another way and goes on without them. Where
one is, there may be many: those behind it are read in the same way, since each time costs a new
connection and a fifth of a second.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from core.settings import Settings
from stream.plain_records import PlainRecord, plain_record

_log = logging.getLogger(__name__)

_READ_S = 5.0
#: How long more of them are waited for.
_MORE_S = 0.2
#: What is enough for one time.
_MANY = 8_192
_LARGE = 16 << 20


def broken_at(buffered: Any) -> int | None:
    """Offset of the record that ``aiokafka`` could not decode.

    Args:
        buffered: what its fetcher holds of a partition.

    Returns:
        None where it has met no such record.
    """
    records = getattr(buffered, "_partition_records", None)
    if records is None or records._records_iterator is None:
        return None
    # A generator that raised has no frame any more.
    return None if records._records_iterator.gi_frame is not None else records.next_fetch_offset


def read_plainly(
    settings: Settings, topic: str, partition: int, begin: int, odd: int, end: int
) -> list[PlainRecord]:
    """Records of a partition from ``begin`` on; blocks for up to 5 s.

    Args:
        settings: where and how to connect.
        topic: its name.
        partition: which.
        begin: offset of the first.
        odd: offset of one that ``aiokafka`` could not read.
        end: offset after the last, as far as known.

    Returns:
        As many as came quickly, up to ``odd`` at least. None where that did not come in time.
    """
    consumer = Consumer(
        {
            **settings.confluent_config(),
            "group.id": f"{settings.namespace}-odd-headers",  # asked for, and never joined
            "enable.auto.commit": False,
            "isolation.level": "read_uncommitted",  # as aiokafka reads
        }
    )
    found: list[PlainRecord] = []
    size = 0
    try:
        consumer.assign([TopicPartition(topic, partition, begin)])
        deadline = time.monotonic() + _READ_S
        while not found or found[-1].offset < end - 1:
            has_odd = bool(found) and found[-1].offset >= odd
            if has_odd and (len(found) >= _MANY or size >= _LARGE):
                break
            left = deadline - time.monotonic()
            messages = consumer.consume(1000, timeout=min(left, _MORE_S)) if left > 0 else []
            if not messages and has_odd:
                break
            if left <= 0:
                return []
            for message in messages:
                if message.error() is None:
                    found.append(plain_record(message))
                    size += len(message.value() or b"")
    finally:
        consumer.close()
    _log.warning(
        "%s, partition %d, offset %d: the name of a header is not UTF-8; "
        "from %d to %d read without headers",
        topic, partition, odd, begin, found[-1].offset,
    )  # fmt: skip
    return found
