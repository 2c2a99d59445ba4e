"""Labels on their way to ``fraud-labels``.

Promise: when ``send`` returns, the broker has acknowledged every label. When it raises, some may be
there: sending the same labels again changes nothing, as the read model keeps the latest of an event
and knows repeats.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer

from core.errors import BrokerError
from core.kafka_admin import CLIENT_LOG, ensure_topics, no_broker
from core.messages import Label
from core.names import Topics
from core.settings import Settings

#: A label that is not acknowledged after so long is given up.
PATIENCE_S = 10.0
_POLL_S = 0.05
_CONFIG: dict[str, Any] = {
    "enable.idempotence": True,
    "acks": "all",
    "partitioner": "murmur2_random",
    "linger.ms": 5,
    "message.timeout.ms": int(PATIENCE_S * 1000),
    "reconnect.backoff.max.ms": 1_000,
}
_encode = msgspec.json.Encoder().encode


class LabelSender:
    """Sends labels; threads may share it, and each waits for its own.

    Args:
        settings: where Kafka is, and the namespace.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._topic = Topics(settings.namespace).labels
        self._lock = threading.Lock()
        self._producer: Producer | None = None

    def send(self, labels: Sequence[Label]) -> None:
        """Send labels, those of an event in this order.

        Raises:
            BrokerError: not all are acknowledged.
        """
        producer = self._connected()
        settled: list[KafkaError | None] = []
        try:
            for one in labels:
                producer.produce(
                    self._topic.name,
                    _encode(one),
                    one.event_id,
                    on_delivery=lambda error, _: settled.append(error),
                )
        except (BufferError, KafkaException) as error:
            self._drop(producer)
            raise no_broker(self._settings, str(error)) from None
        deadline = time.monotonic() + PATIENCE_S + 1.0
        while len(settled) < len(labels) and time.monotonic() < deadline:
            producer.poll(_POLL_S)
        failed = [error for error in settled if error is not None]
        if failed or len(settled) < len(labels):
            self._drop(producer)
            said = failed[0].str() if failed else f"no answer within {PATIENCE_S:.0f} s"
            raise BrokerError(
                f"{len(labels) - settled.count(None)} of {len(labels)} labels are not "
                f"acknowledged by Kafka at {self._settings.kafka} ({said}): send them again, "
                "nothing is doubled"
            )

    def _connected(self) -> Producer:
        with self._lock:
            if self._producer is None:
                ensure_topics(self._settings, [self._topic])
                self._producer = Producer(
                    {**self._settings.confluent_config(), **_CONFIG}, logger=CLIENT_LOG
                )
            return self._producer

    def _drop(self, producer: Producer) -> None:
        """Begin anew next time: what failed may have broken it for good."""
        with self._lock:
            if self._producer is producer:
                self._producer = None
