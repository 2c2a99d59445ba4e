"""Merging the partitions of one worker in the total order of their events.

Events are keyed by user, so the events of one device or address lie in several partitions. A
worker that read its partitions one after another would show a device its past in the wrong order.

Promise: if every partition was filled in total order, the rows released are in total order over
all partitions, however the fetches fell. Rows of one partition are always released in offset
order, late records included.

How: a record's *key* is the running maximum of (event time, id) in its partition, so keys never
fall. A partition that is not idle may still bring something as early as its last buffered key;
hence everything up to the smallest such key over all partitions that are not idle may go. A
partition is idle when what was fetched of it reaches its high watermark: live traffic does not
wait, and no timer is involved.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

P = TypeVar("P", bound=Hashable)

NO_TIME = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Rows:
    """Records of one partition in offset order, with what orders them.

    Attributes:
        items: n payloads, carried along untouched.
        offset: their offsets, ascending, shape (n,).
        time_ms: event time, ``NO_TIME`` where there is none (a record that will be rejected goes
            with the record before it), shape (n,).
        order_id: order keys of the event ids, shape (n,).
    """

    items: list[Any]
    offset: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    order_id: NDArray[np.bytes_]

    def __len__(self) -> int:
        return len(self.items)

    def split(self, at: int) -> tuple[Rows, Rows]:
        """The first ``at`` rows and the rest."""
        return (
            Rows(self.items[:at], self.offset[:at], self.time_ms[:at], self.order_id[:at]),
            Rows(self.items[at:], self.offset[at:], self.time_ms[at:], self.order_id[at:]),
        )


@dataclass(slots=True)
class _Partition:
    rows: Rows | None = None  #: buffered; time and id already replaced by their running maximum
    size: int = 0  #: bytes of these rows, supposing that all that came at once are equally large
    idle: bool = False
    last_time: int = NO_TIME
    last_id: bytes = b""


@dataclass(frozen=True, slots=True)
class Merged(Generic[P]):
    """Released rows.

    Attributes:
        items: payloads in total order.
        next_offset: partition → offset after its last released row.
    """

    items: list[Any]
    next_offset: dict[P, int]

    def __len__(self) -> int:
        return len(self.items)


@dataclass(slots=True)
class Merger(Generic[P]):
    """Buffers of the assigned partitions."""

    _partitions: dict[P, _Partition] = field(default_factory=dict)
    _ready: Rows | None = None
    _ready_partition: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    _names: list[P] = field(default_factory=list)

    def assign(self, partitions: Sequence[P]) -> None:
        """Forget everything and start over with these partitions."""
        self._partitions = {name: _Partition() for name in partitions}
        self._names = list(partitions)
        self._ready = None

    def buffered(self, partition: P) -> int:
        """How many rows of the partition wait for others."""
        rows = self._partitions[partition].rows
        return 0 if rows is None else len(rows)

    def buffered_bytes(self, partition: P) -> int:
        """How large these rows are, about."""
        return self._partitions[partition].size

    @property
    def waiting(self) -> int:
        """How many rows of all partitions wait for others."""
        return sum(self.buffered(name) for name in self._names)

    def add(self, partition: P, rows: Rows, size: int = 0) -> None:
        """Buffer rows, of ``size`` bytes, that follow those already added for the partition."""
        state = self._partitions[partition]
        state.idle = False
        time, ids = _running_maximum(rows, state.last_time, state.last_id)
        state.last_time, state.last_id = int(time[-1]), bytes(ids[-1])
        keyed = Rows(rows.items, rows.offset, time, ids)
        state.size += size
        state.rows = keyed if state.rows is None else _joined([state.rows, keyed])

    def set_idle(self, partition: P, idle: bool) -> None:
        """Say whether all of the partition, as far as the broker has said, was added."""
        self._partitions[partition].idle = idle

    def waiting_for(self) -> list[P]:
        """Partitions that hold the others back: behind their end, with nothing buffered."""
        return [
            name
            for name, state in self._partitions.items()
            if state.rows is None and not state.idle
        ]

    def ready(self, limit: int) -> int:
        """How many rows may go; more than ``limit`` are not looked for."""
        if self._ready is None or len(self._ready) < limit:
            self._advance()
        return 0 if self._ready is None else len(self._ready)

    def take(self, limit: int) -> Merged[P] | None:
        """At most ``limit`` rows in total order, or None where none may go yet."""
        self.ready(limit)
        if self._ready is None:
            return None
        head, rest = self._ready.split(limit)
        partition = self._ready_partition[: len(head)]
        self._ready_partition = self._ready_partition[len(head) :]
        self._ready = rest if len(rest) else None
        next_offset = {
            self._names[number]: int(head.offset[partition == number].max()) + 1
            for number in np.unique(partition).tolist()
        }
        return Merged(head.items, next_offset)

    def _advance(self) -> None:
        """Move what may go from the buffers behind the ready rows, sorted."""
        if self.waiting_for():
            return
        frontier: tuple[int, bytes] | None = None
        for state in self._partitions.values():
            if not state.idle:
                key = (state.last_time, state.last_id)
                frontier = key if frontier is None else min(frontier, key)
        released: list[Rows] = []
        numbers: list[NDArray[np.int64]] = []
        for number, name in enumerate(self._names):
            state = self._partitions[name]
            if state.rows is None:
                continue
            count = len(state.rows) if frontier is None else _up_to(state.rows, frontier)
            if not count:
                continue
            state.size -= state.size * count // len(state.rows)
            head, rest = state.rows.split(count)
            state.rows = rest if len(rest) else None
            released.append(head)
            numbers.append(np.full(count, number, np.int64))
        if released:
            rows, partition = _joined(released), np.concatenate(numbers)
            if len(released) > 1:
                order = _merge_order(rows, partition)
                rows = Rows(
                    [rows.items[i] for i in order.tolist()],
                    rows.offset[order],
                    rows.time_ms[order],
                    rows.order_id[order],
                )
                partition = partition[order]
            if self._ready is not None:
                rows = _joined([self._ready, rows])
                partition = np.concatenate([self._ready_partition, partition])
            self._ready, self._ready_partition = rows, partition


def _joined(parts: list[Rows]) -> Rows:
    if len(parts) == 1:
        return parts[0]
    return Rows(
        [item for part in parts for item in part.items],
        np.concatenate([part.offset for part in parts]),
        np.concatenate([part.time_ms for part in parts]),
        np.concatenate([part.order_id for part in parts]),
    )


def _up_to(rows: Rows, frontier: tuple[int, bytes]) -> int:
    """How many rows have a key not above ``frontier``; keys ascend."""
    time, order_id = frontier
    low = int(np.searchsorted(rows.time_ms, time, side="left"))
    high = int(np.searchsorted(rows.time_ms, time, side="right"))
    return low + int(np.searchsorted(rows.order_id[low:high], order_id, side="right"))


def _merge_order(rows: Rows, partition: NDArray[np.int64]) -> NDArray[np.intp]:
    """Indices that sort by (time, id, partition, offset)."""
    order = np.argsort(rows.time_ms, kind="stable")  # within a partition: already by offset
    time, number = rows.time_ms[order], partition[order]
    if np.any((time[1:] == time[:-1]) & (number[1:] != number[:-1])):  # ties across partitions
        order = np.lexsort((rows.offset, partition, rows.order_id, rows.time_ms))
    return order


def _running_maximum(
    rows: Rows, last_time: int, last_id: bytes
) -> tuple[NDArray[np.int64], NDArray[np.bytes_]]:
    """(time, id) replaced by the largest (time, id) so far, starting from the given one."""
    time = np.maximum(np.maximum.accumulate(rows.time_ms), last_time)
    late = rows.time_ms != time
    tie = np.flatnonzero(time[1:] == time[:-1]) + 1
    falls = bool(late.any())
    if not falls:
        falls = bool((rows.order_id[tie] < rows.order_id[tie - 1]).any()) or (
            int(time[0]) == last_time and bytes(rows.order_id[0]) < last_id
        )
    if not falls:
        return time, rows.order_id
    ids = rows.order_id.copy()
    key = (last_time, last_id)
    for index, own in enumerate(zip(rows.time_ms.tolist(), rows.order_id.tolist(), strict=True)):
        key = max(key, own)
        ids[index] = key[1]
    return time, ids
