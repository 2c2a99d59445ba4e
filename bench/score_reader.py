"""Reading off the topics what a contender did, without disturbing it while it does.

While it works, only the end of the topics is asked for, once in a while. What is in them is read
and decoded afterwards: on a small machine a reader alongside would take part of what is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, Consumer, Message, TopicPartition
from numpy.typing import NDArray

from core.kafka_admin import CLIENT_LOG, KafkaAdmin
from core.names import Topics
from core.settings import Settings

_LOOK_EVERY_S = 0.05


class ScoreMessage(msgspec.Struct):
    """What the benchmark looks at in a message of the topic of scores."""

    event_id: str
    score: float


class _AlertMessage(msgspec.Struct):
    event_id: str
    features: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Scores:
    """What the topics hold; of an event with several scores the first counts.

    Attributes:
        event_id: of n distinct events with a score.
        score: their scores, float32, shape (n,).
        begun_ms: when the first message came out, be it to a topic between stages, by the broker's
            clock.
        ended_ms: when the last of the scores came into its topic, by the same clock.
        repeats: scores beyond the first of each event.
        alerts: messages in the topic of alerts.
        dead_letters: messages in the topic of dead letters.
    """

    event_id: list[str]
    score: NDArray[np.float32]
    begun_ms: int
    ended_ms: int
    repeats: int
    alerts: int
    dead_letters: int

    def __len__(self) -> int:
        return len(self.event_id)

    def events_per_second(self) -> float:
        """Events a second, from the first message that came out to the last score."""
        seconds = (self.ended_ms - self.begun_ms) / 1000
        return len(self) / seconds if seconds > 0 else 0.0


@dataclass(slots=True)
class ScoreReader:
    """The topics of one namespace.

    Attributes:
        settings: namespace and profile to read.
        partitions: of each of the topics.
    """

    settings: Settings
    partitions: int
    _admin: KafkaAdmin = field(init=False)

    def __post_init__(self) -> None:
        self._admin = KafkaAdmin(self.settings)

    def count(self) -> int:
        """Scores and dead letters so far, repeats included."""
        topics = Topics(self.settings.namespace)
        ends = self._ends(topics.scores.name, topics.dlq.name)
        return sum(sum(offsets) for offsets in ends.values())

    def has_begun(self) -> bool:
        """Whether anything came out yet, be it to a topic between stages."""
        return any(any(offsets) for offsets in self._ends(*self._outputs()).values())

    def wait_for(self, outcomes: int, timeout_s: float, alive: Callable[[], bool]) -> bool:
        """Wait until there are so many; whether they came in time.

        Args:
            outcomes: how many scores and dead letters.
            timeout_s: how long at most.
            alive: whether whoever makes them still runs.
        """
        deadline = time.monotonic() + timeout_s
        while self.count() < outcomes:
            if time.monotonic() > deadline or not alive():
                return False
            time.sleep(_LOOK_EVERY_S)
        return True

    def read(self) -> Scores:
        """Everything that is in the topics now."""
        topics = Topics(self.settings.namespace)
        decode = msgspec.json.Decoder(ScoreMessage).decode
        found: dict[str, float] = {}
        repeats = ended_ms = 0
        for message in self._messages(topics.scores.name):
            one = decode(message.value() or b"")
            if one.event_id in found:
                repeats += 1
                continue
            found[one.event_id] = one.score
            ended_ms = max(ended_ms, message.timestamp()[1])
        ends = self._ends(topics.alerts.name, topics.dlq.name)
        return Scores(
            event_id=list(found),
            score=np.array(list(found.values()), np.float32),
            begun_ms=self._begun_ms(),
            ended_ms=ended_ms,
            repeats=repeats,
            alerts=sum(ends[topics.alerts.name]),
            dead_letters=sum(ends[topics.dlq.name]),
        )

    def read_all(self, events: int, timeout_s: float, alive: Callable[[], bool]) -> Scores:
        """At least one outcome of so many events; there are more where batches were repeated.

        Raises:
            TimeoutError: they did not come in time; with how many there are.
        """
        outcomes = events
        while self.wait_for(outcomes, timeout_s, alive):
            scores = self.read()
            missing = events - len(scores) - scores.dead_letters
            if missing <= 0:
                return scores
            outcomes = self.count() + missing
        raise TimeoutError(f"{self.count()} of {outcomes} events are scored")

    def alert_features(self) -> dict[str, dict[str, Any]]:
        """Event id → features as its first alert tells them."""
        decode = msgspec.json.Decoder(_AlertMessage).decode
        found: dict[str, dict[str, Any]] = {}
        for message in self._messages(Topics(self.settings.namespace).alerts.name):
            one = decode(message.value() or b"")
            found.setdefault(one.event_id, one.features)
        return found

    def _ends(self, *names: str) -> dict[str, list[int]]:
        return self._admin.offsets(dict.fromkeys(names, self.partitions), end=True)

    def _outputs(self) -> list[str]:
        """Topics of the namespace that the contender writes to; it may have made some itself."""
        events = Topics(self.settings.namespace).transactions(self.settings.profile).name
        names = self._admin.partitions()
        return [name for name in names if self.settings.namespace in name and name != events]

    def _begun_ms(self) -> int:
        return min(
            (
                message.timestamp()[1]
                for name in self._outputs()
                for message in self._messages(name, only_first=True)
                # Other times are what the sender says.
                if message.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME
            ),
            default=0,
        )

    def _messages(self, name: str, only_first: bool = False) -> list[Message]:
        """The messages of a topic from which none was deleted: all, or the first in a partition."""
        ends = self._ends(name)[name]
        consumer = Consumer(
            {
                **self.settings.confluent_config(),
                "group.id": "fraudstream-bench-reader",
                "enable.auto.commit": False,
            },
            logger=CLIENT_LOG,
        )
        messages: list[Message] = []
        for number, end in enumerate(ends):
            wanted = min(end, 1) if only_first else end
            consumer.assign([TopicPartition(name, number, 0)])
            read = 0
            while read < wanted:
                found = [one for one in consumer.consume(wanted - read, 0.2) if not one.error()]
                messages += found
                read += len(found)
        consumer.close()
        return messages
