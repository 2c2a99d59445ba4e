"""One micro-batch from decoded records to confirmed outcomes.

Promise: when ``process`` returns, every record of the batch has exactly one outcome that the
broker has acknowledged (a score, with an alert where the decision asks for one, or a dead letter),
and its event stands in the velocity state. Repeating the batch repeats messages, not outcomes.

1. columns of the valid events; 2. state in Redis, repeated with backoff while Redis is away;
3. features, score, decisions, reasons; 4. produce scores, alerts and dead letters;
5. wait for every delivery. The caller commits after that.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from redis.exceptions import RedisError
from tenacity import Retrying, retry_if_exception_type, wait_exponential_jitter

from core.errors import RejectedEvent
from core.names import RejectCode, Topics
from features.batch import EventBatch
from features.countries import CountryTable
from features.declared import WINDOWS
from features.formulas import feature_matrix
from features.iso_times import iso_time
from features.known import Known, country_codes, own_columns
from features.online import StateStep, VelocityState
from features.quantities import Quantity
from features.validation import to_batch
from features.validation_one import Accepted
from stream.decisions import DecisionMaker
from stream.horizon import Horizon
from stream.metrics import WorkerMetrics
from stream.outcomes import Scored, dead_letter
from stream.publish import Abandoned, Publisher
from stream.records import Arrived

T = TypeVar("T")

_log = logging.getLogger(__name__)
_DAY = list(WINDOWS).index("24h")


class Pipeline:
    """The work of one worker; used by one thread at a time."""

    def __init__(
        self,
        profile: str,
        topics: Topics,
        state: VelocityState,
        horizon: Horizon,
        countries: CountryTable,
        decisions: DecisionMaker,
        publisher: Publisher,
        metrics: WorkerMetrics,
        keep_going: Callable[[], bool],
    ) -> None:
        self._profile = profile
        self._topics = topics
        self._state = state
        self._horizon = horizon
        self._countries = countries
        self._decisions = decisions
        self._publisher = publisher
        self._metrics = metrics
        self._keep_going = keep_going

    def forget_partitions(self) -> None:
        """The partitions may be another worker's now."""
        self._horizon.forget()

    def process(self, items: list[Arrived]) -> None:
        """Give every record its outcome.

        Raises:
            Abandoned: the worker stops or lost the partitions; do not commit.
        """
        self._metrics.batch_size.observe(len(items))
        rejected = [
            (one.record, one.event) for one in items if isinstance(one.event, RejectedEvent)
        ]
        accepted = [
            (one.record, one.event) for one in items if not isinstance(one.event, RejectedEvent)
        ]
        if accepted:
            rejected += self._score(accepted)
        now = iso_time(time.time_ns() // 1_000_000)
        for record, reason in rejected:
            self._metrics.rejected.labels(reason.code).inc()
            value, headers = dead_letter(record, reason, now)
            self._publisher.send(self._topics.dlq.name, record.key, value, headers)
        with self._stage("publish"):
            self._publisher.confirm()

    def _score(self, accepted: list[tuple[Any, Accepted]]) -> list[tuple[Any, RejectedEvent]]:
        """Score and send; returns the records that turned out to be conflicting duplicates."""
        records = [record for record, _ in accepted]
        with self._stage("decode"):
            batch = to_batch(self._profile, [event for _, event in accepted])
            country = country_codes(batch, self._countries)
        with self._stage("state"):
            step = self._put_into_state(batch, country, records)
        conflicts: list[tuple[Any, RejectedEvent]] = []
        known = Known(own_columns(batch, country), step.quantities)
        if step.conflict.any():
            conflicts = [
                (records[row], _conflict(batch, row))
                for row in np.flatnonzero(step.conflict).tolist()
            ]
            keep = np.flatnonzero(~step.conflict)
            records = [records[row] for row in keep.tolist()]
            known = known.take(keep)
            batch, country = batch.take(keep), country[keep]
        if records:
            self._send(batch, country, known, records)
        return conflicts

    def _put_into_state(
        self, batch: EventBatch, country: NDArray[np.int16], records: list[Any]
    ) -> StateStep:
        partitions = [record.partition for record in records]
        # Asked once: it moves the horizon, and a repeated step must see the same.
        within = self._patiently(lambda: self._horizon.within(partitions, batch.time_ms))
        step = self._patiently(lambda: self._state.step(batch, country, within))
        self._patiently(self._horizon.save)
        self._metrics.late.inc(int((~within).sum()))
        self._metrics.late_affected.inc(step.overtaken)
        self._metrics.truncated.inc(step.truncated)
        return step

    def _patiently(self, call: Callable[[], T]) -> T:
        """The result of ``call``, repeated with backoff while Redis is away."""
        attempts = Retrying(
            retry=retry_if_exception_type((RedisError, OSError)),
            wait=wait_exponential_jitter(initial=0.05, max=5.0),
            before_sleep=self._redis_failed,
            sleep=self._sleep,
            reraise=True,
        )
        result = attempts(call)
        if attempts.statistics["attempt_number"] > 1:
            _log.info("Redis: answers again")
        return result

    def _redis_failed(self, attempt: Any) -> None:
        self._metrics.redis_errors.inc()
        if attempt.attempt_number == 1:
            error = attempt.outcome.exception()
            _log.warning("Redis: %s; holding the line until it is back", type(error).__name__)

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not self._keep_going():
                raise Abandoned
            time.sleep(min(left, 0.2))

    def _send(
        self, batch: EventBatch, country: NDArray[np.int16], known: Known, records: list[Any]
    ) -> None:
        with self._stage("score"):
            matrix = feature_matrix(known)
            decided = self._decisions.decide(matrix)
        scored_ms = time.time_ns() // 1_000_000
        scored = Scored(
            batch=batch,
            country=country,
            matrix=matrix,
            device_users=_device_users(known),
            score=decided.score,
            decision=decided.decision,
            severity=decided.severity,
            threshold=decided.threshold,
            reasons=decided.reasons,
            origin=[(record.topic, record.partition, record.offset) for record in records],
            scored_at=iso_time(scored_ms),
        )
        with self._stage("publish"):
            scores, alerts = self._decisions.encoder.encode(scored)
            score_topic, alert_topic = self._topics.scores.name, self._topics.alerts.name
            for record, score, alert in zip(records, scores, alerts, strict=True):
                self._publisher.send(score_topic, record.key, score)
                if alert is not None:
                    self._publisher.send(alert_topic, record.key, alert)
        arrived_ms = np.fromiter((record.timestamp for record in records), np.int64, len(records))
        self._metrics.latency.observe((scored_ms - arrived_ms) / 1000)
        self._metrics.observe_decisions(
            Counter(decided.decision),
            Counter(
                severity
                for severity, reasons in zip(decided.severity, decided.reasons, strict=True)
                if reasons is not None
            ),
        )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._metrics.stage.labels(name).observe(time.perf_counter() - started)


def _device_users(known: Known) -> NDArray[np.int64]:
    if "device" not in known.quantities:
        return np.full(len(known), -1, np.int64)
    found: NDArray[np.int64] = known.quantities["device"][:, int(Quantity.PEERS) + _DAY]
    return found


def _conflict(batch: EventBatch, row: int) -> RejectedEvent:
    return RejectedEvent(
        RejectCode.DUPLICATE_CONFLICT,
        f"event_id {batch.event_id[row]!r:.80} is known with another time or amount: "
        "give every event an id of its own",
        "event_id",
    )
