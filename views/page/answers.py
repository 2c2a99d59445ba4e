"""Answers that are worked out once for all open pages, and again when the store has changed."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from views.store import Store

T = TypeVar("T")
_KEPT = 256
#: Pages that ask within this many seconds of each other see the same revision.
_FRESH_S = 0.3


class Answers:
    """Remembers what was made from one revision of a store.

    Args:
        store: to make it from.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._lock = threading.Lock()
        self._revision: tuple[float, str] | None = None
        self._kept: OrderedDict[Hashable, _Slot] = OrderedDict()

    def revision(self) -> str:
        """That of the store, asked at most every third of a second.

        Raises:
            StateError: the store cannot be reached.
        """
        known = self._revision
        if known is not None and time.monotonic() - known[0] < _FRESH_S:
            return known[1]
        revision = self.store.revision()
        self._revision = (time.monotonic(), revision)
        return revision

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What ``make`` returned for this key and revision; errors are not remembered."""
        slot_key = (self.revision(), key)
        with self._lock:
            slot = self._kept.setdefault(slot_key, _Slot())
            self._kept.move_to_end(slot_key)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        with slot.lock:
            if not slot.full:
                slot.value, slot.full = make(), True
        found: T = slot.value
        return found


class _Slot:
    """One answer; its lock keeps two pages from working it out at the same time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.full = False
        self.value: Any = None
