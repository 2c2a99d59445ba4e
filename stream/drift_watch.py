"""A worker counts what it scores into the bins of its model, and says how far the stream has moved.

Counting costs a fraction of a microsecond an event. Every ``_PERIOD_S`` seconds a thread of its own

1. writes the counts of the days that changed, whole, under this process's own name: a value is
   replaced and never raised, so a write that is repeated changes nothing;
2. reads those of all workers for the days of the window and of the trailing reference, adds them
   up, and shows the drift.

It is an estimate: events that are read again after a kill count twice, those counted since the last
write are lost with the process (docs/adr/0011). A hash per day holds a field for each process;
Redis deletes it ``_KEEP_S`` after its last write.
"""

from __future__ import annotations

import logging
import os
import threading
import time

import numpy as np
from numpy.typing import NDArray
from redis import RedisError

from core.errors import StateError
from core.settings import Settings
from features.open_wire import open_wire
from features.wire import Wire
from model.drift.bins import Counts
from model.drift.days import DAYS, DayCounts
from model.registry import ModelVersion
from stream.metrics import WorkerMetrics

_log = logging.getLogger(__name__)
_PERIOD_S = 15.0
#: Event time may be far behind the clock; what nobody has written for so long is of no use.
_KEEP_S = 90 * 86_400


class DriftWatch(threading.Thread):
    """Counts events, and shows the drift of all workers' events.

    Args:
        settings: of the worker.
        metrics: where drift is shown.
    """

    def __init__(self, settings: Settings, metrics: WorkerMetrics) -> None:
        super().__init__(name="drift-watch", daemon=True)
        self._url = settings.redis.get_secret_value()
        self._prefix = f"{settings.namespace}:{settings.profile}:drift"
        self._metrics = metrics
        self._me = os.urandom(8).hex().encode()
        self._lock = threading.Lock()
        self._version: ModelVersion | None = None
        self._counts: DayCounts | None = None
        self._changed: set[int] = set()
        self._wire: Wire | None = None

    def count(
        self,
        version: ModelVersion,
        time_ms: NDArray[np.int64],
        matrix: NDArray[np.float32],
        score: NDArray[np.float32],
    ) -> None:
        """Count a micro-batch that a version has scored; from the work thread."""
        if version is not self._version:
            self._begin(version)
        if self._counts is not None:
            with self._lock:
                self._changed |= self._counts.add(time_ms, matrix, score)

    def run(self) -> None:
        """Write and show every now and then until the process ends."""
        while True:
            time.sleep(_PERIOD_S)
            try:
                self.look()
            except (RedisError, OSError, StateError) as error:
                self._metrics.redis_errors.inc()
                _log.warning("drift is not brought up to date, Redis is away: %s", error)
                self._wire = None

    def look(self) -> None:
        """Write what has changed, read what all have written, and show the drift.

        Raises:
            RedisError, OSError, StateError: Redis is away.
        """
        counts = self._counts
        if counts is None or not counts.days:
            return
        with self._lock:
            changed, self._changed = self._changed, set()
            blobs = {day: counts.days[day].tobytes() for day in changed if day in counts.days}
            newest = max(counts.days)
        try:
            if self._wire is None:
                self._wire = open_wire(self._url)
            for day, blob in blobs.items():
                key = self._key(counts, day)
                self._wire.execute(
                    [(b"HSET", key, self._me, blob), (b"EXPIRE", key, str(_KEEP_S).encode())]
                )
        except BaseException:
            with self._lock:
                self._changed |= changed
            raise
        days = range(newest - DAYS + 1, newest + 1)
        answers = self._wire.execute([(b"HVALS", self._key(counts, day)) for day in days])
        found = {
            day: _added(counts.binning.shape, values)
            for day, values in zip(days, answers, strict=True)
            if values
        }
        for reference, drift in counts.drift(found, newest).items():
            self._metrics.show_drift(reference, drift)

    def _begin(self, version: ModelVersion) -> None:
        """Count into the bins of another version; those before stay in Redis."""
        bins = version.metadata.drift
        if not bins and self._version is None:
            _log.warning(
                "model %s was trained without bins for drift: no drift is shown until it is "
                "trained again",
                version.metadata.version,
            )
        with self._lock:
            self._version = version
            self._counts = DayCounts(bins) if bins else None
            self._changed = set()
        self._metrics.forget_drift()

    def _key(self, counts: DayCounts, day: int) -> bytes:
        return f"{self._prefix}:{counts.digest}:{day}".encode()


def _added(shape: tuple[int, int], values: list[bytes]) -> Counts:
    total = np.zeros(shape, np.int64)
    for value in values:
        if len(value) == total.nbytes:
            total += np.frombuffer(value, np.int64).reshape(shape)
    return total
