"""One call for several callers that come at the same time.

A call that costs nearly the same for one item as for many is made once for all who wait: whoever
comes while one is being made waits, and the next is made for all of them together. Nobody waits for
company: a lone caller is served at once.

Whoever has waited longest makes the next call, and all who were served go on at once: none of them
waits for a call that is made for others.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class _Waiting(Generic[T, R]):
    """One caller's items, and what came of them.

    Attributes:
        called: set when it has been served, or is to make the next call.
    """

    def __init__(self, items: Sequence[T]) -> None:
        self.items = items
        self.called = threading.Event()
        self.results: list[R] | None = None
        self.error: Exception | None = None

    @property
    def is_served(self) -> bool:
        return self.results is not None or self.error is not None


class Grouped(Generic[T, R]):
    """Calls ``work`` for the items of several threads at once, one call at a time.

    Args:
        work: n items → n results; what it raises, every caller of the group gets.
        most: a group is closed when it has so many items; one caller's are never divided.
    """

    def __init__(self, work: Callable[[list[T]], list[R]], most: int) -> None:
        self._work = work
        self._most = most
        self._lock = threading.Lock()
        self._is_working = False
        self._queue: deque[_Waiting[T, R]] = deque()

    def __call__(self, items: Sequence[T]) -> list[R]:
        """The results of one caller's items, in their order."""
        mine: _Waiting[T, R] = _Waiting(items)
        with self._lock:
            self._queue.append(mine)
            waits, self._is_working = self._is_working, True
        if waits:
            mine.called.wait()
        if not mine.is_served:
            self._work_for_all()
        if mine.error is not None:
            raise mine.error
        assert mine.results is not None  # noqa: S101 - what being served means
        return mine.results

    def _work_for_all(self) -> None:
        """Serve a group, the caller's items among it, and call whoever is next."""
        group = self._next_group()
        try:
            self._serve(group)
        finally:
            with self._lock:
                following = self._queue[0] if self._queue else None
                self._is_working = following is not None
            if following is not None:
                following.called.set()
            for one in group:
                one.called.set()

    def _next_group(self) -> list[_Waiting[T, R]]:
        with self._lock:
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
