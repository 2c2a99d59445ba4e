"""Handing records to Kafka, with proof of delivery.

Promise: when ``confirm`` returns True, the broker has acknowledged every record handed over so
far, apart from those counted in ``failed``. Records of one partition are stored in the order of
the calls. An outage is waited out for ``patience_s`` seconds and then given up with one clear line.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson
from confluent_kafka import KafkaError, KafkaException, Producer

from core.errors import BrokerError
from core.kafka_admin import CLIENT_LOG
from core.names import MAX_MESSAGE_BYTES
from core.settings import Settings

#: How many failures are kept to be shown; all are counted.
FAILURES_SHOWN = 10

_CONFIG: dict[str, Any] = {
    "enable.idempotence": True,
    "acks": "all",
    "partitioner": "murmur2_random",
    "compression.type": "lz4",
    "linger.ms": 5,
    # About a second at full speed: enough to keep the broker busy, and little to read back and
    # compare after a crash.
    "queue.buffering.max.messages": 100_000,
    "queue.buffering.max.kbytes": 131_072,
    "batch.size": 524_288,
    # An outage ends by our own patience, which also ends the replay; a record that timed out by
    # itself would leave a gap behind which others follow.
    "message.timeout.ms": 0,
    "reconnect.backoff.max.ms": 1_000,
    "delivery.report.only.error": True,
}
_WAIT_S = 0.1
#: A broker that hangs causes no error for a minute; silence is noticed before that.
_SILENT_S = 3.0
_PURGED = (KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT)


@dataclass(frozen=True, slots=True)
class Failure:
    """A record that the broker refused for good; ``event_id`` is whatever it is known by."""

    event_id: str
    topic: str
    reason: str


class Sender:
    """An idempotent producer with a bounded queue.

    Args:
        settings: where and how to connect.
        stopping: asked while waiting; True ends the wait.
        notice: takes one line for the user (an outage, its end).
        patience_s: seconds without any acknowledgement after which an outage is given up.
        clock: seconds, monotonic.
        max_message_bytes: larger records are refused here.
        keep_ids: whether to remember each record's ``event_id`` until it is settled; without, that
            of a record which the broker refuses is read out of its value.

    Attributes:
        failed: number of records refused for good.
        failures: the first of them.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        stopping: Callable[[], bool],
        notice: Callable[[str], None],
        patience_s: float,
        clock: Callable[[], float] = time.monotonic,
        max_message_bytes: int = MAX_MESSAGE_BYTES,
        keep_ids: bool = False,
    ) -> None:
        self.failed = 0
        self.failures: list[Failure] = []
        self._settings = settings
        self._stopping = stopping
        self._notice = notice
        self._patience_s = patience_s
        self._clock = clock
        self._max_message_bytes = max_message_bytes
        self._keep_ids = keep_ids
        self._handed_over = 0
        self._settled = 0
        self._settled_at = clock()
        self._trouble = ""
        self._fatal = ""
        self._producer = Producer(
            {
                **settings.confluent_config(),
                **_CONFIG,
                "message.max.bytes": max_message_bytes,
                "error_cb": self._client_error,
                "on_delivery": self._delivery_failed,
            },
            logger=CLIENT_LOG,
        )

    @property
    def unsettled(self) -> int:
        """How many records are neither acknowledged nor refused yet."""
        return len(self._producer)

    def send(
        self,
        topic: str,
        key: str | bytes | None,
        value: bytes | None,
        event_id: str,
        headers: list[tuple[str, bytes]] | None = None,
    ) -> bool:
        """Hand one record over, waiting while the queue is full.

        Returns:
            False when ``stopping`` said so before there was room; the record is not handed over.

        Raises:
            BrokerError: the outage lasts longer than ``patience_s``, or the client is broken.
        """
        while True:
            try:
                self._producer.produce(
                    topic,
                    value=value,
                    key=key,
                    headers=headers,
                    on_delivery=partial(self._delivery_failed, event_id=event_id)
                    if self._keep_ids
                    else None,  # that of the client, which makes no object per record
                )
            except BufferError:
                if self._stopping():
                    return False
                self.wait(_WAIT_S)
                continue
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                if reason.code() != KafkaError.MSG_SIZE_TOO_LARGE:
                    raise self._refused(reason.str()) from None
                size, allowed = len(value or b""), self._max_message_bytes
                self._fail(Failure(event_id, topic, f"{size} bytes, {allowed} allowed"))
                return True
            self._handed_over += 1
            return True

    def wait(self, seconds: float) -> None:
        """Serve the client for up to ``seconds``.

        Raises:
            BrokerError: see ``send``.
        """
        self._producer.poll(seconds)
        if self._fatal:
            raise self._refused(self._fatal)
        settled = self._handed_over - len(self._producer)
        now = self._clock()
        if settled != self._settled or not len(self._producer):
            if self._trouble:
                self._trouble = ""
                self._notice("Kafka answers again")
            self._settled, self._settled_at = settled, now
            return
        silent_s = now - self._settled_at
        if silent_s > self._patience_s:
            raise self._refused(
                f"no acknowledgement for {self._patience_s:g} s "
                f"({self._trouble or 'and no error either'})"
            )
        if silent_s > _SILENT_S:
            self._in_trouble("no acknowledgement")

    def confirm(self, within_s: float | None = None) -> bool:
        """Wait until everything handed over is settled.

        Args:
            within_s: give up after so many seconds; None: only when ``stopping`` says so.

        Returns:
            Whether all is settled.

        Raises:
            BrokerError: see ``send``.
        """
        started = self._clock()
        while len(self._producer):
            if within_s is None:
                if self._stopping():
                    return False
            elif self._clock() - started >= within_s:
                return False
            # flush() sends at once what poll() would let linger.
            self._producer.flush(_WAIT_S)
            self.wait(0)
        self.wait(0)
        return True

    def close(self) -> None:
        """Drop what is not settled and let go of the broker."""
        self._producer.purge(in_queue=True, in_flight=True, blocking=True)
        self._producer.flush(1.0)

    def _client_error(self, error: KafkaError) -> None:
        if error.fatal():
            self._fatal = error.str()
        elif error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._in_trouble(error.str().partition(" (after")[0])

    def _in_trouble(self, what: str) -> None:
        """Say so, once for each outage."""
        if not self._trouble:
            self._trouble = what
            self._notice(
                f"Kafka at {self._settings.kafka}: {what}; "
                f"waiting up to {self._patience_s:g} s for it"
            )

    def _delivery_failed(
        self, error: KafkaError | None, message: Any, event_id: str | None = None
    ) -> None:
        if error is None or error.code() in _PURGED:
            return
        known_by = _event_id(message) if event_id is None else event_id
        self._fail(Failure(known_by, str(message.topic()), error.str()))

    def _fail(self, failure: Failure) -> None:
        self.failed += 1
        if len(self.failures) < FAILURES_SHOWN:
            self.failures.append(failure)

    def _refused(self, why: str) -> BrokerError:
        return BrokerError(f"Kafka at {self._settings.kafka} does not take the events: {why}")


def _event_id(message: Any) -> str:
    try:
        return str(orjson.loads(message.value())["event_id"])
    except (TypeError, KeyError, orjson.JSONDecodeError):
        return "?"
