"""Micro-batches inside a framework that hands over one event after another."""

from __future__ import annotations

import time
from typing import Generic, TypeVar

T = TypeVar("T")
#: How old the first event of a batch may become. The next event closes it then; where none comes,
#: the checkpoint does.
_WAIT_S = 0.01


class MicroBatch(Generic[T]):
    """Gathers events until there are enough, or the first has waited long enough.

    Args:
        size: how many are enough.
        wait_s: how long is long enough.
    """

    def __init__(self, size: int, wait_s: float = _WAIT_S) -> None:
        self._size = size
        self._wait_s = wait_s
        self._gathered: list[T] = []
        self._due_s = 0.0

    def add(self, one: T) -> list[T]:
        """The batch that is complete with this event; else nothing yet."""
        now = time.perf_counter()
        if not self._gathered:
            self._due_s = now + self._wait_s
        self._gathered.append(one)
        return self.close() if len(self._gathered) >= self._size or now >= self._due_s else []

    def close(self) -> list[T]:
        """What was gathered since the last batch."""
        gathered, self._gathered = self._gathered, []
        return gathered
