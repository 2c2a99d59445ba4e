"""Running real workers in tests, and reading back what they published."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from core.names import Topics, worker_group
from core.settings import Settings
from tests.stream.forked import Process, bare_environment, the_nursery


@dataclass
class Worker:
    """One worker process."""

    process: Process
    log: Path

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def terminate(self) -> int:
        """SIGTERM; returns the exit code. Ten seconds is what the contract allows, and slack."""
        os.kill(self.process.pid, signal.SIGTERM)
        return self.process.wait(20)

    def await_text(self, text: str, timeout_s: float = 60.0) -> None:
        deadline = time.monotonic() + timeout_s
        while text not in self.log.read_text():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)


def environment_of(settings: Settings, **extra: str) -> dict[str, str]:
    """The environment of a child process that is to have the given settings."""
    given = {
        "FRAUDSTREAM_KAFKA": settings.kafka,
        "FRAUDSTREAM_REDIS": settings.redis.get_secret_value(),
        "FRAUDSTREAM_NAMESPACE": settings.namespace,
        "FRAUDSTREAM_PROFILE": settings.profile,
        "FRAUDSTREAM_MODELS": str(settings.models),
        "FRAUDSTREAM_METRICS_PORT": str(settings.metrics_port),
    }
    if settings.ip_table is not None:
        given["FRAUDSTREAM_IP_TABLE"] = str(settings.ip_table)
    return bare_environment(**{**given, **extra})


@contextmanager
def running_worker(settings: Settings, log: Path, **extra: str) -> Iterator[Worker]:
    """A worker with the given settings, its imports behind it; killed at the end if need be."""
    log.touch()
    worker = Worker(the_nursery().start(environment_of(settings, **extra), log), log)
    with _killed_at_the_end(worker):
        yield worker


@contextmanager
def fresh_worker(settings: Settings, log: Path, **extra: str) -> Iterator[Worker]:
    """The same, in a process as a user would start it."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "stream"], env=environment_of(settings, **extra), cwd=log.parent,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    worker = Worker(process, log)
    with _killed_at_the_end(worker):
        yield worker


@contextmanager
def _killed_at_the_end(worker: Worker) -> Iterator[None]:
    try:
        yield
    finally:
        if worker.process.poll() is None:
            worker.kill()


@dataclass
class Published:
    """Everything in a namespace's output topics so far."""

    scores: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[dict[str, Any]] = field(default_factory=list)
    dead: list[Message] = field(default_factory=list)

    @property
    def scored_ids(self) -> set[str]:
        return {score["event_id"] for score in self.scores}


class Reader:
    """Reads a namespace's output topics from the beginning, as another program would."""

    def __init__(self, settings: Settings) -> None:
        topics = Topics(settings.namespace)
        self._kind = {
            topics.scores.name: "scores",
            topics.alerts.name: "alerts",
            topics.dlq.name: "dead",
        }
        self.published = Published()
        self._consumer = Consumer(
            {**settings.confluent_config(), "group.id": "test-reader", "enable.auto.commit": False}
        )
        self._consumer.assign(
            [
                TopicPartition(name, partition, 0)
                for name in self._kind
                for partition in self._consumer.list_topics(name, 10).topics[name].partitions
            ]
        )
        assert self._consumer.assignment(), "make the topics first"

    def read_until(self, outcomes: int, timeout_s: float = 90.0) -> Published:
        """Read until so many distinct events have a score or a dead letter, and a bit further."""
        found = self.published
        deadline = time.monotonic() + timeout_s
        while len(found.scored_ids) + len(found.dead) < outcomes:
            assert time.monotonic() < deadline, (
                f"{len(found.scored_ids)} scored, {len(found.dead)} dead, {outcomes} expected"
            )
            self._poll(0.2)
        for _ in range(4):
            self._poll(0.25)
        return found

    def _poll(self, timeout_s: float) -> None:
        for message in self._consumer.consume(5000, timeout_s):
            assert message.error() is None, message.error()
            kind = self._kind[message.topic()]
            if kind == "dead":
                self.published.dead.append(message)
            else:
                getattr(self.published, kind).append(json.loads(message.value()))

    def close(self) -> None:
        self._consumer.close()


def committed(settings: Settings) -> dict[int, int]:
    """Partition → committed offset of the workers' group, where there is one."""
    topic = Topics(settings.namespace).transactions(settings.profile).name
    consumer = Consumer(
        {
            **settings.confluent_config(),
            "group.id": worker_group(settings.namespace, settings.profile),
            "enable.auto.commit": False,
        }
    )
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        found = consumer.committed([TopicPartition(topic, one) for one in partitions], 10)
        return {one.partition: one.offset for one in found if one.offset >= 0}
    finally:
        consumer.close()


def end_offsets(settings: Settings) -> dict[int, int]:
    """Partition → offset after the last input record, where there is one."""
    topic = Topics(settings.namespace).transactions(settings.profile).name
    consumer = Consumer({**settings.confluent_config(), "group.id": "test-ends"})
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        ends = {
            one: consumer.get_watermark_offsets(TopicPartition(topic, one), 10)[1]
            for one in partitions
        }
        return {partition: end for partition, end in ends.items() if end}
    finally:
        consumer.close()


def publish(
    settings: Settings, messages: Iterable[tuple[str, bytes | None]], compression: str = "none"
) -> None:
    """Put raw messages (key, value) into the input topic, as an outside producer would."""
    topic = Topics(settings.namespace).transactions(settings.profile).name
    producer = Producer(
        {
            **settings.confluent_config(),
            "partitioner": "murmur2_random",
            "compression.type": compression,
            "message.max.bytes": 2_000_000,
            "queue.buffering.max.messages": 500_000,
        }
    )
    produce_all(producer, topic, messages)


def produce_all(
    producer: Producer, topic: str, messages: Iterable[tuple[Any, bytes | None]]
) -> None:
    """Keys and values, however many; every one is acknowledged afterwards."""
    failed: list[Any] = []
    for key, value in messages:
        while True:
            try:
                producer.produce(
                    topic, value, key,
                    on_delivery=lambda error, _: failed.append(error) if error else None,
                )  # fmt: skip
                break
            except BufferError:  # more than the client holds at a time
                producer.poll(0.1)
    assert producer.flush(60) == 0
    assert not failed, failed[0]
