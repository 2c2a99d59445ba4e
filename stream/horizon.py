"""How late is too late: the newest accepted event time of each partition.

An event more than ``HORIZON_MS`` behind the newest event accepted before it in its partition is
scored but not put into state. The newest times are kept with the fence (``features.fence``), so
that a restart does not move the horizon.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.declared import HORIZON_MS

#: Newest event time of a partition that had none: nothing is too late.
NEVER = int(np.iinfo(np.int64).min // 2)


class Horizon:
    """Newest accepted event times of the partitions of one topic."""

    def __init__(self) -> None:
        self._newest: dict[int, int] = {}

    def set(self, partition: int, newest_ms: int) -> None:
        """Say what the newest event time of a partition is."""
        self._newest[partition] = newest_ms

    def newest(self, partition: int) -> int:
        """Newest event time of a partition, milliseconds since 1970 UTC."""
        return self._newest.get(partition, NEVER)

    def within(self, partitions: Sequence[int], time_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mask of the events that may be put into state; also moves the horizon.

        Args:
            partitions: partition of each event, in offset order within a partition.
            time_ms: event times, shape (n,).
        """
        number = np.asarray(partitions, np.int64)
        result = np.empty(len(number), np.bool_)
        for partition in np.unique(number).tolist():
            rows = np.flatnonzero(number == partition)
            before = np.concatenate(([self.newest(partition)], time_ms[rows]))
            running = np.maximum.accumulate(before)
            result[rows] = time_ms[rows] > running[:-1] - HORIZON_MS
            self._newest[partition] = int(running[-1])
        return result
