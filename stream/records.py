"""From fetched Kafka records to rows that the merger can order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import RejectedEvent
from features.validation import decode
from features.validation_one import Accepted
from stream.merge import Rows


@dataclass(frozen=True, slots=True)
class Arrived:
    """One record, decoded or rejected.

    Attributes:
        record: the ``aiokafka`` record: key, value, partition, offset, broker timestamp.
        event: the decoded event, or why it is rejected.
    """

    record: Any
    event: Accepted | RejectedEvent


def to_rows(profile: str, records: Sequence[Any], max_future_ms: int) -> Rows:
    """Decode fetched records of one partition; nothing is lost, rejected ones are carried along."""
    broker_ms = np.fromiter((record.timestamp for record in records), np.int64, len(records))
    decoded = decode(profile, [record.value for record in records], broker_ms, max_future_ms)
    rejected = decoded.rejected
    items = [
        Arrived(record, rejected[row] if event is None else event)
        for row, (record, event) in enumerate(zip(records, decoded.event, strict=True))
    ]
    offset = np.fromiter((record.offset for record in records), np.int64, len(records))
    return Rows(items, offset, decoded.time_ms, decoded.order_id)
