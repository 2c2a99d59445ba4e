"""Publishing with proof of delivery.

Promise: when ``Publisher.confirm`` returns, the broker has acknowledged every message handed to
``send`` since the last confirmation. The offsets of a batch are committed only after that.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from core.errors import BrokerError
from core.settings import Settings
from stream.outage import Server

PRODUCER_CONFIG: dict[str, Any] = {
    "enable.idempotence": True,
    "acks": "all",
    "partitioner": "murmur2_random",
    "compression.type": "lz4",
    "linger.ms": 0.5,
    "queue.buffering.max.messages": 500_000,
    "queue.buffering.max.kbytes": 262_144,
    # Never give a message up while the process lives: an outage holds the line.
    "message.timeout.ms": 0,
    "delivery.report.only.error": True,
    "message.max.bytes": 2_097_152,
}
#: How long a worker that is to stop, or to give partitions up, waits for what it has sent. Without
#: that its outcomes would be published and not committed, and the next worker would repeat them.
_LEAVING_S = 5.0
_PART = "producer"


class Abandoned(Exception):  # noqa: N818 - not an error: the batch will be read again
    """The work was given up because the worker stops or the partitions were revoked."""


class Publisher:
    """A confluent-kafka producer whose deliveries are checked batch by batch.

    Args:
        settings: where and how to connect.
        keep_going: asked while waiting; False abandons the wait.
        kafka: is told of each error of the client (a broker that went away, and the like).
        waited: called while a wait goes on because the broker is away.
    """

    def __init__(
        self,
        settings: Settings,
        keep_going: Callable[[], bool],
        kafka: Server,
        waited: Callable[[], None] = lambda: None,
    ) -> None:
        self._keep_going = keep_going
        self._kafka = kafka
        self._waited = waited
        self._failed: list[KafkaError] = []
        self._down = False
        self._leaving_at: float | None = None
        self._producer = Producer(
            {
                **settings.confluent_config(),
                **PRODUCER_CONFIG,
                "error_cb": self._client_error,
                "on_delivery": self._delivery_failed,
            },
            logger=logging.getLogger("stream.librdkafka"),
        )

    def _client_error(self, error: KafkaError) -> None:
        self._down = True
        self._kafka.failed(_PART, error.str())

    def _delivery_failed(self, error: KafkaError | None, _message: Any) -> None:
        if error is not None:
            self._failed.append(error)

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> None:
        """Queue one message; waits while the queue is full."""
        while True:
            try:
                self._producer.produce(topic, value=value, key=key, headers=headers)
                return
            except BufferError:
                if not self._keep_going():
                    raise Abandoned from None
                self._producer.poll(0.1)
            except KafkaException as error:
                raise BrokerError(f"Kafka refuses a message for {topic}: {error}") from error

    def confirm(self, timeout_s: float | None = None) -> bool:
        """Wait until everything sent is acknowledged.

        Args:
            timeout_s: wait no longer than that; None: as long as it takes.

        Returns:
            Whether it is.

        Raises:
            Abandoned: ``keep_going`` said no, and the broker is away or takes too long.
            BrokerError: a message was refused for good; nothing may be committed.
        """
        # An empty queue proves nothing; one that is emptied after the error does.
        proven = self._down and len(self._producer) > 0
        while self._producer.flush(0.2 if timeout_s is None else timeout_s):
            if self._down:
                self._waited()
            if self._in_vain():
                raise Abandoned
            if timeout_s is not None:
                return False
        if self._failed:
            first, self._failed = self._failed[0], []
            raise BrokerError(f"Kafka refuses an outcome: {first.str()}")
        if proven:
            self._down = False
            self._kafka.answered(_PART)
        return True

    def _in_vain(self) -> bool:
        """Whether to wait no longer: what is on its way to a broker that answers soon arrives."""
        if self._keep_going():
            self._leaving_at = None
            return False
        if self._leaving_at is None:
            self._leaving_at = time.monotonic()
        return self._down or time.monotonic() - self._leaving_at > _LEAVING_S
