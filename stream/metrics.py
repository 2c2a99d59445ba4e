"""What the worker tells Prometheus, in a registry of its own.

Labels come from closed sets only; a user, a device or an address is never one.
"""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from stream.batch_histogram import BatchHistogram

_LATENCY_BUCKETS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300,
)  # fmt: skip
_STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_SIZE_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)


class WorkerMetrics:
    """The metrics of one worker process."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self, profile: str) -> None:
        self.registry = CollectorRegistry()
        self._profile = profile

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"fraudstream_{name}", text, labels, registry=self.registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(
                f"fraudstream_{name}", text, labels, buckets=buckets, registry=self.registry
            )

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"fraudstream_{name}", text, labels, registry=self.registry)

        self.transactions = counter(
            "transactions", "Events scored, by decision.", "profile", "decision"
        )
        self.alerts = counter("alerts", "Alerts published, by severity.", "profile", "severity")
        self.rejected = counter("rejected", "Events set aside, by reason.", "reason")
        self.late = counter("late", "Events beyond the horizon: scored, not put into state.")
        self.late_affected = counter(
            "late_affected",
            "Events scored before an earlier one arrived that they should have seen.",
        )
        self.truncated = counter(
            "state_truncated", "Events whose entities had more remembered events than the cap."
        )
        self.restored = counter(
            "restored", "Events put into state again after Redis had lost some."
        )
        self.rebalances = counter("rebalances", "Times partitions were revoked.")
        self.redis_errors = counter("redis_errors", "Failed calls to Redis.")
        self.kafka_errors = counter("kafka_errors", "Failed calls to Kafka.")
        self.stage = histogram(
            "stage_seconds", "Time in a stage of the batch path.", _STAGE_BUCKETS, "stage"
        )
        self.latency = BatchHistogram(
            "fraudstream_event_latency_seconds",
            "Broker timestamp to scored.",
            _LATENCY_BUCKETS,
            self.registry,
        )
        self.batch_size = histogram("batch_size", "Events in a micro-batch.", _SIZE_BUCKETS)
        self.lag = gauge("consumer_lag", "Events not read yet.", "topic", "partition")
        self.model_info = gauge("model_info", "The model in use.", "name", "version", "role")

    def observe_decisions(
        self, decisions: Mapping[str, int], severities: Mapping[str, int]
    ) -> None:
        """Count a batch's outcomes."""
        for decision, count in decisions.items():
            self.transactions.labels(self._profile, decision).inc(count)
        for severity, count in severities.items():
            self.alerts.labels(self._profile, severity).inc(count)

    def exposition(self) -> bytes:
        """Everything in the OpenMetrics text format."""
        page: bytes = generate_latest(self.registry)  # type: ignore[no-untyped-call]
        return page
