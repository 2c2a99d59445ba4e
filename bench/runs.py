"""Running one contender over one topic and reading off what it did."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from confluent_kafka import Producer
from numpy.typing import NDArray

from bench.contenders import CONTENDERS
from bench.live_scores import live_scores
from bench.processor_time import tree_seconds
from bench.results_file import say
from bench.score_reader import ScoreReader, Scores
from bench.worker_stages import stage_seconds
from core.kafka_admin import CLIENT_LOG, KafkaAdmin, ensure_topics
from core.names import Topic, Topics
from core.settings import Settings, load_settings
from features.batch import EventBatch
from features.online import delete_namespace
from features.open_wire import open_wire
from producer.encode import encode_events

ROOT = Path(__file__).parents[1]
_READY_S = 120.0
_DRAIN_S = 180.0
#: How long after the last event of a paced run its scores are waited for.
_GRACE_S = 10.0
#: Seconds at its rate after which a contender has joined its group, scores, and has met everything
#: that is slow the first time.
_WARM_UP_S = 3
#: Drains, and events at a rate, until a young Java machine has compiled what a broker does: before
#: that it takes several times as much of the processors, and the first contender would pay for it.
_WARM_UP_DRAINS = 3
_WARM_UP_PACE = 1_000
_WARM_UP_PACED = 10_000


@dataclass(frozen=True, slots=True)
class Drain:
    """One contender over one filled topic.

    Attributes:
        scores: what it made of the events.
        cpu_us_per_event: process → its processor time from the first message that came out to the
            last score.
        stages: stage → wall µs per event, where the contender tells.
    """

    scores: Scores
    cpu_us_per_event: dict[str, float]
    stages: dict[str, float]


@dataclass(frozen=True, slots=True)
class Paced:
    """One contender at one rate.

    Attributes:
        event_id: of the scored events, warm-up left out.
        score: their scores, aligned.
        latency_ms: of each event sent, in that order, from producing it to having consumed its
            score; infinite where none came.
    """

    event_id: list[str]
    score: NDArray[np.float32]
    latency_ms: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bench:
    """What all contenders share.

    Attributes:
        settings: servers, profile, registry.
        batch: the events, in total order.
        partitions: of the input topic.
        servers: name → process whose CPU time is counted.
        logs: folder for the contenders' output.
        commands: contender → what starts it.
    """

    settings: Settings
    batch: EventBatch
    partitions: int
    servers: Mapping[str, psutil.Process]
    logs: Path
    commands: Mapping[str, list[str]]

    def warm_up(self, name: str) -> None:
        """Let ``name`` work until the servers are as fast as they get."""
        say("warming up the servers …")
        for _ in range(_WARM_UP_DRAINS):
            self.drain(name)
        self.pace(name, _WARM_UP_PACE, _WARM_UP_PACED)

    def drain(
        self, name: str, watch: Callable[[int], AbstractContextManager[Any]] = nullcontext
    ) -> Drain:
        """Fill a fresh topic, then let ``name`` empty it.

        Args:
            name: of the contender.
            watch: given its process id, is entered when its first score is out.
        """
        size = int(len(self.batch) * CONTENDERS[name].share)
        batch = self.batch.take(np.arange(size))
        with self.namespace() as settings:
            self.publish(new_producer(settings, linger_ms=20), settings, batch)
            reader = ScoreReader(settings, self.partitions)
            with self.running(name, settings) as process:
                self._await_begin(name, reader, process)
                already, before = reader.count(), self._processor_time(process)
                try:
                    with watch(process.pid):
                        scores = reader.read_all(size, _DRAIN_S, lambda: lives(process))
                except TimeoutError as error:
                    raise SystemExit(f"{name}: {error}:\n{self._log(name)}") from None
                after = self._processor_time(process)
                stages = stage_seconds(settings.metrics_port) if CONTENDERS[name].metrics else {}
        events = max(size - already, 1)
        return Drain(
            scores,
            {key: (after[key] - before[key]) / events * 1e6 for key in before},
            {key: seconds / size * 1e6 for key, seconds in stages.items()},
        )

    def pace(self, name: str, rate: int, samples: int) -> Paced:
        """``name`` at ``rate`` events/s, from when it scores."""
        begin = min(rate * _WARM_UP_S, len(self.batch) // 2)
        first = self.batch.take(np.arange(begin))
        rest = self.batch.take(np.arange(begin, min(samples + begin, len(self.batch))))
        with (
            self.namespace() as settings,
            live_scores(settings, self.partitions) as reader,
            self.running(name, settings) as process,
        ):
            # One producer for both: the first event of a new one waits for its connection.
            producer = new_producer(settings, linger_ms=0)
            self.publish(producer, settings, first, rate)
            if not reader.wait_for(len(first), _READY_S, lambda: lives(process)):
                raise SystemExit(f"{name} does not score its first events:\n{self._log(name)}")
            sent_s = self.publish(producer, settings, rest, rate)
            reader.wait_for(len(first) + len(rest), _GRACE_S, lambda: lives(process))
            if not lives(process):
                raise SystemExit(f"{name} has ended:\n{self._log(name)}")
        received_s = [reader.received_s.get(one, np.inf) for one in rest.event_id]
        scored = [one for one in rest.event_id if one in reader.score]
        return Paced(
            scored,
            np.array([reader.score[one] for one in scored], np.float32),
            (np.array(received_s) - sent_s) * 1000,
        )

    def _await_begin(self, name: str, reader: ScoreReader, process: psutil.Process) -> None:
        deadline = time.monotonic() + _READY_S
        while not reader.has_begun():
            if not lives(process) or time.monotonic() > deadline:
                raise SystemExit(f"{name} makes nothing of its events:\n{self._log(name)}")
            time.sleep(0.05)

    def _log(self, name: str) -> str:
        """End of the contender's last log."""
        logs = sorted(self.logs.glob(f"{name}-*.log"), key=lambda path: path.stat().st_mtime)
        return logs[-1].read_text()[-4000:]

    def _processor_time(self, process: psutil.Process) -> dict[str, float]:
        meters = {"worker": process, **self.servers}
        return {name: tree_seconds(one) for name, one in meters.items()}

    @contextmanager
    def namespace(self) -> Iterator[Settings]:
        """Topics and state of one run; gone afterwards."""
        settings = load_settings(
            kafka=self.settings.kafka,
            redis=self.settings.redis,
            profile=self.settings.profile,
            models=self.settings.models,
            ip_table=self.settings.ip_table,
            metrics_port=_free_port(),
            namespace=f"bench-{time.time_ns():x}",
        )
        ensure_topics(settings, Topics(settings.namespace).all(settings.profile), self.partitions)
        try:
            yield settings
        finally:
            admin = KafkaAdmin(settings)
            # Contenders make topics of their own, with the namespace in their names.
            names = [name for name in admin.partitions() if settings.namespace in name]
            admin.delete(Topic(name, None) for name in names)
            wire = open_wire(settings.redis.get_secret_value())
            delete_namespace(wire, settings.namespace)
            wire.close()

    @contextmanager
    def running(
        self, name: str, settings: Settings, more: Mapping[str, str] | None = None
    ) -> Iterator[psutil.Process]:
        """A contender that is ready, stopped afterwards; ``more`` goes into its environment."""
        log = self.logs / f"{name}-{settings.namespace}-{time.time_ns():x}.log"
        environment = {
            **os.environ,
            # Not every contender's environment has this project installed.
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.getenv("PYTHONPATH")])]),
            "FRAUDSTREAM_KAFKA": settings.kafka,
            "FRAUDSTREAM_REDIS": settings.redis.get_secret_value(),
            "FRAUDSTREAM_PROFILE": settings.profile,
            "FRAUDSTREAM_NAMESPACE": settings.namespace,
            "FRAUDSTREAM_MODELS": str(settings.models.resolve()),
            "FRAUDSTREAM_METRICS_PORT": str(settings.metrics_port),
            **(more or {}),
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                self.commands[name], env=environment, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            deadline = time.monotonic() + _READY_S
            while b"worker ready" not in log.read_bytes():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{name} did not start:\n{log.read_text()}")
                time.sleep(0.05)
            yield psutil.Process(process.pid)
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def publish(
        self, producer: Producer, settings: Settings, batch: EventBatch, rate: int | None = None
    ) -> NDArray[np.float64]:
        """Send a batch, evenly at ``rate`` events/s or as fast as it goes.

        Returns:
            ``time.perf_counter`` at which each event was handed to the producer.
        """
        topic = Topics(settings.namespace).transactions(settings.profile).name
        messages = list(zip(batch.kafka_keys(), encode_events(batch), strict=True))
        sent_s = np.zeros(len(messages))
        started = time.perf_counter()
        for number, (key, value) in enumerate(messages):
            while rate and number > (time.perf_counter() - started) * rate:
                producer.poll(0.001)
            sent_s[number] = time.perf_counter()
            producer.produce(topic, value, key)
            if number % 1000 == 0:
                producer.poll(0)
        producer.flush()
        return sent_s


def new_producer(settings: Settings, linger_ms: int) -> Producer:
    """A producer of events."""
    return Producer(
        {
            **settings.confluent_config(),
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "linger.ms": linger_ms,
            "queue.buffering.max.messages": 2_000_000,
        },
        logger=CLIENT_LOG,
    )


def lives(process: psutil.Process) -> bool:
    """Whether it has not ended."""
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
