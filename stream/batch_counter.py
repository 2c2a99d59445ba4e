"""A Prometheus counter by category that is fed a whole micro-batch at once.

All its series are there from the beginning, at 0: one that appears with its first event would lose
that event to ``rate`` and ``increase``, which see only what comes on top of the first sample.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from core.metrics import Metric


class BatchCounter(Collector):
    """A counter with one label that varies, over a closed set.

    Args:
        metric: its declaration.
        fixed: labels that do not vary, and their values.
        label: the one that does.
        categories: its values; an event's code is a position in it.
        registry: where it is collected.
    """

    def __init__(
        self,
        metric: Metric,
        fixed: Mapping[str, str],
        label: str,
        categories: tuple[str, ...],
        registry: CollectorRegistry,
    ) -> None:
        self._metric = metric
        self._names = (*fixed, label)
        self._values = [(*fixed.values(), category) for category in categories]
        self._counts = np.zeros(len(categories), np.int64)
        self._lock = threading.Lock()
        registry.register(self)

    def count(self, codes: NDArray[np.integer]) -> None:
        """Count events by their codes, shape (n,)."""
        found = np.bincount(codes, minlength=len(self._counts))
        with self._lock:
            self._counts += found

    def collect(self) -> Iterator[CounterMetricFamily]:
        """Called by the registry for each scrape."""
        with self._lock:
            counts = self._counts.tolist()
        family = CounterMetricFamily(self._metric.family, self._metric.text, labels=self._names)
        for values, count in zip(self._values, counts, strict=True):
            family.add_metric(values, count)
        yield family
