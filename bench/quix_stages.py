"""What the Quix Streams contenders with state event by event share: the first stage and the last.

The first decodes and validates one event and makes its log entries. The last gathers events whose
pasts were looked up on the way, and scores and publishes a micro-batch of them at once: so the
model, whose call costs as much for one row as for fifty, does not decide the comparison.

What the worker does and these do not: remember over a restart how new the newest event of a
partition is, and notice that state was lost.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from quixstreams import message_context
from quixstreams.sinks.base import BaseSink

from bench.last_stage import Arrival, LastStage
from bench.micro_batch import MicroBatch
from bench.one_event import entity_ids, entries
from bench.peer_record import PeerRecord
from core.errors import RejectedEvent
from core.kafka_admin import ensure_topics
from core.names import RejectCode, Topics
from core.settings import Settings
from features.batch import empty_batch
from features.countries import CountryTable, load_country_table
from features.declared import HORIZON_MS
from features.offline import compute_features
from features.profiles import profile_spec
from features.quantities import ABSENT, N_QUANTITIES
from features.validation_one import Accepted, examine
from stream.decisions import load_decision_maker
from stream.metrics import WorkerMetrics
from stream.outage import Server
from stream.publish import Publisher

#: Quantities of an entity that the event does not have.
NOBODY = np.full(N_QUANTITIES, ABSENT, np.int64).tobytes()


class Envelope(msgspec.Struct, array_like=True):
    """An event on its way through the stages.

    Attributes:
        record: as it came into the input topic.
        event: what it says.
        keep: whether it is to be remembered, or too late for that.
        owners: who each entity is, None where unknown.
        entries: what it adds to the log of each.
        quantities: what the stages so far have found.
    """

    record: PeerRecord
    event: Accepted
    keep: bool
    owners: list[str | None]
    entries: list[bytes]
    quantities: list[bytes]


class FirstStage:
    """From a message to an envelope."""

    def __init__(self, settings: Settings, countries: CountryTable, last: LastStage) -> None:
        self._profile = settings.profile
        self._max_future_ms = settings.max_future_s * 1000
        columns = profile_spec(self._profile).text
        self._address = columns.index("ip_address") if "ip_address" in columns else None
        self._countries = countries
        self._last = last
        self._newest: dict[int, int] = {}

    def open(self, value: bytes | None, key: Any, timestamp: int, headers: Any) -> Envelope | None:
        """Decode and validate; None: it went to the dead letters."""
        context = message_context()
        record = PeerRecord(
            context.topic,
            context.partition,
            context.offset,
            timestamp,
            key,
            value,
            [(name, content) for name, content in headers or ()],
        )
        try:
            event = examine(self._profile, value, timestamp + self._max_future_ms)
        except RejectedEvent as reason:
            self._last.set_aside(record, reason)
            return None
        country = 0
        if self._address is not None and (address := event.text[self._address]) is not None:
            country = int(self._countries.codes([address])[0])
        newest = self._newest.get(record.partition, event.time_ms)
        self._newest[record.partition] = max(newest, event.time_ms)
        return Envelope(
            record,
            event,
            event.time_ms > newest - HORIZON_MS,
            entity_ids(self._profile, event),
            entries(self._profile, event, country),
            [],
        )


class ScoringSink(BaseSink):  # type: ignore[misc]
    """Scores micro-batches, and sees to their delivery when Quix wants to commit."""

    def __init__(self, last: LastStage, size: int) -> None:
        super().__init__()
        self._last = last
        self._batch = MicroBatch[Arrival](size)

    def add(self, value: Envelope, **_: Any) -> None:
        """Score the event, or keep it for a little while."""
        self._score(self._batch.add(Arrival(value.record, value.event, value.quantities)))

    def flush(self) -> None:
        """Score what is left; all outcomes, dead letters too, are delivered afterwards."""
        self._score(self._batch.close())
        self._last.confirm()

    def _score(self, arrivals: list[Arrival]) -> None:
        if arrivals:
            self._last.score(arrivals)


def both_ends(settings: Settings) -> tuple[FirstStage, LastStage]:
    """The first and the last stage, their topics made, everything compiled and warmed up."""
    countries = load_country_table(settings.ip_table)
    decisions = load_decision_maker(settings, countries)
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile))
    compute_features(empty_batch(settings.profile), countries)  # compiles
    decisions.warm_up()
    kafka = Server("Kafka", WorkerMetrics(settings.profile).kafka_errors)
    publisher = Publisher(settings, lambda: True, kafka)
    last = LastStage(settings, countries, decisions, publisher)
    return FirstStage(settings, countries, last), last


def is_there(value: Any) -> bool:
    """Whether a stage has left anything of the event."""
    return value is not None


def conflict_of(event: Accepted) -> RejectedEvent:
    """Why an event whose id is another event's is set aside."""
    return RejectedEvent(
        RejectCode.DUPLICATE_CONFLICT,
        f"event_id {event.event_id!r:.80} is known with another time or amount: "
        "give every event an id of its own",
        "event_id",
    )
