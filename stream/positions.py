"""Which offsets are done: one contiguous position per partition.

Batches are handed out in order and may only be committed from the front: the position moves past
a batch when that batch and all before it are finished. Nothing here knows Kafka.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

P = TypeVar("P", bound=Hashable)


@dataclass(eq=False, slots=True)
class Batch(Generic[P]):
    """What the agent is handed as one event.

    Attributes:
        items: payloads in the order in which they are to be processed.
        next_offset: partition → offset to commit once the batch is finished.
        epoch: the assignment the batch belongs to; the batch of a past one must not be worked on.
    """

    items: list[Any]
    next_offset: Mapping[P, int]
    epoch: int
    started: bool = False
    finished: bool = False

    def __len__(self) -> int:
        return len(self.items)


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
    def in_work(self) -> bool:
        """Whether a batch was started and not finished."""
        return any(batch.started and not batch.finished for batch in self._outstanding)

    @property
    def done(self) -> Mapping[P, int]:
        """Partition → offset up to which everything is finished."""
        return self._done
