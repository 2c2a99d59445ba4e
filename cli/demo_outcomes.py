"""Reading back what a worker made of a replay, for the summary of the demo.

Everything comes from the topics, as another program would see it: nothing is taken from the
worker's own counters.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import Consumer, TopicPartition

from core.errors import BrokerError
from core.kafka_admin import CLIENT_LOG
from core.names import Topics
from core.settings import Settings


@dataclass(slots=True)
class Outcomes:
    """What the topics hold; the first outcome of an event counts.

    Attributes:
        scored: event id → (milliseconds from broker timestamp to scored, time of the score's
            arrival in the log in ms).
        alerted: ids of the events with an alert.
        dead_letters: number of dead letters.
    """

    scored: dict[str, tuple[int, int]] = field(default_factory=dict)
    alerted: set[str] = field(default_factory=set)
    dead_letters: int = 0

    def events_per_second(self) -> float:
        """Scores a second, between the first and the last that arrived in the log."""
        arrived = np.array([at for _, at in self.scored.values()])
        seconds = (arrived.max() - arrived.min()) / 1000 if len(arrived) else 0
        return float(len(arrived) / seconds) if seconds else 0.0

    def latency_ms(self, event_ids: list[str]) -> dict[str, float]:
        """Percentiles of broker timestamp to scored, over the given events."""
        found = [self.scored[one][0] for one in event_ids if one in self.scored]
        if not found:
            return {"p50": 0.0, "p99": 0.0}
        p50, p99 = np.percentile(found, [50, 99])
        return {"p50": float(p50), "p99": float(p99)}


class OutcomeReader:
    """Follows the topics of one namespace from their beginning.

    Args:
        settings: namespace and profile to read.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        topics = Topics(settings.namespace)
        self._names = {
            "events": topics.transactions(settings.profile).name,
            "scores": topics.scores.name,
            "alerts": topics.alerts.name,
            "dlq": topics.dlq.name,
        }
        self._arrived: dict[tuple[int, int], int] = {}
        self._pending: list[tuple[str, int, tuple[int, int], int]] = []
        self.outcomes = Outcomes()
        self._decode = msgspec.json.Decoder().decode
        self._consumer = Consumer(
            {
                **settings.confluent_config(),
                "group.id": "fraudstream-demo-reader",
                "enable.auto.commit": False,
            },
            logger=CLIENT_LOG,
        )
        self._consumer.assign(
            [
                TopicPartition(name, partition, 0)
                for name in self._names.values()
                for partition in self._consumer.list_topics(name, timeout=10)
                .topics[name]
                .partitions
            ]
        )

    def wait_for(
        self, outcomes: int, timeout_s: float, alive: Callable[[], bool] = lambda: True
    ) -> Outcomes:
        """Read until so many events have an outcome.

        Args:
            outcomes: how many.
            timeout_s: how long at most.
            alive: whether whoever makes them still runs.

        Raises:
            BrokerError: they did not come in time.
        """
        deadline = time.monotonic() + timeout_s
        while len(self.outcomes.scored) + self.outcomes.dead_letters < outcomes:
            if time.monotonic() > deadline or not alive():
                raise BrokerError(
                    f"only {len(self.outcomes.scored)} of {outcomes} events were scored"
                    + (f" within {timeout_s:.0f} s" if alive() else ", and the worker has ended")
                    + ": look at its log"
                )
            self._read(0.2)
        for _ in range(3):  # alerts may come a moment after their scores
            self._read(0.2)
        return self.outcomes

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def _read(self, timeout_s: float) -> None:
        for message in self._messages(timeout_s):
            topic = message.topic()
            if topic == self._names["events"]:
                self._arrived[message.partition(), message.offset()] = message.timestamp()[1]
            elif topic == self._names["dlq"]:
                self.outcomes.dead_letters += 1
            elif topic == self._names["alerts"]:
                self.outcomes.alerted.add(self._decode(message.value())["event_id"])
            else:
                self._note_score(self._decode(message.value()), message.timestamp()[1])
        self._settle()

    def _messages(self, timeout_s: float) -> Iterator[Any]:
        for message in self._consumer.consume(10_000, timeout_s):
            if message.error() is None:
                yield message

    def _note_score(self, score: dict[str, Any], arrived_ms: int) -> None:
        origin = score["origin"]
        scored_ms = int(np.datetime64(score["scored_at"][:-1], "ms").astype(np.int64))
        where = (origin["partition"], origin["offset"])
        self._pending.append((score["event_id"], scored_ms, where, arrived_ms))

    def _settle(self) -> None:
        """Join scores with the events they came from, as far as those were read."""
        waiting = []
        for event_id, scored_ms, where, arrived_ms in self._pending:
            if where in self._arrived:
                latency = scored_ms - self._arrived[where]
                self.outcomes.scored.setdefault(event_id, (latency, arrived_ms))
            else:
                waiting.append((event_id, scored_ms, where, arrived_ms))
        self._pending = waiting
