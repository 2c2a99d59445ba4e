"""Micro-batches from decoded records to confirmed outcomes, the next one begun before one is done.

Promise: when ``complete`` or ``confirm`` gives a batch back, every record of it has exactly one
outcome that the broker has acknowledged (a score, with an alert where the decision asks for one, or
a dead letter), and its event stands in the velocity state. Repeating a batch repeats messages, not
outcomes.

1. ``begin``: columns of the valid events; their way into state, on which Redis works while the
   batch before is scored.
2. ``complete``: what state has found; features, score, decisions, reasons; then, when all of the
   batch before is acknowledged, produce scores, alerts and dead letters.
3. ``confirm``: wait for the rest. The caller commits what he was given back.

A batch is decided by one model and one set of rules and lists from beginning to end.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import RejectedEvent
from core.names import RejectCode, Topics
from features.batch import AMOUNT_SCALE, EventBatch, empty_batch
from features.countries import CountryTable
from features.declared import WINDOWS
from features.formulas import feature_matrix
from features.iso_times import iso_time
from features.known import Known, country_codes, own_columns
from features.quantities import Quantity
from features.validation import to_batch
from features.validation_one import Accepted
from model.overrides import Overrides
from stream.decisions import DecisionMaker
from stream.drift_watch import DriftWatch
from stream.fenced_state import FencedState
from stream.metrics import WorkerMetrics
from stream.outcomes import Scored, dead_letter
from stream.promotion_guard import PromotionGuard, Tally
from stream.publish import Publisher
from stream.records import Arrived

_DAY = list(WINDOWS).index("24h")

Rejected = tuple[Any, RejectedEvent]


@dataclass(frozen=True, slots=True)
class _Begun:
    """One batch between ``begin`` and ``complete``.

    Attributes:
        token: the caller's name for it.
        records: of the events in ``batch``, aligned with it.
        rejected: records set aside so far, with the reason.
    """

    token: Any
    batch: EventBatch
    country: NDArray[np.int16]
    records: list[Any]
    rejected: list[Rejected]


class Pipeline:
    """The work of one worker; used by one thread at a time."""

    def __init__(
        self,
        profile: str,
        topics: Topics,
        state: FencedState,
        countries: CountryTable,
        decisions: DecisionMaker,
        publisher: Publisher,
        metrics: WorkerMetrics,
        guard: PromotionGuard,
        drift: DriftWatch,
    ) -> None:
        self._profile = profile
        self._topics = topics
        self._state = state
        self._countries = countries
        self._swap = threading.Lock()
        self._decisions = decisions
        self._publisher = publisher
        self._metrics = metrics
        self._guard = guard
        self._drift = drift
        self._begun: deque[_Begun] = deque()
        self._sent: list[Any] = []

    @property
    def begun(self) -> int:
        """How many batches wait for ``complete``."""
        return len(self._begun)

    def use(self, decisions: DecisionMaker) -> None:
        """Decide by another model from the next batch on; may be called from any thread."""
        with self._swap:
            self._decisions = decisions.with_overrides(self._decisions.overrides)

    def override(self, change: Callable[[Overrides], Overrides]) -> None:
        """Decide by other rules or lists from the next batch on; may be called from any thread.

        Args:
            change: from those in use to those to be used.
        """
        with self._swap:
            self._decisions = self._decisions.with_overrides(change(self._decisions.overrides))

    def forget_partitions(self) -> None:
        """The partitions may be another worker's now; may be called from any thread."""
        self._state.forget()

    def prepare(self, partitions: Iterable[int]) -> None:
        """Make sure that the state of some partitions is whole.

        Raises:
            Abandoned: the worker stops or lost the partitions.
        """
        self._state.prepare(partitions)

    def process(self, items: list[Arrived]) -> None:
        """``begin``, ``complete`` and ``confirm`` of one batch.

        Raises:
            Abandoned: the worker stops or lost the partitions; do not commit.
        """
        self.begin(items, None)
        self.complete()
        self.confirm()

    def begin(self, items: list[Arrived], token: Any) -> None:
        """Start on a batch: ``complete`` will take it up when those begun before are done.

        Args:
            items: records in the order in which they are to be remembered, and of each partition
                in that of their offsets, without a gap since the batch before.
            token: what ``complete`` or ``confirm`` is to give back.

        Raises:
            Abandoned: the worker stops or lost the partitions.
        """
        self._metrics.batch_size.observe(np.array([len(items)]))
        with self._stage("decode"):
            rejected: list[Rejected] = []
            records: list[Any] = []
            events: list[Accepted] = []
            for one in items:
                if isinstance(one.event, RejectedEvent):
                    rejected.append((one.record, one.event))
                else:
                    records.append(one.record)
                    events.append(one.event)
            batch = to_batch(self._profile, events) if events else empty_batch(self._profile)
            country = country_codes(batch, self._countries)
            partitions = np.fromiter((one.partition for one in records), np.int64, len(records))
            next_offset = {one.record.partition: one.record.offset + 1 for one in items}
        with self._stage("state"):
            self._state.begin(batch, country, partitions, next_offset)
        self._begun.append(_Begun(token, batch, country, records, rejected))

    def complete(self) -> list[Any]:
        """Send the outcomes of the oldest batch begun.

        Returns:
            Tokens of batches whose outcomes are all acknowledged by now; this one is not yet.

        Raises:
            Abandoned: the worker stops or lost the partitions; do not commit.
            BrokerError: Kafka refuses an outcome for good.
        """
        begun = self._begun[0]
        with self._stage("state"):
            step, within = self._state.finish()
        self._begun.popleft()
        self._metrics.late.inc(int((~within).sum()))
        self._metrics.late_affected.inc(step.overtaken)
        self._metrics.truncated.inc(step.truncated)
        batch, country, records = begun.batch, begun.country, begun.records
        rejected = begun.rejected
        known = Known(own_columns(batch, country), step.quantities)
        if step.conflict.any():
            rejected = rejected + [
                (records[row], _conflict(batch, row))
                for row in np.flatnonzero(step.conflict).tolist()
            ]
            keep = np.flatnonzero(~step.conflict)
            records = [records[row] for row in keep.tolist()]
            known = known.take(keep)
            batch, country = batch.take(keep), country[keep]
        scored = self._score(batch, country, known, records) if records else None
        confirmed = self.confirm()
        with self._stage("publish"):
            if scored is not None:
                self._send(*scored, records)
            self._set_aside(rejected)
        self._sent.append(begun.token)
        return confirmed

    def confirm(self, timeout_s: float | None = None) -> list[Any]:
        """Wait until all outcomes sent are acknowledged.

        Args:
            timeout_s: wait no longer than that; None: as long as it takes.

        Returns:
            Tokens of the batches that they belong to; none where time was up.

        Raises:
            Abandoned: the worker stops or lost the partitions; do not commit.
            BrokerError: Kafka refuses an outcome for good.
        """
        if not self._sent:
            return []
        started = time.perf_counter()
        if not self._publisher.confirm(timeout_s):
            return []
        self._metrics.stage.labels("publish").observe(time.perf_counter() - started)
        confirmed, self._sent = self._sent, []
        return confirmed

    def abandon(self) -> list[Any]:
        """Give up what is begun or sent and not confirmed; returns its tokens."""
        given_up = [*self._sent, *(one.token for one in self._begun)]
        self._sent = []
        self._begun.clear()
        self._state.abandon()
        return given_up

    def _set_aside(self, rejected: list[Rejected]) -> None:
        now = iso_time(time.time_ns() // 1_000_000)
        for record, reason in rejected:
            self._metrics.rejected.labels(reason.code).inc()
            value, headers = dead_letter(record, reason, now)
            self._publisher.send(self._topics.dlq.name, record.key, value, headers)

    def _score(
        self, batch: EventBatch, country: NDArray[np.int16], known: Known, records: list[Any]
    ) -> tuple[list[bytes], list[bytes | None]]:
        """The encoded scores and alerts."""
        decisions = self._decisions
        with self._stage("score"):
            matrix = feature_matrix(known)
            begun = time.perf_counter()
            decided = decisions.decide(matrix, batch, country)
            seconds = time.perf_counter() - begun
            challenged = decisions.challenge(matrix, decided.score)
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
                control=decided.control,
                challenged=challenged,
                rules=decided.rules,
            )
        arrived_ms = np.fromiter((record.timestamp for record in records), np.int64, len(records))
        self._metrics.latency.observe((scored_ms - arrived_ms) / 1000)
        self._metrics.observe_scored(
            known.own.code,
            scored.device_users,
            decided.score,
            decided.decision,
            decided.severity,
            batch.amount / AMOUNT_SCALE,
        )
        self._metrics.observe_challenged(challenged)
        self._drift.count(decisions.version, batch.time_ms, matrix, decided.score)
        self._metrics.observe_hits(decided.rules)
        alerts = int((decided.score.astype(np.float64) >= decisions.review).sum())
        self._guard.observe(decisions.model["version"], Tally(len(batch), alerts, seconds))
        with self._stage("publish"):
            return decisions.encoder.encode(scored)

    def _send(self, scores: list[bytes], alerts: list[bytes | None], records: list[Any]) -> None:
        score_topic, alert_topic = self._topics.scores.name, self._topics.alerts.name
        for record, score, alert in zip(records, scores, alerts, strict=True):
            self._publisher.send(score_topic, record.key, score)
            if alert is not None:
                self._publisher.send(alert_topic, record.key, alert)

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
