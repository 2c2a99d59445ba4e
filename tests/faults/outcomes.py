"""What the workers of a namespace have published, read when a run is over."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import orjson
from confluent_kafka import Consumer, Message, TopicPartition

from core.names import Topics
from core.settings import Settings

_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Copy:
    """One message about an event; there may be several."""

    content: dict[str, Any]
    at_ms: int  #: when the broker stored it


@dataclass(frozen=True, slots=True)
class Outcomes:
    """Everything in the output topics.

    Attributes:
        scores: event id → its scores, in the order of their topic.
        alerts: event id → its alerts, likewise.
        dead: dead letters.
    """

    scores: dict[str, list[Copy]]
    alerts: dict[str, list[Copy]]
    dead: list[Message]

    @property
    def repeated(self) -> int:
        """How many events were scored more than once."""
        return sum(len(copies) > 1 for copies in self.scores.values())

    def of(self, event_ids: Collection[str]) -> Outcomes:
        """Those of some events; dead letters are left out."""
        scores = {one: self.scores[one] for one in event_ids if one in self.scores}
        alerts = {one: self.alerts[one] for one in event_ids if one in self.alerts}
        return Outcomes(scores, alerts, [])


def read_outcomes(settings: Settings) -> Outcomes:
    """All outcomes up to now."""
    topics = Topics(settings.namespace)
    return Outcomes(
        _by_event(settings, topics.scores.name),
        _by_event(settings, topics.alerts.name),
        list(read_topic(settings, topics.dlq.name)),
    )


def _by_event(settings: Settings, topic: str) -> dict[str, list[Copy]]:
    found: dict[str, list[Copy]] = defaultdict(list)
    for message in read_topic(settings, topic):
        content = orjson.loads(message.value())
        found[content["event_id"]].append(Copy(content, message.timestamp()[1]))
    return dict(found)


def read_topic(settings: Settings, name: str) -> Iterator[Message]:
    """Every message of a topic, partition by partition in order of offset."""
    with closing(_consumer(settings)) as consumer:
        for partition, end in ends_of(consumer, name).items():
            consumer.assign([TopicPartition(name, partition, 0)])
            # The position is below zero at first. For more than there is it would wait.
            while (at := consumer.position([TopicPartition(name, partition)])[0].offset) < end:
                for message in consumer.consume(min(end - max(at, 0), 10_000), 1.0):
                    if message.error() is None:
                        yield message
                    else:  # the end of a partition is none
                        assert message.error().retriable(), message.error()


def ends_of(consumer: Consumer, name: str) -> dict[int, int]:
    """Partition → offset after its last record, where there is one."""
    partitions = consumer.list_topics(name, _TIMEOUT_S).topics[name].partitions
    ends = {
        partition: consumer.get_watermark_offsets(TopicPartition(name, partition), _TIMEOUT_S)[1]
        for partition in sorted(partitions)
    }
    return {partition: end for partition, end in ends.items() if end}


def _consumer(settings: Settings) -> Consumer:
    return Consumer(
        {
            **settings.confluent_config(),
            "group.id": "fault-tests",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
        }
    )
