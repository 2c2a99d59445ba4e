"""The end of a worker that hangs: its supervisor starts a new one, which reads everything again.

A consumer can stop for good without an error, by a fault of ours or of a library. What shows it
cannot be asked of the parts that may hang, so a thread of its own asks the broker: there are
records behind the committed offset, and it does not move. An outage is no hanging: while Redis or
Kafka is away the parts that wait for them give a sign each time they try.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable

from core.errors import BrokerError
from stream.input_log import InputLog
from stream.publish import Abandoned

_log = logging.getLogger(__name__)

EXIT_STALLED = 71  #: process exit code when the watchdog ended it


class Watchdog(threading.Thread):
    """Ends the process when lag stands and the committed offset does not move.

    Args:
        log: the input topic.
        limit_s: for how long it may stand.
    """

    def __init__(self, log: InputLog, limit_s: float) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._log = log
        self._limit_s = limit_s
        self._watched: frozenset[int] = frozenset()
        self._committed: dict[int, int] = {}
        self._sign_at = time.monotonic()

    def sign(self) -> None:
        """Something was committed, or something that is away was tried again; any thread."""
        self._sign_at = time.monotonic()

    def watch(self, partitions: Iterable[int]) -> None:
        """These are the worker's partitions now; any thread."""
        self._watched = frozenset(partitions)
        self.sign()

    def run(self) -> None:
        """Look every now and then until the process ends."""
        while True:
            time.sleep(self._limit_s / 10)
            if time.monotonic() - self._sign_at < self._limit_s / 2:
                continue
            try:
                stands = self._lag_stands()
            except (BrokerError, Abandoned):
                stands = False  # Kafka is away, or the worker is about to stop
            if not stands:
                self.sign()
            elif time.monotonic() - self._sign_at > self._limit_s:
                _log.critical(
                    "nothing committed for %.0f s although records wait (%s): ending the process",
                    self._limit_s,
                    ", ".join(f"{one}: {at}" for one, at in sorted(self._committed.items())),
                )
                logging.shutdown()
                os._exit(EXIT_STALLED)

    def _lag_stands(self) -> bool:
        """Whether records wait in a partition and the broker has seen no commit since last time.

        A worker without partitions looks at all: it may be the one that should have them.
        """
        before, self._committed = self._committed, self._log.committed()
        if self._committed != before:
            return False
        extents = self._log.extents(self._watched or self._log.partitions())
        behind = {
            partition: (max(begin, self._committed.get(partition, begin)), end)
            for partition, (begin, end) in extents.items()
            if end > max(begin, self._committed.get(partition, begin))
        }
        # What lies there may be no records but the marks of transactions.
        return bool(behind) and next(self._log.read(behind, 1), None) is not None
