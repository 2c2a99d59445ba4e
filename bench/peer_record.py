"""A record as the pipeline looks at it, whoever has read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class PeerRecord(NamedTuple):
    """A Kafka message under the names that the pipeline uses."""

    topic: str
    partition: int
    offset: int
    timestamp: int  #: the broker's, ms
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
