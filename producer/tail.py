"""Reading stretches of topics, without a consumer group and without leaving a trace.

Promise: every message whose offset lies in the asked stretch is yielded once, in the order of its
partition; nothing is committed.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from core.errors import BrokerError
from core.kafka_admin import CLIENT_LOG, no_broker
from core.settings import Settings

_WAIT_S = 0.2

#: Topic → one offset per partition.
Offsets = Mapping[str, Sequence[int]]


class TailReader:
    """Reads partitions from given offsets on.

    Args:
        settings: where and how to connect.
        begin: where to begin in each partition.
        patience_s: seconds without a message after which ``until`` gives the broker up.
        batch: most messages taken at once; what they hold together is what a reader holds.

    Attributes:
        trouble: what the client last complained of since the latest message, or "".
    """

    def __init__(
        self, settings: Settings, begin: Offsets, patience_s: float = 30.0, batch: int = 1000
    ) -> None:
        self._settings = settings
        self.trouble = ""
        self._patience_s = patience_s
        self._batch = batch
        self._position = {
            (topic, partition): offset
            for topic, offsets in begin.items()
            for partition, offset in enumerate(offsets)
        }
        self._consumer = Consumer(
            {
                **settings.confluent_config(),
                # The client wants a name even where it joins no group.
                "group.id": f"fraudstream-reader-{uuid.uuid4().hex}",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "queued.max.messages.kbytes": 16_384,
                "fetch.wait.max.ms": 100,
                "error_cb": self._note,
            },
            logger=CLIENT_LOG,
        )
        self._consumer.assign(
            [TopicPartition(*where, offset) for where, offset in self._position.items()]
        )

    def close(self) -> None:
        """Leave the broker."""
        self._consumer.close()

    def poll(self) -> list[Any]:
        """The messages that came in within a fraction of a second; may be none.

        Raises:
            BrokerError: the broker refuses to serve the topic.
        """
        messages = []
        for message in self._consumer.consume(self._batch, _WAIT_S):
            where = (message.topic(), message.partition())
            error = message.error()
            if error is None:
                self._position[where] = message.offset() + 1
                messages.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._position[where] = message.offset()
            elif not error.retriable():
                raise BrokerError(
                    f"Kafka at {self._settings.kafka} does not let topic {where[0]} be read: "
                    f"{error.str()}"
                )
        if messages:
            self.trouble = ""
        return messages

    def reached(self, topic: str, partition: int, end: int) -> bool:
        """Whether everything before offset ``end`` has been yielded."""
        return self._position[topic, partition] >= end

    def until(self, end: Offsets) -> Iterator[list[Any]]:
        """Lists of the messages before ``end`` in each partition, until there are no more.

        Raises:
            BrokerError: no message has come for ``patience_s``, or the broker refuses to serve.
        """
        open_ends = {
            (topic, partition): offset
            for topic, offsets in end.items()
            for partition, offset in enumerate(offsets)
        }
        latest = time.monotonic()
        while True:
            open_ends = {w: stop for w, stop in open_ends.items() if not self.reached(*w, stop)}
            if not open_ends:
                return
            messages = self.poll()
            if messages:
                latest = time.monotonic()
            elif time.monotonic() - latest > self._patience_s:
                raise no_broker(self._settings, self.trouble)
            wanted = [
                message
                for message in messages
                if message.offset() < open_ends.get((message.topic(), message.partition()), 0)
            ]
            if wanted:
                yield wanted

    def _note(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN or not self.trouble:
            self.trouble = error.str()
