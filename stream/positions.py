"""Which offsets are done: one contiguous position per partition.

Batches are handed out in order and may only be committed from the front: the position moves past
a batch when that batch and all before it are finished. Nothing here knows Kafka.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from stream.merge import Merged

P = TypeVar("P", bound=Hashable)


@dataclass(eq=False, slots=True)
class Batch(Generic[P]):
    """What the agent is handed as one event. It stays open, and may grow, until work on it starts.

    Attributes:
        items: payloads in the order in which they are to be processed.
        next_offset: partition → offset to commit once the batch is finished.
        epoch: the assignment the batch belongs to; the batch of a past one must not be worked on.
        limit: how many items it takes.
        opened_at: when it got its first item, in seconds of ``time.monotonic``.
        started: somebody works on it.
        finished: its outcomes are acknowledged.
    """

    items: list[Any]
    next_offset: dict[P, int]
    epoch: int
    limit: int
    opened_at: float = field(default_factory=time.monotonic)
    started: bool = False
    finished: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def has_room(self) -> bool:
        """Whether it still takes items."""
        return not self.started and len(self.items) < self.limit

    def grow(self, take: Callable[[int], Merged[P] | None]) -> None:
        """Add what ``take`` gives when told how many items there is room for."""
        with self._lock:
            merged = take(self.limit - len(self.items)) if self.has_room else None
            if merged is not None:
                self.items += merged.items
                self.next_offset.update(merged.next_offset)

    def start(self) -> None:
        """From now on it does not grow; may be called from any thread."""
        with self._lock:
            self.started = True


@dataclass(slots=True)
class Positions(Generic[P]):
    """Outstanding batches and the positions behind them."""

    _outstanding: deque[Batch[P]] = field(default_factory=deque)
    _done: dict[P, int] = field(default_factory=dict)

    def hand_out(self, batch: Batch[P]) -> None:
        """Note that ``batch`` is on its way to the agent."""
        self._outstanding.append(batch)

    def finish(self, batch: Batch[P]) -> bool:
        """Note that ``batch`` is done; False when it is unknown (forgotten by a rebalance)."""
        batch.finished = True
        if batch not in self._outstanding:
            return False
        while self._outstanding and self._outstanding[0].finished:
            self._done.update(self._outstanding.popleft().next_offset)
        return True

    def forget(self) -> None:
        """Drop everything: the partitions belong to somebody else, or start over."""
        self._outstanding.clear()
        self._done.clear()

    @property
    def outstanding(self) -> int:
        """How many batches are not behind the position yet."""
        return len(self._outstanding)

    @property
    def last(self) -> Batch[P] | None:
        """The batch handed out last, while it is outstanding."""
        return self._outstanding[-1] if self._outstanding else None

    @property
    def in_work(self) -> bool:
        """Whether a batch was started and not finished."""
        return any(batch.started and not batch.finished for batch in self._outstanding)

    @property
    def done(self) -> Mapping[P, int]:
        """Partition → offset up to which everything is finished."""
        return self._done
