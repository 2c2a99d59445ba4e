"""A Prometheus histogram that is fed a whole micro-batch at once.

``prometheus_client.Histogram.observe`` costs several microseconds a call, as much as scoring an
event; this counts a batch into its buckets with one numpy call.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString  # as the library writes bounds


class BatchHistogram(Collector):
    """A histogram without labels.

    Args:
        name: full name of the metric.
        text: what it measures.
        bounds: upper bounds of the buckets, ascending; +Inf is added.
        registry: where it is collected.
    """

    def __init__(
        self, name: str, text: str, bounds: tuple[float, ...], registry: CollectorRegistry
    ) -> None:
        self._name = name
        self._text = text
        self._bounds = np.array(bounds)
        self._counts = np.zeros(len(bounds) + 1, np.int64)
        self._sum = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def observe(self, values: NDArray[np.float64]) -> None:
        """Count ``values``, shape (n,); a value on a bound belongs to the bucket it closes."""
        slots = np.searchsorted(self._bounds, values, side="left")
        counts = np.bincount(slots, minlength=len(self._counts))
        with self._lock:
            self._counts += counts
            self._sum += float(values.sum())

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """Called by the registry for each scrape."""
        with self._lock:
            cumulative, total = np.cumsum(self._counts).tolist(), self._sum
        bounds = [*map(floatToGoString, self._bounds.tolist()), "+Inf"]
        yield HistogramMetricFamily(
            self._name,
            self._text,
            buckets=list(zip(bounds, cumulative, strict=True)),
            sum_value=total,
        )
