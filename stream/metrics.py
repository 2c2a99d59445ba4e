"""What the worker tells Prometheus, in a registry of its own (``core.metrics`` declares it)."""

from __future__ import annotations

import threading
import time
from collections import Counter as Counted
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import product

import numpy as np
from numpy.typing import NDArray
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from core import metrics as declared
from core.metrics import Metric
from core.names import Decision, RejectCode, Role, Severity
from features.declared import BROWSERS, COUNTRIES, SOURCES, declared_features
from features.profiles import profile_spec
from model.challenge import Challenged
from model.drift.drift import Drift
from model.rules.rule import Hit
from model.rules.rule_set import RuleSet
from stream.batch_counter import BatchCounter
from stream.batch_histogram import BatchHistogram
from stream.promotion_guard import Reason

#: Columns by which events and alerts are counted: those that a profile has.
_VIEWS: dict[str, tuple[Metric, Metric, tuple[str, ...]]] = {
    "country": (declared.COUNTRY_TRANSACTIONS, declared.COUNTRY_ALERTS, COUNTRIES),
    "browser": (declared.BROWSER_TRANSACTIONS, declared.BROWSER_ALERTS, BROWSERS),
    "source": (declared.SOURCE_TRANSACTIONS, declared.SOURCE_ALERTS, SOURCES),
}
# When each series began would be a series of its own beside it.
disable_created_metrics()  # type: ignore[no-untyped-call]


class WorkerMetrics:
    """The metrics of one worker process.

    Args:
        profile: of its events; a metric that the profile has nothing for is left out.
    """

    def __init__(self, profile: str) -> None:
        self.registry = CollectorRegistry()
        self._profile = profile
        of_profile = {"profile": profile}
        columns = {feature.source for feature in declared_features(profile)}
        self.transactions = self._counter(declared.TRANSACTIONS)
        self.alerts = self._counter(declared.ALERTS)
        self.alert_value = self._counter(declared.ALERT_VALUE)
        self._by = {
            column: tuple(
                BatchCounter(metric, of_profile, column, categories, self.registry)
                for metric in (transactions, alerts)
            )
            for column, (transactions, alerts, categories) in _VIEWS.items()
            if column in columns
        }
        self.device_users = (
            BatchHistogram(declared.DEVICE_USERS, self.registry, of_profile)
            if "device_id" in profile_spec(profile).text
            else None
        )
        self.score = BatchHistogram(declared.SCORE, self.registry, of_profile)
        self.rejected = self._counter(declared.REJECTED)
        self.late = self._counter(declared.LATE)
        self.late_affected = self._counter(declared.LATE_AFFECTED)
        self.truncated = self._counter(declared.STATE_TRUNCATED)
        self.restored = self._counter(declared.RESTORED)
        self.rebalances = self._counter(declared.REBALANCES)
        self.redis_errors = self._counter(declared.REDIS_ERRORS)
        self.kafka_errors = self._counter(declared.KAFKA_ERRORS)
        self.stage = Histogram(
            declared.STAGE_SECONDS.family,
            declared.STAGE_SECONDS.text,
            declared.STAGE_SECONDS.labels,
            buckets=declared.STAGE_SECONDS.buckets,
            registry=self.registry,
        )
        self.latency = BatchHistogram(declared.EVENT_LATENCY, self.registry)
        self.batch_size = BatchHistogram(declared.BATCH_SIZE, self.registry)
        self.lag = self._gauge(declared.CONSUMER_LAG)
        self._behind: set[tuple[str, int]] = set()
        self._moved_at = 0.0
        self.committed_age = self._gauge(declared.COMMITTED_AGE)
        self.committed_age.set_function(self._committed_age)
        self._challenger_decisions = self._counter(declared.CHALLENGER_DECISIONS)
        self._challenger_score = BatchHistogram(
            declared.CHALLENGER_SCORE, self.registry, of_profile
        )
        self.rollbacks = self._counter(declared.ROLLBACKS)
        self.rules_info = self._gauge(declared.RULES_INFO)
        self.rule_hits = self._counter(declared.RULE_HITS)
        self._ruled: set[tuple[str, str, str]] = set()
        # Rules that judge no more; a batch that they judged may be counted after that.
        self._ended: set[tuple[str, str, str]] = set()
        self._of_rules = threading.Lock()
        self._feature_psi = self._gauge(declared.FEATURE_PSI)
        self._drifted = self._gauge(declared.DRIFTED)
        self.model_info = self._gauge(declared.MODEL_INFO)
        self.model_trained = self._gauge(declared.MODEL_TRAINED)
        # The time at which the process was started tells a restart from a counter's reset.
        ProcessCollector(registry=self.registry)
        self._begin_at_zero()

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.family, metric.text, metric.labels, registry=self.registry)

    def _gauge(self, metric: Metric) -> Gauge:
        return Gauge(metric.family, metric.text, metric.labels, registry=self.registry)

    def _begin_at_zero(self) -> None:
        """A series that appears with its first event would lose that event to ``rate``."""
        for decision in Decision:
            self.transactions.labels(self._profile, decision)
        for severity in Severity:
            self.alerts.labels(self._profile, severity)
        for code in RejectCode:
            self.rejected.labels(code)
        for stage in declared.STAGES:
            self.stage.labels(stage)
        self.alert_value.labels(self._profile)
        for reason in Reason:
            self.rollbacks.labels(reason)
        for champion, challenger in product(Decision, Decision):
            self._challenger_decisions.labels(self._profile, champion, challenger)

    def observe_scored(
        self,
        codes: Mapping[str, NDArray[np.int16]],
        device_users: NDArray[np.int64],
        score: NDArray[np.float32],
        decision: Sequence[str],
        severity: Sequence[str],
        amount: NDArray[np.float64],
    ) -> None:
        """Count a batch of n events.

        Args:
            codes: country, browser and source, as far as the profile has them → codes, shape (n,).
            device_users: users behind the event's device, below 0 where unknown, shape (n,).
            score: fraud probabilities, shape (n,).
            decision: what was decided, n.
            severity: of the alerts; of other events of no meaning, n.
            amount: in currency units, shape (n,).
        """
        for name, count in Counted(decision).items():
            self.transactions.labels(self._profile, name).inc(count)
        alerted = np.array([one != Decision.ALLOW for one in decision], np.bool_)
        rows = np.flatnonzero(alerted)
        for column, (transactions, alerts) in self._by.items():
            transactions.count(codes[column])
            if len(rows):
                alerts.count(codes[column][rows])
        if len(rows):
            for name, count in Counted(severity[row] for row in rows.tolist()).items():
                self.alerts.labels(self._profile, name).inc(count)
            self.alert_value.labels(self._profile).inc(float(amount[rows].sum()))
        self.score.observe(score)
        if self.device_users is not None:
            self.device_users.observe(device_users[device_users >= 0])

    def observe_challenged(self, challenged: Challenged | None) -> None:
        """Count what the challenger, if there is one, made of a batch."""
        if challenged is None:
            return
        pairs = Counted(zip(challenged.against, challenged.decision, strict=True))
        for (champion, challenger), count in pairs.items():
            self._challenger_decisions.labels(self._profile, champion, challenger).inc(count)
        self._challenger_score.observe(challenged.score)

    def show_drift(self, reference: str, drift: Drift) -> None:
        """How far the stream is from a reference; nothing where there are too few events."""
        for one in drift.features:
            self._feature_psi.labels(self._profile, one.name, reference).set(one.psi)
        if drift.judged:
            self._drifted.labels(self._profile, reference).set(drift.drifted)

    def forget_drift(self) -> None:
        """Another version counts from now on."""
        self._feature_psi.clear()
        self._drifted.clear()

    def note_lag(self, topic: str, partition: int, events: int) -> None:
        """So many events of a partition wait to be read."""
        self.lag.labels(topic, str(partition)).set(events)
        if not events:
            self._behind.discard((topic, partition))
            return
        if not self._behind:
            self._moved_at = time.monotonic()
        self._behind.add((topic, partition))

    def note_commit(self) -> None:
        """The broker has taken a commit."""
        self._moved_at = time.monotonic()

    def forget_partitions(self) -> None:
        """They may be another worker's now."""
        self.lag.clear()
        self._behind.clear()

    def _committed_age(self) -> float:
        return time.monotonic() - self._moved_at if self._behind else 0.0

    def show_model(
        self, name: str, version: str, trained_at_s: float, challenger: str | None = None
    ) -> None:
        """This model decides now, and no other.

        Args:
            name, version: of the champion.
            trained_at_s: Unix time of its training.
            challenger: version that is scored beside it, if any.
        """
        self.model_info.clear()
        self.model_trained.clear()
        self.model_info.labels(name, version, Role.CHAMPION).set(1)
        self.model_trained.labels(name, version, Role.CHAMPION).set(trained_at_s)
        if challenger is not None:
            self.model_info.labels(name, challenger, Role.CHALLENGER).set(1)

    def show_rules(self, rules: RuleSet) -> None:
        """These rules judge from the next batch on, and no others; series of others end."""
        self.rules_info.clear()
        self.rules_info.labels(rules.hash[:12]).set(len(rules))
        ruled = {_hit_labels(one.hit) for one in rules.rules}
        with self._of_rules:
            for labels in self._ruled - ruled:
                with suppress(KeyError):
                    self.rule_hits.remove(*labels)
            for labels in ruled:
                self.rule_hits.labels(*labels)
            self._ended = (self._ended | self._ruled) - ruled
            self._ruled = ruled

    def observe_hits(self, hits: Sequence[tuple[Hit, ...]]) -> None:
        """Count what the events of a batch met; not rules whose series has ended meanwhile."""
        counted = Counted(_hit_labels(hit) for of_event in hits for hit in of_event)
        if not counted:
            return
        with self._of_rules:
            for labels, count in counted.items():
                if labels not in self._ended:
                    self.rule_hits.labels(*labels).inc(count)

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The page and its content type.

        Args:
            accept: the request's header: OpenMetrics is given to those who ask for it.
        """
        encode, content_type = choose_encoder(accept)
        return encode(self.registry), content_type


def _hit_labels(hit: Hit) -> tuple[str, str, str]:
    return hit.name, hit.action, "shadow" if hit.shadow else "live"
