"""What the views tell Prometheus, in a registry of their own (``core.metrics`` declares it)."""

from __future__ import annotations

import time
from collections.abc import Iterator, Set
from contextlib import suppress

import numpy as np
from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from core import metrics as declared
from core.errors import FraudstreamError
from core.names import DAY_MS
from core.settings import Settings
from views import scorecard
from views.live_performance import MATURE_DAYS, mature_to, performance
from views.masking import Masking
from views.periods import HOUR_MS, Bucket, Span, bucket_start
from views.store import Scorecards, Store

_TOP = 10
#: Length of the window of mature days.
_WINDOW_DAYS = 30
_HOURS = 24
#: Endpoints that are not the API's own count as one.
_PAGE = "page"


def make_registry(store: Store, settings: Settings, masking: Masking) -> CollectorRegistry:
    """A registry with what the store tells and the usual metrics of a process."""
    registry = CollectorRegistry()
    registry.register(TopDevices(store, settings.profile, masking))
    registry.register(Lag(store))
    registry.register(LivePerformance(store))
    ProcessCollector(registry=registry)
    return registry


def add_timing(app: Flask, registry: CollectorRegistry, endpoints: Set[str]) -> None:
    """Time every request of an app.

    Args:
        app: whose requests.
        registry: of the histogram.
        endpoints: names of those that are told apart; all others are ``page``.
    """
    one = declared.HTTP_SECONDS
    seconds = Histogram(one.family, one.text, one.labels, buckets=one.buckets, registry=registry)

    @app.before_request
    def _begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def _end(response: Response) -> Response:
        endpoint = request.endpoint if request.endpoint in endpoints else _PAGE
        taken = time.perf_counter() - g.get("began", time.perf_counter())
        seconds.labels(endpoint, f"{response.status_code // 100}xx").observe(taken)
        return response


class TopDevices(Collector):
    """The one place where an id is a label: at most ten series, of the last 24 hours of event time.

    Whole hours are counted, up to and with that of the newest event.

    Args:
        store: knows the devices.
        profile: of the events.
        masking: hides their ids if so set.
    """

    def __init__(self, store: Store, profile: str, masking: Masking) -> None:
        self._store = store
        self._profile = profile
        self._masking = masking

    def describe(self) -> Iterator[Metric]:
        """The family without values: nothing is asked of the store to register."""
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        """The devices as they are now; none where the store does not answer."""
        family = self._family()
        try:
            extent = self._store.extent(self._profile)
            if extent is not None and self._store.scored:
                end = bucket_start(extent[1], Bucket.HOUR) + HOUR_MS
                span = Span(end - _HOURS * HOUR_MS, end)
                found = self._store.devices(self._profile, span, _TOP)
                for rank, device in enumerate(map(self._masking.device, found), 1):
                    if device.counts.alerts:
                        family.add_metric([str(rank), device.device_id], device.counts.alerts)
        except FraudstreamError:  # the probes say that; a scrape has other things to report
            pass
        yield family

    def _family(self) -> GaugeMetricFamily:
        one = declared.TOP_DEVICE_ALERTS
        return GaugeMetricFamily(one.family, one.text, labels=one.labels)


class Lag(Collector):
    """How many messages wait to be taken in; nothing where there is no stream, or no projector.

    Args:
        store: knows.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Iterator[Metric]:
        """The family without values."""
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        """The lag as it is now."""
        family = self._family()
        lag = self._store.health().lag
        if lag is not None:
            family.add_metric([], lag)
        yield family

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily(declared.VIEWS_LAG.family, declared.VIEWS_LAG.text, labels=())


class LivePerformance(Collector):
    """What labels say of alerts, by profile and model version.

    Args:
        store: knows.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def describe(self) -> Iterator[Metric]:
        """The families without values."""
        labels, gauges = self._families()
        yield from (labels, *gauges)

    def collect(self) -> Iterator[Metric]:
        """The figures as they are now; none where the store does not answer."""
        labels, (precision, recall, labelled, base_rate) = self._families()
        with suppress(FraudstreamError):  # the probes say that
            for profile in self._store.profiles():
                outcomes = self._store.outcomes(profile)
                for outcome in declared.OUTCOMES if self._store.scored else ():
                    labels.add_metric([profile, outcome], outcomes.get(outcome, 0))
                windows = self._windows(profile)
                for window, cards in zip(declared.WINDOWS, windows, strict=False):
                    rate = _base_rate(cards)
                    if rate is not None:
                        base_rate.add_metric([profile, window], rate)
                if not windows:
                    continue
                found = performance(windows[0], MATURE_DAYS, Bucket.DAY)
                if found.mature:
                    labelled.add_metric([profile], found.labelled / found.mature)
                for one in found.versions:
                    for family, figure in (
                        (precision, one.figures.precision),
                        (recall, one.figures.recall),
                    ):
                        if figure is not None:
                            family.add_metric([profile, one.version], figure.value)
        yield from (labels, precision, recall, labelled, base_rate)

    def _windows(self, profile: str) -> list[Scorecards]:
        """Of the latest mature days, and of those before them, as far as there are such days."""
        extent = self._store.extent(profile)
        if extent is None:
            return []
        length = _WINDOW_DAYS * DAY_MS
        end = mature_to(extent[1], MATURE_DAYS)
        ends = [end - number * length for number in range(len(declared.WINDOWS))]
        return [
            self._store.scorecards(profile, Span(one - length, one))
            for one in ends
            if one >= length
        ]

    def _families(self) -> tuple[CounterMetricFamily, list[GaugeMetricFamily]]:
        one = declared.LABELS
        labels = CounterMetricFamily(one.family, one.text, labels=one.labels)
        return labels, [
            GaugeMetricFamily(gauge.family, gauge.text, labels=gauge.labels)
            for gauge in (
                declared.LIVE_PRECISION,
                declared.LIVE_RECALL,
                declared.LABELLED_SHARE,
                declared.LABELLED_FRAUD_SHARE,
            )
        ]


def _base_rate(found: Scorecards) -> float | None:
    """Fraud among labelled events, as they came; None where there are none."""
    total = sum(found.cards.values(), scorecard.empty())
    counted = np.sum([scorecard.outcomes(total, one) for one in scorecard.Stratum], axis=0)
    fraud = int(counted[scorecard.TRUE_POSITIVE] + counted[scorecard.FALSE_NEGATIVE])
    labelled = int(total[scorecard.LABELLED])
    return fraud / labelled if labelled else None
