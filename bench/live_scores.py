"""Reading scores as they come, as whoever acts on them would.

Latency is from handing an event to the producer to holding its score, both by the clock of this
process. Only paced runs are read along: there the reader takes a small part of the machine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec
from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from bench.score_reader import ScoreMessage
from core.kafka_admin import CLIENT_LOG
from core.names import Topics
from core.settings import Settings


class LiveScores(threading.Thread):
    """Consumes the topics of scores and dead letters of one namespace.

    Attributes:
        received_s: event id → ``time.perf_counter`` when its first score was there.
        score: event id → that score.
        dead_letters: how many there are.
    """

    def __init__(self, settings: Settings, partitions: int) -> None:
        super().__init__(name="live scores", daemon=True)
        topics = Topics(settings.namespace)
        self._scores = topics.scores.name
        self._consumer = Consumer(
            {
                **settings.confluent_config(),
                "group.id": "fraudstream-bench-reader",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 100,
            },
            logger=CLIENT_LOG,
        )
        self._consumer.assign(
            [
                TopicPartition(name, number, OFFSET_BEGINNING)
                for name in (self._scores, topics.dlq.name)
                for number in range(partitions)
            ]
        )
        self._going = True
        self.received_s: dict[str, float] = {}
        self.score: dict[str, float] = {}
        self.dead_letters = 0

    def run(self) -> None:
        """Until ``stop``."""
        decode = msgspec.json.Decoder(ScoreMessage).decode
        while self._going:
            message = self._consumer.poll(0.1)
            now = time.perf_counter()
            if message is None or message.error():
                continue
            if message.topic() != self._scores:
                self.dead_letters += 1
                continue
            one = decode(message.value() or b"")
            if one.event_id not in self.received_s:
                self.score[one.event_id] = one.score
                self.received_s[one.event_id] = now
        self._consumer.close()

    def stop(self) -> None:
        """End the thread."""
        self._going = False
        self.join()

    def wait_for(self, outcomes: int, timeout_s: float, alive: Callable[[], bool]) -> bool:
        """Wait until so many events have an outcome; whether they came in time.

        Args:
            outcomes: how many scored events and dead letters.
            timeout_s: how long at most.
            alive: whether whoever makes them still runs.
        """
        deadline = time.perf_counter() + timeout_s
        while len(self.received_s) + self.dead_letters < outcomes:
            if time.perf_counter() > deadline or not alive():
                return False
            time.sleep(0.02)
        return True


@contextmanager
def live_scores(settings: Settings, partitions: int) -> Iterator[LiveScores]:
    """A reader for as long as it is wanted."""
    reader = LiveScores(settings, partitions)
    reader.start()
    try:
        yield reader
    finally:
        reader.stop()
