"""Watching what the group commits while workers come and go."""

from __future__ import annotations

import threading
import time
from collections import defaultdict

from confluent_kafka import Consumer, KafkaException, TopicPartition

from core.names import Topics, worker_group
from core.settings import Settings
from tests.faults.outcomes import Outcomes

_PERIOD_S = 0.1


class CommitWatch(threading.Thread):
    """Notes when each committed offset was first seen."""

    def __init__(self, settings: Settings, partitions: int) -> None:
        super().__init__(daemon=True)
        topic = Topics(settings.namespace).transactions(settings.profile).name
        self._asked = [TopicPartition(topic, partition) for partition in range(partitions)]
        self._consumer = Consumer(
            {
                **settings.confluent_config(),
                "group.id": worker_group(settings.namespace, settings.profile),
                "enable.auto.commit": False,
            }
        )
        self._over = threading.Event()
        self._seen: list[tuple[int, dict[int, int]]] = []
        self.start()

    def run(self) -> None:
        while not self._over.wait(_PERIOD_S):
            try:
                found = self._consumer.committed(self._asked, 2.0)
            except KafkaException:
                continue  # the broker is away, or coming back
            offsets = {one.partition: one.offset for one in found if one.offset >= 0}
            self._seen.append((time.time_ns() // 1_000_000, offsets))

    def stop(self) -> None:
        self._over.set()
        self.join()
        self._consumer.close()

    @property
    def observations(self) -> int:
        """How often the committed offsets moved."""
        return len({tuple(sorted(offsets.items())) for _, offsets in self._seen})

    def assert_commits_followed_outcomes(self, outcomes: Outcomes) -> None:
        """No offset was committed before the outcome of every event below it was stored."""
        stored: dict[int, dict[int, int]] = defaultdict(dict)
        for copies in outcomes.scores.values():
            origin = copies[0].content["origin"]
            stored[origin["partition"]][origin["offset"]] = min(one.at_ms for one in copies)
        before: dict[int, int] = {}
        for at_ms, offsets in self._seen:
            for partition, offset in offsets.items():
                begin = before.get(partition, 0)
                assert offset >= begin, f"partition {partition} went back: {begin} to {offset}"
                for one in range(begin, offset):
                    assert stored[partition][one] <= at_ms, (
                        f"offset {offset} of partition {partition} was committed before the "
                        f"outcome of {one} was stored"
                    )
                before[partition] = offset
        assert before, "no commit was seen"
