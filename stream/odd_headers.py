"""Records that aiokafka cannot read: the name of a header is not UTF-8.

Kafka's protocol says that it is text, but no broker looks, and aiokafka decodes it with the rest
of the record. One such message would end every worker that meets it, and again after each restart.
Headers mean nothing to scoring, so the record is read another way and goes on without them.
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
    settings: Settings, topic: str, partition: int, begin: int, last: int
) -> list[PlainRecord]:
    """The records ``begin`` ≤ offset ≤ ``last`` of a partition; blocks for up to 5 s.

    Returns:
        None of them where the last one did not come in that time.
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
    try:
        consumer.assign([TopicPartition(topic, partition, begin)])
        deadline = time.monotonic() + _READ_S
        while not found or found[-1].offset < last:
            left = deadline - time.monotonic()
            messages = consumer.consume(1000, timeout=min(left, 0.2)) if left > 0 else None
            if messages is None:
                return []
            found += [plain_record(message) for message in messages if message.error() is None]
    finally:
        consumer.close()
    _log.warning(
        "%s, partition %d, offset %d: the name of a header is not UTF-8; read without headers",
        topic, partition, last,
    )  # fmt: skip
    return [record for record in found if record.offset <= last]
