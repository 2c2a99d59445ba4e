"""How late is too late: the newest accepted event time of each partition.

An event more than ``HORIZON_MS`` behind the newest event accepted before it in its partition is
scored but not put into state. The newest times live in Redis beside the state, so that a restart
does not move the horizon.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.declared import HORIZON_MS
from features.entry import LAYOUT_VERSION
from features.wire import Wire

_NEVER = np.iinfo(np.int64).min // 2


class Horizon:
    """Newest accepted event times of the partitions of one topic.

    Args:
        wire: connection to Redis.
        namespace: as of the state.
        topic: the input topic.
    """

    def __init__(self, wire: Wire, namespace: str, topic: str) -> None:
        self._wire = wire
        self._key = f"{namespace}:{LAYOUT_VERSION}:newest:{topic}".encode()
        self._newest: dict[int, int] = {}

    def forget(self) -> None:
        """The partitions are another worker's: ask Redis when they come back."""
        self._newest = {}  # a new one: the work thread may be in the middle of a batch

    def within(self, partitions: Sequence[int], time_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mask of the events that may be put into state; also moves the horizon, in memory.

        Args:
            partitions: partition of each event, in offset order within a partition.
            time_ms: event times, shape (n,).
        """
        known = self._newest
        number = np.asarray(partitions, np.int64)
        result = np.empty(len(number), np.bool_)
        for partition in np.unique(number).tolist():
            rows = np.flatnonzero(number == partition)
            if partition not in known:
                known[partition] = self._load(partition)
            before = np.concatenate(([known[partition]], time_ms[rows]))
            running = np.maximum.accumulate(before)
            result[rows] = time_ms[rows] > running[:-1] - HORIZON_MS
            known[partition] = int(running[-1])
        return result

    def save(self) -> None:
        """Write the horizon of every partition seen, once the events behind it are in state."""
        words: list[bytes] = [b"HSET", self._key]
        for partition, newest in self._newest.items():
            words += [str(partition).encode(), str(newest).encode()]
        if len(words) > 2:
            self._wire.execute([tuple(words)])

    def _load(self, partition: int) -> int:
        stored = self._wire.execute([(b"HGET", self._key, str(partition).encode())])[0]
        return _NEVER if stored is None else int(stored)
