"""Dead letters for tests, written as a worker or as anybody would, and the commands on them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from typer.testing import CliRunner, Result

from cli.dlq import app
from core.errors import RejectedEvent
from core.kafka_admin import CLIENT_LOG, ensure_topics
from core.names import Topic, Topics
from core.settings import Settings
from stream.outcomes import dead_letter

FAILED_AT = "2026-01-31T12:00:00.000Z"
Headers = list[tuple[str, bytes]]


@dataclass(frozen=True)
class Record:
    """What a worker has in hand of a message that it refuses."""

    topic: str
    value: bytes | None
    key: bytes | None = b"k"
    partition: int = 0
    offset: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


class Morgue:
    """The dead-letter topic and the input topics of the test's namespace."""

    def __init__(self, settings: Settings, partitions: int = 4) -> None:
        self.settings = settings
        self.topics = Topics(settings.namespace)
        self.dlq = self.topics.dlq.name
        self.input = self.topics.transactions("ecommerce").name
        ensure_topics(
            settings,
            [self.topics.dlq, *map(self.topics.transactions, ("ecommerce", "banking"))],
            partitions,
        )
        self._producer = Producer(
            {
                **settings.confluent_config(),
                "message.max.bytes": 2_000_000,
                "partitioner": "murmur2_random",
            },
            logger=CLIENT_LOG,
        )

    def bury(self, code: str, value: bytes | None, field: str = "", **changes: Any) -> None:
        """A dead letter as a worker writes it."""
        failed_at = changes.pop("failed_at", FAILED_AT)
        message = changes.pop("message", f"{field or 'message'} is wrong: mend it")
        record = Record(**{"topic": self.input, "value": value, **changes})
        body, headers = dead_letter(record, RejectedEvent(code, message, field), failed_at)
        self.leave(record.key, body, headers)

    def leave(self, key: bytes | None, value: bytes | None, headers: Headers) -> None:
        """Any message in the dead-letter topic."""
        while True:
            try:
                self._producer.produce(self.dlq, value, key, headers=headers)
                return
            except BufferError:
                self._producer.poll(0.1)

    def close(self) -> None:
        """Wait until all letters lie."""
        assert self._producer.flush(30) == 0


def read_all(settings: Settings, topic: Topic | str) -> list[Any]:
    """Every message of a topic now, in (partition, offset) order."""
    name = topic if isinstance(topic, str) else topic.name
    consumer = Consumer({**settings.confluent_config(), "group.id": "test-all"})
    try:
        ends = {}
        for partition in consumer.list_topics(name, 10).topics[name].partitions:
            end = consumer.get_watermark_offsets(TopicPartition(name, partition), 10)[1]
            ends[partition] = end
        consumer.assign([TopicPartition(name, partition, 0) for partition in ends])
        found: list[Any] = []
        while len(found) < sum(ends.values()):
            messages = consumer.consume(1000, 5)
            assert messages, "nothing comes"
            found += messages
        return sorted(found, key=lambda one: (one.partition(), one.offset()))
    finally:
        consumer.close()


def dlq(*arguments: str) -> Result:
    """``fraudstream dlq …`` in this process."""
    return CliRunner().invoke(app, list(arguments))
