"""Where the rate limiter counts: this process's memory, safe for many threads.

The storage that comes with the limiter starts a timer thread from whatever thread a request is
answered in; two requests at once may start the same one, which fails.
"""

from __future__ import annotations

import threading
import time

from limits.storage import Storage

#: More clients than that are looked through for those whose window is over.
_MANY = 10_000


class ProcessMemory(Storage):
    """Counts of fixed windows."""

    STORAGE_SCHEME = ["process-memory"]  # noqa: RUF012 - as the base class has it

    def __init__(
        self, uri: str | None = None, wrap_exceptions: bool = False, **_options: object
    ) -> None:
        super().__init__(uri, wrap_exceptions=wrap_exceptions)
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, float]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        """None of its own."""
        return Exception

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, in a window that lasts ``expiry`` seconds from its first count."""
        now = time.time()
        with self._lock:
            count, end = self._windows.get(key, (0, 0.0))
            if end <= now:
                count, end = 0, now + expiry
                if len(self._windows) > _MANY:
                    self._windows = {
                        one: window for one, window in self._windows.items() if window[1] > now
                    }
            self._windows[key] = (count + amount, end)
            return count + amount

    def get(self, key: str) -> int:
        """The count of a window."""
        count, end = self._windows.get(key, (0, 0.0))
        return count if end > time.time() else 0

    def get_expiry(self, key: str) -> float:
        """When a window is over, Unix time."""
        return self._windows.get(key, (0, time.time()))[1]

    def check(self) -> bool:
        """It is always there."""
        return True

    def reset(self) -> int | None:
        """Forget everything; returns how many windows there were."""
        with self._lock:
            size = len(self._windows)
            self._windows = {}
        return size

    def clear(self, key: str) -> None:
        """Forget one window."""
        with self._lock:
            self._windows.pop(key, None)
