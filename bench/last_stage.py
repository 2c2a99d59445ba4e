"""From events whose pasts were looked up on the way to their confirmed outcomes.

The part of the worker's pipeline after the state: feature vectors, scores, decisions, messages.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bench.peer_record import PeerRecord
from core.errors import RejectedEvent
from core.names import Topics
from core.settings import Settings
from features.countries import CountryTable
from features.declared import WINDOWS
from features.formulas import feature_matrix
from features.iso_times import iso_time
from features.known import Known, country_codes, own_columns
from features.profiles import profile_spec
from features.quantities import N_QUANTITIES, Quantity
from features.validation import to_batch
from features.validation_one import Accepted
from stream.decisions import DecisionMaker
from stream.outcomes import Scored, dead_letter
from stream.publish import Publisher

_DEVICE_USERS = int(Quantity.PEERS) + list(WINDOWS).index("24h")


class Arrival(NamedTuple):
    """One event at the end of its way.

    Attributes:
        record: as it came into the input topic.
        event: what it says.
        quantities: of each entity of the profile, in its order, as bytes.
    """

    record: PeerRecord
    event: Accepted
    quantities: Sequence[bytes]


class LastStage:
    """Scores and publishes."""

    def __init__(
        self,
        settings: Settings,
        countries: CountryTable,
        decisions: DecisionMaker,
        publisher: Publisher,
    ) -> None:
        self._profile = settings.profile
        self._topics = Topics(settings.namespace)
        self._countries = countries
        self._decisions = decisions
        self._publisher = publisher

    def set_aside(self, record: PeerRecord, reason: RejectedEvent) -> None:
        """Send a dead letter."""
        value, headers = dead_letter(record, reason, iso_time(time.time_ns() // 1_000_000))
        self._publisher.send(self._topics.dlq.name, record.key, value, headers)

    def score(self, arrivals: Sequence[Arrival]) -> None:
        """Send the score, and where due the alert, of each event."""
        batch = to_batch(self._profile, [one.event for one in arrivals])
        country = country_codes(batch, self._countries)
        quantities = {
            entity: np.frombuffer(b"".join(one.quantities[number] for one in arrivals), np.int64)
            .reshape(-1, N_QUANTITIES)
            for number, entity in enumerate(profile_spec(self._profile).entities)
        }  # fmt: skip
        matrix = feature_matrix(Known(own_columns(batch, country), quantities))
        decided = self._decisions.decide(matrix, batch, country)
        device = quantities.get("device")
        records = [one.record for one in arrivals]
        scored = Scored(
            batch=batch,
            country=country,
            matrix=matrix,
            device_users=np.full(len(batch), -1) if device is None else device[:, _DEVICE_USERS],
            score=decided.score,
            decision=decided.decision,
            severity=decided.severity,
            threshold=decided.threshold,
            reasons=decided.reasons,
            origin=[(record.topic, record.partition, record.offset) for record in records],
            scored_at=iso_time(time.time_ns() // 1_000_000),
            control=decided.control,
            rules=decided.rules,
        )
        scores, alerts = self._decisions.encoder.encode(scored)
        score_topic, alert_topic = self._topics.scores.name, self._topics.alerts.name
        for record, score, alert in zip(records, scores, alerts, strict=True):
            self._publisher.send(score_topic, record.key, score)
            if alert is not None:
                self._publisher.send(alert_topic, record.key, alert)

    def confirm(self) -> None:
        """Wait until everything sent is delivered."""
        self._publisher.confirm()
