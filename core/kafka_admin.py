"""Topics: made with the contract's settings, looked at, deleted; one clear line without a broker.

Promise: every call here either does what it says or raises ``BrokerError`` with one line that
names the address and the remedy, within ``timeout`` seconds; the client itself prints nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec

from core.errors import BrokerError
from core.names import PARTITIONS, Topic
from core.settings import Settings

#: Long enough for a busy broker, short enough for a person who mistyped the address.
TIMEOUT_S = 5.0
#: librdkafka writes its own log to standard error unless it is given a logger. What matters of it
#: reaches the user as an error of ours; the rest would only repeat that once a second.
CLIENT_LOG = logging.getLogger("librdkafka")
CLIENT_LOG.setLevel(logging.CRITICAL)

_BROKER_DEFAULT = -1
#: What a broker says of a topic that was made a moment ago, or whose leader has changed.
_NOT_READY = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.FENCED_LEADER_EPOCH,
    KafkaError.UNKNOWN_LEADER_EPOCH,
)


def no_broker(settings: Settings, detail: str = "") -> BrokerError:
    """The one line for "no broker answers"; ``detail`` says what the client saw."""
    seen = f" ({detail})" if detail else ""
    return BrokerError(
        f"no Kafka broker answers at {settings.kafka}{seen}: start the local one with "
        "`fraudstream stack up`, or set FRAUDSTREAM_KAFKA to the address of yours"
    )


def ensure_topics(
    settings: Settings,
    topics: Iterable[Topic],
    partitions: int = PARTITIONS,
    timeout: float = TIMEOUT_S,
) -> list[str]:
    """Create those of ``topics`` that are missing; existing ones stay as they are.

    Returns only when every partition of a new topic has a leader, so that the next client need
    not wait for it. Replication is the broker's default.

    Returns:
        Names of the topics created here (one made by somebody else meanwhile is not among them).

    Raises:
        BrokerError: no broker answers, or it refuses to create a topic.
    """
    return KafkaAdmin(settings, timeout).create(topics, partitions)


def delete_topics(
    settings: Settings, topics: Iterable[Topic], timeout: float = TIMEOUT_S
) -> list[str]:
    """Delete those of ``topics`` that exist, with all they hold; returns their names.

    Raises:
        BrokerError: no broker answers, or it refuses.
    """
    return KafkaAdmin(settings, timeout).delete(topics)


class KafkaAdmin:
    """One silent admin connection.

    Args:
        settings: where and how to connect.
        timeout: seconds any one call may take before it counts as "no broker".
    """

    def __init__(self, settings: Settings, timeout: float = TIMEOUT_S) -> None:
        self._settings = settings
        self._timeout = timeout
        self._seen = ""
        config = {
            **settings.confluent_config(),
            "error_cb": self._note,
            # After an outage, be there again as soon as the broker is.
            "reconnect.backoff.max.ms": 1_000,
        }
        self._client = AdminClient(config, logger=CLIENT_LOG)

    def partitions(self) -> dict[str, int]:
        """Name → number of partitions of every topic there is."""
        return {name: len(topic.partitions) for name, topic in self._topics().items()}

    def topic_ids(self, names: Iterable[str]) -> dict[str, str]:
        """Name → the id the broker gave the topic at its creation, of those that exist."""
        there = self._topics().keys()
        known = [name for name in names if name in there]
        if not known:
            return {}
        found = self._answers(
            lambda: self._client.describe_topics(
                TopicCollection(known), request_timeout=self._timeout
            )
        )
        return {name: str(topic.topic_id) for name, topic in found.items()}

    def create(self, topics: Iterable[Topic], partitions: int) -> list[str]:
        """See ``ensure_topics``."""
        wanted = {topic.name: topic for topic in topics}
        existing = self._topics()
        new = [
            NewTopic(
                topic.name,
                num_partitions=partitions,
                replication_factor=_BROKER_DEFAULT,
                config=topic.config(),
            )
            for topic in wanted.values()
            if topic.name not in existing
        ]
        if not new:
            return []
        futures = self._client.create_topics(new, operation_timeout=self._timeout)
        created = self._done(futures, "create", KafkaError.TOPIC_ALREADY_EXISTS)
        self._await_leaders(set(wanted))
        return created

    def delete(self, topics: Iterable[Topic]) -> list[str]:
        """See ``delete_topics``."""
        existing = self._topics()
        doomed = [topic.name for topic in topics if topic.name in existing]
        if not doomed:
            return []
        futures = self._client.delete_topics(doomed, operation_timeout=self._timeout)
        return self._done(futures, "delete", KafkaError.UNKNOWN_TOPIC_OR_PART)

    def offsets(self, counts: Mapping[str, int], *, end: bool) -> dict[str, list[int]]:
        """First (``end=False``) or next (``end=True``) offset of each partition.

        Args:
            counts: topic → number of its partitions.
            end: which of the two.
        """
        return self._offsets(counts, OffsetSpec.latest() if end else OffsetSpec.earliest())

    def offsets_since(self, counts: Mapping[str, int], time_ms: int) -> dict[str, list[int]]:
        """Offset of the first message stored at or after ``time_ms``; the end where none is.

        Args:
            counts: topic → number of its partitions.
            time_ms: by the broker's clock, milliseconds since 1970 UTC.
        """
        found = self._offsets(counts, OffsetSpec.for_timestamp(time_ms))
        end = self.offsets(counts, end=True)
        return {
            topic: [at if at >= 0 else stop for at, stop in zip(offsets, end[topic], strict=True)]
            for topic, offsets in found.items()
        }

    def _offsets(self, counts: Mapping[str, int], spec: OffsetSpec) -> dict[str, list[int]]:
        asked = {
            TopicPartition(topic, partition): spec
            for topic, count in counts.items()
            for partition in range(count)
        }
        answer = {topic: [0] * count for topic, count in counts.items()}
        found = self._answers(
            lambda: self._client.list_offsets(asked, request_timeout=self._timeout)
        )
        for where, at in found.items():
            answer[where.topic][where.partition] = int(at.offset)
        return answer

    def _topics(self) -> dict[str, Any]:
        try:
            topics: dict[str, Any] = self._client.list_topics(timeout=self._timeout).topics
        except KafkaException as error:
            raise self._unreachable(error) from None
        return topics

    def _await_leaders(self, names: set[str]) -> None:
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            topics = self._topics()
            if names <= topics.keys() and all(
                partition.leader >= 0
                for name in names
                for partition in topics[name].partitions.values()
            ):
                # The broker that leads may learn of it later than the one that answered.
                self.offsets({name: len(topics[name].partitions) for name in names}, end=True)
                return
            time.sleep(0.05)
        raise BrokerError(
            f"Kafka at {self._settings.kafka}: topics {', '.join(sorted(names))} have no leader "
            f"after {self._timeout:g} s: look at the broker's log"
        )

    def _done(self, futures: Mapping[str, Future[Any]], verb: str, tolerated: int) -> list[str]:
        """Names for which the call succeeded; ``tolerated`` means somebody else was faster."""
        done = []
        for name, future in futures.items():
            try:
                future.result(self._timeout + TIMEOUT_S)
                done.append(name)
            except KafkaException as error:
                reason: KafkaError = error.args[0]
                if reason.code() != tolerated:
                    raise BrokerError(
                        f"Kafka at {self._settings.kafka} refuses to {verb} topic {name}: "
                        f"{reason.str()}"
                    ) from None
            except TimeoutError as error:
                raise self._unreachable(error) from None
        return done

    def _answers(self, call: Callable[[], Mapping[Any, Future[Any]]]) -> dict[Any, Any]:
        """What every future of ``call`` holds; asked again while the broker is not ready."""
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                return {key: future.result(self._timeout + 1) for key, future in call().items()}
            except KafkaException as error:
                if error.args[0].code() not in _NOT_READY or time.monotonic() > deadline:
                    raise self._unreachable(error) from None
                time.sleep(0.05)
                self._topics()  # learns who leads now
            except TimeoutError as error:
                raise self._unreachable(error) from None

    def _unreachable(self, error: BaseException) -> BrokerError:
        # The call itself says "timed out"; why is in the errors the client kept for poll().
        self._client.poll(0)
        if not isinstance(error, KafkaException):
            return no_broker(self._settings, self._seen or "timed out")
        reason: KafkaError = error.args[0]
        if reason.code() > 0:  # the broker's own word; what the client invents is below zero
            return BrokerError(f"Kafka at {self._settings.kafka} refuses: {reason.str()}")
        return no_broker(self._settings, self._seen or reason.str())

    def _note(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._seen = error.str().partition(" (after")[0]
