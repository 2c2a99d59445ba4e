"""One call for several callers that come at the same time.

A call that costs nearly the same for one item as for many is made once for all who wait: whoever
comes while one is being made waits, and the next is made for all of them together. Nobody waits for
company: a lone caller is served at once.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Waiting(Generic[T, R]):
    """One caller's items, and what came of them."""

    def __init__(self, items: Sequence[T]) -> None:
        self.items = items
        self.results: list[R] | None = None
        self.error: Exception | None = None

    @property
    def is_served(self) -> bool:
        return self.results is not None or self.error is not None


class Grouped(Generic[T, R]):
    """Calls ``work`` for the items of several threads at once.

    Args:
        work: n items → n results; what it raises, every caller of the group gets.
        most: a group is closed when it has so many items; one caller's are never divided.
    """

    def __init__(self, work: Callable[[list[T]], list[R]], most: int) -> None:
        self._work = work
        self._most = most
        self._turn = threading.Lock()
        self._queue: deque[_Waiting[T, R]] = deque()

    def __call__(self, items: Sequence[T]) -> list[R]:
        """The results of one caller's items, in their order."""
        mine: _Waiting[T, R] = _Waiting(items)
        self._queue.append(mine)
        while not mine.is_served:
            with self._turn:
                if not mine.is_served:  # nobody has done it while this one waited for its turn
                    self._serve(self._next_group())
        if mine.error is not None:
            raise mine.error
        assert mine.results is not None  # noqa: S101 - what being served means
        return mine.results

    def _next_group(self) -> list[_Waiting[T, R]]:
        group = [self._queue.popleft()]
        count = len(group[0].items)
        while self._queue and count + len(self._queue[0].items) <= self._most:
            group.append(self._queue.popleft())
            count += len(group[-1].items)
        return group

    def _serve(self, group: Sequence[_Waiting[T, R]]) -> None:
        try:
            results = self._work([item for one in group for item in one.items])
        except Exception as error:
            for one in group:
                one.error = error
            return
        begin = 0
        for one in group:
            end = begin + len(one.items)
            one.results = results[begin:end]
            begin = end
