"""The read model made anew from the topics, while the old one answers.

The new one is counted under a generation of its own. When it has caught up, it takes the old one's
place, a profile at a time; projectors notice, and go on with it. What the topics no longer hold is
not in it: sums from before that are lost with the old one.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from confluent_kafka import Consumer, TopicPartition
from msgspec import MsgspecError

from core.kafka_admin import CLIENT_LOG, KafkaAdmin, ensure_topics
from core.names import PROFILES, Topics, views_group
from core.settings import Settings
from features.iso_times import iso_time
from views.readmodel.forgetting import known_forgotten, scrub
from views.readmodel.holding import Abandoned, Holding
from views.readmodel.incoming import LabelSeen, milliseconds, readers
from views.readmodel.intake import Intake
from views.readmodel.projector import read_topics
from views.readmodel.redis_model import RedisModel
from views.readmodel.sorting import Sorter

_FETCH = 1_000
_POLL_S = 0.5
_REPORT_S = 5.0
#: So long is waited for the first message of a partition.
_FIRST_S = 10.0

Offsets = Mapping[str, list[int]]


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How the new read model is.

    Attributes:
        complete_from_ms: event time from which on nothing is missing; None: nothing is.
        messages: that it was made from.
        seconds: that it took.
    """

    complete_from_ms: int | None
    messages: int
    seconds: float


def rebuild(
    settings: Settings,
    report: Callable[[str], None],
    keep_going: Callable[[], bool] = lambda: True,
) -> Rebuilt:
    """Make the read models of all profiles of a namespace anew.

    Args:
        settings: where Kafka and Redis are, and the namespace.
        report: told in a line how far back it will reach, and how far it is.
        keep_going: asked several times a second; False leaves the old one in its place.

    Raises:
        Abandoned: ``keep_going`` said no.
        BrokerError, StateError: only at the beginning; later outages are waited for.
    """
    began = time.monotonic()
    topics = read_topics(settings)
    ensure_topics(settings, topics)
    admin = KafkaAdmin(settings)
    there = admin.partitions()
    counts = {topic.name: there[topic.name] for topic in topics}
    starts, ends = admin.offsets(counts, end=False), admin.offsets(counts, end=True)
    complete_from = _complete_from(settings, starts, ends)
    report(_reach(complete_from))
    model = RedisModel(settings)
    generation = uuid.uuid4().hex[:8]
    holding = Holding(keep_going, lambda trouble: report(f"waits: {trouble}") if trouble else None)
    intakes = {
        one: Intake(model, one, generation, settings.views_days, serving=False) for one in PROFILES
    }
    partitions = [(name, p) for name, count in counts.items() for p in range(count)]
    served: list[str] = []
    try:
        sorter = Sorter(settings.namespace)
        sorter.write_to(intakes)
        sorter.catch_up(True)
        holding.call(partial(sorter.start, partitions))
        for intake in intakes.values():
            holding.call(partial(intake.take, (), {}, complete_from))
        _read(settings, sorter, starts, ends, holding, report, keep_going)
        # What came meanwhile; the projector does the rest.
        ends = holding.call(lambda: admin.offsets(counts, end=True))
        _read(settings, sorter, starts, ends, holding, report, keep_going)
        for profile in PROFILES:
            holding.call(partial(_take_place, model, profile, generation))
            served.append(profile)
            holding.call(partial(model.delete_others, profile, generation))
    finally:
        if not served:
            for profile in PROFILES:
                model.delete(profile, generation)
        model.close()
    messages = sum(ends[topic][p] - starts[topic][p] for topic, p in partitions)
    return Rebuilt(complete_from, messages, time.monotonic() - began)


def _take_place(model: RedisModel, profile: str, generation: str) -> None:
    """Let a generation answer, without what users had who were forgotten while it was made."""
    while True:
        forgotten = model.ask(profile, generation=generation)[0].forgotten
        if forgotten:
            scrub(model, profile, generation, known_forgotten(model, profile), serving=False)
        if model.ask(profile, generation=generation)[0].forgotten == forgotten:
            model.serve(profile, generation)
            return


def _reach(complete_from: int | None) -> str:
    if complete_from is None:
        return "the topics reach back to their first message: the read model will have everything"
    return (
        f"the topics hold nothing from before {iso_time(complete_from)}: the read model will be "
        "complete from then on, and without sums of what was before"
    )


def _read(
    settings: Settings,
    sorter: Sorter,
    starts: Offsets,
    ends: Offsets,
    holding: Holding,
    report: Callable[[str], None],
    keep_going: Callable[[], bool],
) -> None:
    """Take everything in from where the sorter is up to ``ends``."""

    def missing() -> int:
        return sum(
            max(0, ends[topic][partition] - max(offset, starts[topic][partition]))
            for (topic, partition), offset in sorter.next.items()
        )

    consumer = _consumer(settings)
    reported = time.monotonic()
    try:
        consumer.assign([TopicPartition(*at, offset) for at, offset in sorter.next.items()])
        while left := missing():
            if not keep_going():
                raise Abandoned
            messages = [one for one in consumer.consume(_FETCH, _POLL_S) if one.error() is None]
            holding.call(partial(sorter.take, messages))
            if time.monotonic() - reported > _REPORT_S:
                reported = time.monotonic()
                report(f"{left:,} messages to go")
        holding.call(sorter.settle)
    finally:
        consumer.close()


def _complete_from(settings: Settings, starts: Offsets, ends: Offsets) -> int | None:
    """The latest event time of the first scores and alerts that have others before them."""
    names = Topics(settings.namespace)
    found: list[int] = []
    for topic in (names.scores.name, names.alerts.name):
        for partition, start in enumerate(starts[topic]):
            if start == 0:
                continue
            if start >= ends[topic][partition]:
                found.append(time.time_ns() // 1_000_000)  # all that was there is gone
            else:
                found += _first_event_ms(settings, topic, partition, start)
    return max(found, default=None)


def _first_event_ms(settings: Settings, topic: str, partition: int, start: int) -> list[int]:
    """Event time of the first message of a partition that can be read; empty where none can."""
    read = readers(settings.namespace)[topic]
    consumer = _consumer(settings)
    try:
        consumer.assign([TopicPartition(topic, partition, start)])
        deadline = time.monotonic() + _FIRST_S
        while time.monotonic() < deadline:
            message = consumer.poll(_POLL_S)
            if message is None or message.error() is not None:
                continue
            with suppress(MsgspecError):
                seen = read(message.value() or b"")
                if not isinstance(seen, LabelSeen):
                    return [milliseconds(seen.event_time)]
    finally:
        consumer.close()
    return []


def _consumer(settings: Settings) -> Consumer:
    return Consumer(
        {
            **settings.confluent_config(),
            "group.id": f"{views_group(settings.namespace)}-rebuild",  # it commits nothing
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "reconnect.backoff.max.ms": 1_000,
        },
        logger=CLIENT_LOG,
    )
