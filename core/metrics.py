"""Metrics: names, labels, buckets and meanings; each is written here and nowhere else.

Labels come from closed sets only; a user, a device or an address is never one, with one exception:
the ten devices of ``TOP_DEVICE_ALERTS``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

PREFIX = "fraudstream_"


class Kind(StrEnum):
    """Prometheus' kinds of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        base: its name without prefix and suffix.
        kind: what it is.
        text: what it says.
        labels: their names.
        buckets: upper bounds of a histogram's, ascending, without +Inf.
    """

    base: str
    kind: Kind
    text: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()

    @property
    def family(self) -> str:
        """Its name as a family, as client libraries and OpenMetrics have it."""
        return PREFIX + self.base

    @property
    def name(self) -> str:
        """The name people know it by: a counter's ends in ``_total``."""
        return self.family + ("_total" if self.kind is Kind.COUNTER else "")

    @property
    def series(self) -> tuple[str, ...]:
        """Names of its series in Prometheus."""
        if self.kind is Kind.HISTOGRAM:
            return tuple(f"{self.family}_{part}" for part in ("bucket", "sum", "count"))
        return (self.name,)


_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
_STAGE = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_SIZE = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096)
_SCORE = (0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_USERS = (0, 1, 2, 3, 5, 10, 20, 50, 100, 500)


def _counter(base: str, text: str, *labels: str) -> Metric:
    return Metric(base, Kind.COUNTER, text, labels)


def _gauge(base: str, text: str, *labels: str) -> Metric:
    return Metric(base, Kind.GAUGE, text, labels)


def _histogram(base: str, text: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(base, Kind.HISTOGRAM, text, labels, buckets)


TRANSACTIONS = _counter("transactions", "Events scored, by decision.", "profile", "decision")
ALERTS = _counter("alerts", "Alerts published, by severity.", "profile", "severity")
ALERT_VALUE = _counter(
    "alert_value", "Amount of the events with an alert, in currency units.", "profile"
)
COUNTRY_TRANSACTIONS = _counter(
    "country_transactions", "Events scored, by country (ISO 3166-1 alpha-2).", "profile", "country"
)
COUNTRY_ALERTS = _counter("country_alerts", "Alerts, by country.", "profile", "country")
BROWSER_TRANSACTIONS = _counter(
    "browser_transactions", "Events scored, by browser.", "profile", "browser"
)
BROWSER_ALERTS = _counter("browser_alerts", "Alerts, by browser.", "profile", "browser")
SOURCE_TRANSACTIONS = _counter(
    "source_transactions", "Events scored, by marketing source.", "profile", "source"
)
SOURCE_ALERTS = _counter("source_alerts", "Alerts, by marketing source.", "profile", "source")
DEVICE_USERS = _histogram(
    "device_users", "Distinct users behind an event's device in the 24 h before.", _USERS, "profile"
)
SCORE = _histogram("score", "Fraud probability of an event.", _SCORE, "profile")
STAGE_SECONDS = _histogram("stage_seconds", "Time in a stage of the batch path.", _STAGE, "stage")
EVENT_LATENCY = _histogram("event_latency_seconds", "Broker timestamp to scored.", _LATENCY)
BATCH_SIZE = _histogram("batch_size", "Events in a micro-batch.", _SIZE)
REJECTED = _counter("rejected", "Events set aside, by reason.", "reason")
LATE = _counter("late", "Events beyond the horizon: scored, not put into state.")
LATE_AFFECTED = _counter(
    "late_affected", "Events scored before an earlier one arrived that they should have seen."
)
STATE_TRUNCATED = _counter(
    "state_truncated", "Events whose entities had more remembered events than the cap."
)
RESTORED = _counter("restored", "Events put into state again after Redis had lost some.")
REBALANCES = _counter("rebalances", "Times partitions were revoked.")
REDIS_ERRORS = _counter("redis_errors", "Failed calls to Redis.")
KAFKA_ERRORS = _counter("kafka_errors", "Failed calls to Kafka.")
CONSUMER_LAG = _gauge("consumer_lag", "Events not read yet.", "topic", "partition")
COMMITTED_AGE = _gauge(
    "committed_offset_age_seconds",
    "Time since a commit, or since events wait if that is less; 0 where none does.",
)
MODEL_INFO = _gauge("model_info", "The model in use.", "name", "version", "role")
MODEL_TRAINED = _gauge(
    "model_trained_timestamp_seconds",
    "When the model in use was trained, Unix time.",
    "name", "version", "role",
)  # fmt: skip

CHALLENGER_DECISIONS = _counter(
    "challenger_decisions",
    "Events by what the models of champion and challenger decide.",
    "profile", "champion", "challenger",
)  # fmt: skip
CHALLENGER_SCORE = _histogram(
    "challenger_score", "Fraud probability by the challenger.", _SCORE, "profile"
)
ROLLBACKS = _counter("rollbacks", "Champions that the guard of promotions took back.", "reason")

RULES_INFO = _gauge("rules_info", "Rules in use: the first digits of their hash.", "hash")
RULE_HITS = _counter(
    "rule_hits",
    "Events that met a rule or a list; mode is live, or shadow where that changes nothing.",
    "rule", "action", "mode",
)  # fmt: skip

FEATURE_PSI = _gauge(
    "feature_psi",
    "Population stability index of a feature, or of the score, over the last 7 days of event time.",
    "profile", "feature", "reference",
)  # fmt: skip
DRIFTED = _gauge(
    "drifted",
    "Whether the last 7 days of event time differ from the reference: 1 they do, 0 they do not.",
    "profile", "reference",
)  # fmt: skip

HTTP_SECONDS = _histogram(
    "http_request_seconds", "Time to answer a request.", _STAGE, "endpoint", "status"
)
TOP_DEVICE_ALERTS = _gauge(
    "top_device_alerts",
    "Alerts of the devices that have most, in the last 24 hours of event time.",
    "rank", "device",
)  # fmt: skip
VIEWS_LAG = _gauge("views_lag", "Messages that the views have not taken in yet.")
LABELS = _counter(
    "labels",
    "Labels by what they made of their event; one that corrects another counts too.",
    "profile", "outcome",
)  # fmt: skip
LIVE_PRECISION = _gauge(
    "live_precision",
    "Fraud among labelled alerts of the latest 30 mature days of event time.",
    "profile", "version",
)  # fmt: skip
LIVE_RECALL = _gauge(
    "live_recall",
    "Alerts among labelled fraud of the latest 30 mature days of event time.",
    "profile", "version",
)  # fmt: skip
LABELLED_SHARE = _gauge(
    "labelled_share", "Labelled among all events of the latest 30 mature days.", "profile"
)

LABELLED_FRAUD_SHARE = _gauge(
    "labelled_fraud_share",
    "Fraud among labelled events of the latest 30 mature days, and of the 30 days before them.",
    "profile", "window",
)  # fmt: skip

#: Values of the label ``window``: the latest mature days, and those before them.
WINDOWS = ("newest", "before")
#: Values of the label ``outcome``: an alert or not, right or wrong.
OUTCOMES = ("tp", "fp", "fn", "tn")
#: Stages of ``STAGE_SECONDS``, in the order in which a batch goes through them.
STAGES = ("decode", "state", "score", "publish", "commit")

#: All that a worker has.
OF_WORKER = (
    TRANSACTIONS, ALERTS, ALERT_VALUE, COUNTRY_TRANSACTIONS, COUNTRY_ALERTS, BROWSER_TRANSACTIONS,
    BROWSER_ALERTS, SOURCE_TRANSACTIONS, SOURCE_ALERTS, DEVICE_USERS, SCORE, REJECTED, LATE,
    LATE_AFFECTED, STATE_TRUNCATED, RESTORED, REBALANCES, REDIS_ERRORS, KAFKA_ERRORS,
    STAGE_SECONDS, EVENT_LATENCY, BATCH_SIZE, CONSUMER_LAG, COMMITTED_AGE, MODEL_INFO,
    MODEL_TRAINED, CHALLENGER_DECISIONS, CHALLENGER_SCORE, ROLLBACKS, FEATURE_PSI, DRIFTED,
    RULES_INFO, RULE_HITS,
)  # fmt: skip
#: All that the views have.
OF_VIEWS = (
    HTTP_SECONDS, TOP_DEVICE_ALERTS, VIEWS_LAG, LABELS, LIVE_PRECISION, LIVE_RECALL, LABELLED_SHARE,
    LABELLED_FRAUD_SHARE,
)  # fmt: skip
