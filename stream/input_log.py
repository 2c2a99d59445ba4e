"""The input topic, read beside the consumer group: what is committed, and what the log still holds.

For putting events into state again. Nothing here joins the group or commits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from core.errors import BrokerError
from core.kafka_admin import CLIENT_LOG, KafkaAdmin
from core.names import Topics, worker_group
from core.settings import Settings
from stream.merge import Merged, Merger
from stream.plain_records import plain_record
from stream.publish import Abandoned
from stream.records import to_rows

_TIMEOUT_S = 5.0
_POLL_S = 0.2
_AT_ONCE = 5_000
#: Rows of a partition that wait for those of others before no more of it are fetched.
_MOST_WAITING = 50_000


class InputLog:
    """The input topic of a worker's profile and namespace.

    Args:
        settings: of the worker.
        keep_going: asked while waiting for records; False gives up.
    """

    def __init__(self, settings: Settings, keep_going: Callable[[], bool]) -> None:
        self._settings = settings
        self._keep_going = keep_going
        self.topic = Topics(settings.namespace).transactions(settings.profile).name

    def topic_id(self) -> str:
        """The id that the broker gave the topic.

        Raises:
            BrokerError: Kafka is away, or has no such topic.
        """
        found = KafkaAdmin(self._settings).topic_ids([self.topic])
        if self.topic not in found:
            raise BrokerError(f"there is no topic {self.topic}")
        return found[self.topic]

    def partitions(self) -> list[int]:
        """The partitions of the topic.

        Raises:
            BrokerError: Kafka is away.
        """
        with self._consumer() as consumer:
            return sorted(
                consumer.list_topics(self.topic, _TIMEOUT_S).topics[self.topic].partitions
            )

    def committed(self) -> dict[int, int]:
        """Partition → offset that the workers' group has committed, where it has.

        Raises:
            BrokerError: Kafka is away.
        """
        asked = [TopicPartition(self.topic, partition) for partition in self.partitions()]
        with self._consumer() as consumer:
            found = consumer.committed(asked, _TIMEOUT_S)
            return {one.partition: one.offset for one in found if one.offset >= 0}

    def extents(self, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Partition → the first offset that the log still has, and the one behind its last.

        Raises:
            BrokerError: Kafka is away.
        """
        with self._consumer() as consumer:
            return {
                partition: consumer.get_watermark_offsets(
                    TopicPartition(self.topic, partition), _TIMEOUT_S
                )
                for partition in partitions
            }

    def read(self, ranges: Mapping[int, tuple[int, int]], limit: int) -> Iterator[Merged[int]]:
        """What lies in some ranges of offsets, in total order as far as each partition is.

        Args:
            ranges: partition → first offset, and the one behind the last.
            limit: at most so many records at a time.

        Raises:
            BrokerError: Kafka refuses.
            Abandoned: ``keep_going`` said no.
        """
        merger: Merger[int] = Merger()
        merger.assign(sorted(ranges))
        unread = {partition: end for partition, (_, end) in ranges.items()}
        held: set[int] = set()
        with self._consumer() as consumer:
            consumer.assign(
                [TopicPartition(self.topic, one, begin) for one, (begin, _) in ranges.items()]
            )
            while unread or merger.waiting:
                merged = merger.take(limit)
                if merged is not None:
                    yield merged
                    continue
                if not self._keep_going():
                    raise Abandoned
                self._fetch(consumer, unread, merger)
                self._hold_back(consumer, unread, merger, held)
            while (merged := merger.take(limit)) is not None:
                yield merged

    def _fetch(self, consumer: Consumer, unread: dict[int, int], merger: Merger[int]) -> None:
        """Take what has come to the merger; partitions read to their end leave ``unread``."""
        records = defaultdict(list)
        done = set()
        for message in consumer.consume(_AT_ONCE, _POLL_S):
            partition, error = message.partition(), message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    done.add(partition)
                elif not error.retriable():
                    raise BrokerError(f"{self.topic} cannot be read: {error.str()}")
                continue
            end = unread.get(partition, 0)
            if message.offset() < end:
                records[partition].append(plain_record(message))
            if message.offset() >= end - 1:
                done.add(partition)
        future_ms = self._settings.max_future_s * 1000
        for partition, found in records.items():
            merger.add(partition, to_rows(self._settings.profile, found, future_ms))
        for partition in done & unread.keys():
            del unread[partition]
            merger.set_idle(partition, True)
            consumer.pause([TopicPartition(self.topic, partition)])

    def _hold_back(
        self, consumer: Consumer, unread: Mapping[int, int], merger: Merger[int], held: set[int]
    ) -> None:
        """Fetch no more of partitions of which much waits for others."""
        full = {one for one in unread if merger.buffered(one) > _MOST_WAITING}
        for partition in full - held:
            consumer.pause([TopicPartition(self.topic, partition)])
        for partition in (held - full) & unread.keys():
            consumer.resume([TopicPartition(self.topic, partition)])
        held.clear()
        held.update(full)

    @contextmanager
    def _consumer(self) -> Iterator[Consumer]:
        config: dict[str, Any] = {
            **self._settings.confluent_config(),
            "group.id": worker_group(self._settings.namespace, self._settings.profile),
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_uncommitted",  # as aiokafka reads
            "reconnect.backoff.max.ms": 1_000,
        }
        try:
            consumer = Consumer(config, logger=CLIENT_LOG)
        except KafkaException as error:
            raise BrokerError(f"Kafka: {error}") from None
        try:
            yield consumer
        except KafkaException as error:
            raise BrokerError(f"no answer from {self._settings.kafka}: {error}") from None
        finally:
            consumer.close()
