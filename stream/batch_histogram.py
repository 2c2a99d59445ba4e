"""A Prometheus histogram that is fed a whole micro-batch at once.

``prometheus_client.Histogram.observe`` costs several microseconds a call, as much as scoring an
event; this counts a batch into its buckets with one numpy call.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString  # as the library writes bounds

from core.metrics import Metric


class BatchHistogram(Collector):
    """A histogram whose labels do not vary.

    Args:
        metric: its declaration.
        registry: where it is collected.
        fixed: labels and their values.
    """

    def __init__(
        self, metric: Metric, registry: CollectorRegistry, fixed: Mapping[str, str] | None = None
    ) -> None:
        self._metric = metric
        self._fixed = dict(fixed or {})
        self._bounds = np.array(metric.buckets, np.float64)
        self._counts = np.zeros(len(metric.buckets) + 1, np.int64)
        self._sum = 0.0
        self._lock = threading.Lock()
        registry.register(self)

    def observe(self, values: NDArray[np.floating] | NDArray[np.integer]) -> None:
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
        family = HistogramMetricFamily(
            self._metric.family, self._metric.text, labels=tuple(self._fixed)
        )
        family.add_metric(
            tuple(self._fixed.values()), list(zip(bounds, cumulative, strict=True)), total
        )
        yield family
