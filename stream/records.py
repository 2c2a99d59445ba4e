"""From fetched Kafka records to rows that the merger can order."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from core.errors import RejectedEvent
from features.validation import decode
from features.validation_one import Accepted
from stream.merge import Rows

P = TypeVar("P", bound=Hashable)


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


def rows_by_partition(
    profile: str, records: Mapping[P, Sequence[Any]], max_future_ms: int
) -> dict[P, Rows]:
    """``to_rows`` of several partitions in one go: at low rates a call costs more than a record."""
    together = [record for found in records.values() for record in found]
    rest = to_rows(profile, together, max_future_ms)
    rows = {}
    for partition, found in records.items():
        rows[partition], rest = rest.split(len(found))
    return rows
