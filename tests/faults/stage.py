"""One scenario's topics, state, workers and events."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from core.names import Topics
from core.settings import Settings, load_settings
from features.batch import EventBatch
from tests.faults.commit_watch import CommitWatch
from tests.faults.fault_worker import FaultWorker, start_worker
from tests.faults.oracle import Oracle
from tests.faults.outcomes import Outcomes, ends_of, read_outcomes
from tests.faults.scale import SCALE
from tests.stream.test_worker import messages
from tests.stream.workers import committed, end_offsets, publish

PARTITIONS = 4
_POLL_S = 0.1
#: Events per second of a worker that something is to happen to while it works, however fast the
#: machine is.
PACED = {"pace": 1_500.0}
#: What no run waits longer for, at scale 1.
WAIT_S = 90.0


class Stage:
    """Topics of four partitions, a champion, and workers that come and go.

    Args:
        settings: as the tests reach Kafka and Redis.
        workers: as the workers do: through a proxy, perhaps.
        folder: for logs.
    """

    def __init__(self, settings: Settings, workers: Settings, folder: Path) -> None:
        self.settings = settings
        self.workers: list[FaultWorker] = []
        self._for_workers = workers
        self._folder = folder
        self._watch: CommitWatch | None = None
        self._asking = Consumer({**settings.confluent_config(), "group.id": "fault-tests-progress"})

    def start(
        self,
        name: str = "worker",
        impatient: Mapping[str, Any] | None = None,
        poor: Mapping[str, Any] | None = None,
        **given: object,
    ) -> FaultWorker:
        """Start a worker.

        Args:
            name: of its log file.
            impatient: see ``fault_worker.start_worker``.
            poor: how badly it works, see ``poor_worker.work_poorly``.
            given: its settings.
        """
        extra = {f"FRAUDSTREAM_{key.upper()}": str(value) for key, value in given.items()}
        if poor:
            extra["POOR"] = json.dumps(dict(poor))
        thresholds = thresholds_of(self.settings)
        log = self._folder / f"{name}.log"
        worker = start_worker(self._for_workers, log, impatient, **{**thresholds, **extra})
        self.workers.append(worker)
        return worker

    def publish(self, batch: EventBatch) -> None:
        self.publish_messages(messages(batch))

    @contextmanager
    def steady_load(self, batch: EventBatch, per_s: int) -> Iterator[list[int]]:
        """So many events per second for as long as the block takes, whatever happens in it.

        Yields:
            The numbers of the events published so far.
        """
        over = threading.Event()
        published: list[int] = []
        size = per_s // 4

        def go_on() -> None:
            while not over.wait(0.25):
                rows = range(len(published), len(published) + size)
                assert rows.stop <= len(batch), "the block took longer than the events reach"
                self.publish(batch.take(rows))
                published.extend(rows)

        with ThreadPoolExecutor(1) as thread:
            load = thread.submit(go_on)
            try:
                yield published
            finally:
                over.set()
            load.result()

    def publish_messages(self, written: Iterable[tuple[str, bytes | None]]) -> None:
        """Keys and values, as an outside producer would."""
        publish(self.settings, written)

    def delete_records(self, before: Mapping[int, int]) -> None:
        """What retention does: the log of each partition begins at the given offset now."""
        name = Topics(self.settings.namespace).transactions(self.settings.profile).name
        begins = [TopicPartition(name, *one) for one in before.items()]
        admin = AdminClient(self.settings.confluent_config())
        for done in admin.delete_records(begins).values():
            done.result(10)

    def watch_commits(self) -> CommitWatch:
        self._watch = CommitWatch(self.settings, PARTITIONS)
        return self._watch

    def scored(self) -> int:
        """How many scores were published, repeats included; 0 while the broker is away."""
        with suppress(KafkaException):
            topics = Topics(self.settings.namespace)
            return sum(ends_of(self._asking, topics.scores.name).values())
        return 0

    def dead(self) -> int:
        """How many dead letters were published, repeats included."""
        return sum(ends_of(self._asking, Topics(self.settings.namespace).dlq.name).values())

    def await_scored(self, count: int, timeout_s: float = WAIT_S) -> None:
        """Wait until so many scores were published."""
        self.wait_for(lambda: self.scored() >= count, timeout_s)

    def await_drained(self, timeout_s: float = WAIT_S) -> None:
        """Wait until the committed offsets are the ends of the log."""
        self.wait_for(self._is_drained, timeout_s)

    def _is_drained(self) -> bool:
        with suppress(KafkaException):  # a broker that is just back does not answer all questions
            return committed(self.settings) == end_offsets(self.settings)
        return False

    def wait_for(self, condition: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
        deadline = time.monotonic() + timeout_s * max(1.0, SCALE)
        while not condition():
            assert time.monotonic() < deadline, self.report()
            time.sleep(_POLL_S)

    def report(self) -> str:
        """What there is to see when something does not come."""
        lines = [f"scored {self.scored()}"]
        with suppress(KafkaException):
            lines.append(f"committed {committed(self.settings)}")
            lines.append(f"ends {end_offsets(self.settings)}")
        for worker in self.workers:
            ended = worker.process.poll()
            lines.append(f"--- {worker.log.name}, exit code {ended}\n{worker.said()[-6000:]}")
        return "\n".join(lines)

    def outcomes(self) -> Outcomes:
        return read_outcomes(self.settings)

    def oracle(self, batch: EventBatch) -> Oracle:
        return Oracle(self.settings, batch)

    def close(self) -> None:
        for worker in self.workers:
            worker.end()
        if self._watch is not None:
            self._watch.stop()
        self._asking.close()


def thresholds_of(settings: Settings) -> dict[str, str]:
    """The environment variables that give a worker the thresholds of these settings."""
    given = {"REVIEW": settings.threshold_review, "BLOCK": settings.threshold_block}
    return {
        f"FRAUDSTREAM_THRESHOLD_{name}": repr(value)
        for name, value in given.items()
        if value is not None
    }


def with_changes(settings: Settings, **changes: Any) -> Settings:
    """The settings with others in place of some."""
    return load_settings(**{**settings.model_dump(), **changes})
