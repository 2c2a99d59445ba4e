"""Running one contender over one topic and reading off what it did."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from confluent_kafka import Producer

from cli.demo_outcomes import OutcomeReader, Outcomes
from core.kafka_admin import delete_topics, ensure_topics
from core.names import Topics
from core.settings import Settings, load_settings
from features.batch import EventBatch
from features.online import delete_namespace
from features.open_wire import open_wire
from producer.encode import encode_events

CONTENDERS = {
    "fraudstream": [sys.executable, "-m", "stream"],
    "plain_loop": [sys.executable, "-m", "bench.plain_loop"],
}
_READY_S = 60.0
#: Events by which a contender shows that it has joined its group and scores.
_WARM_UP = 200


@dataclass(frozen=True, slots=True)
class Drain:
    """One contender over one filled topic."""

    events_per_second: float
    cpu_us_per_event: dict[str, float]


@dataclass(frozen=True, slots=True)
class Bench:
    """What all contenders share.

    Attributes:
        settings: servers, profile, registry.
        batch: the events, in total order.
        partitions: of the input topic.
        servers: name → process whose CPU time is counted.
        logs: folder for the contenders' output.
    """

    settings: Settings
    batch: EventBatch
    partitions: int
    servers: dict[str, psutil.Process]
    logs: Path

    def drain(self, name: str) -> Drain:
        """Fill a fresh topic, then let ``name`` empty it."""
        with self._namespace() as settings:
            self._publish(settings, rate=None)
            reader = OutcomeReader(settings)
            before = {key: _cpu_s(process) for key, process in self.servers.items()}
            with self._running(name, settings) as process:
                idle = _cpu_s(process)
                outcomes = reader.wait_for(len(self.batch), 600)
                spent = {"worker": _cpu_s(process) - idle}
            for key, server in self.servers.items():
                spent[key] = _cpu_s(server) - before[key]
            reader.close()
        return Drain(
            outcomes.events_per_second(),
            {key: seconds / len(self.batch) * 1e6 for key, seconds in spent.items()},
        )

    def pace(self, name: str, rate: int, events: int) -> dict[str, float]:
        """Latency percentiles in ms of ``name`` at ``rate`` events/s, from when it scores."""
        with self._namespace() as settings, self._running(name, settings):
            few = self.batch.take(np.arange(min(events, len(self.batch))))
            reader = OutcomeReader(settings)
            self._publish(settings, rate=rate, batch=few.take(np.arange(_WARM_UP)))
            reader.wait_for(_WARM_UP, 60)
            self._publish(settings, rate=rate, batch=few.take(np.arange(_WARM_UP, len(few))))
            outcomes: Outcomes = reader.wait_for(len(few), 120)
            reader.close()
        return outcomes.latency_ms(few.event_id[_WARM_UP:])

    @contextmanager
    def _namespace(self) -> Iterator[Settings]:
        settings = load_settings(
            kafka=self.settings.kafka,
            redis=self.settings.redis,
            profile=self.settings.profile,
            models=self.settings.models,
            ip_table=self.settings.ip_table,
            metrics_port=0,
            namespace=f"bench-{time.time_ns():x}",
        )
        topics = Topics(settings.namespace).all(settings.profile)
        ensure_topics(settings, topics, self.partitions)
        try:
            yield settings
        finally:
            delete_topics(settings, topics)
            wire = open_wire(settings.redis.get_secret_value())
            delete_namespace(wire, settings.namespace)
            wire.close()

    @contextmanager
    def _running(self, name: str, settings: Settings) -> Iterator[psutil.Process]:
        log = self.logs / f"{name}-{settings.namespace}.log"
        environment = {
            **os.environ,
            "FRAUDSTREAM_KAFKA": settings.kafka,
            "FRAUDSTREAM_REDIS": settings.redis.get_secret_value(),
            "FRAUDSTREAM_PROFILE": settings.profile,
            "FRAUDSTREAM_NAMESPACE": settings.namespace,
            "FRAUDSTREAM_MODELS": str(settings.models),
            "FRAUDSTREAM_METRICS_PORT": "0",
        }
        with log.open("wb") as output:
            process = subprocess.Popen(
                CONTENDERS[name], env=environment, stdout=output, stderr=subprocess.STDOUT
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
            process.wait(30)

    def _publish(
        self, settings: Settings, rate: int | None, batch: EventBatch | None = None
    ) -> None:
        batch = self.batch if batch is None else batch
        topic = Topics(settings.namespace).transactions(settings.profile).name
        producer = Producer(
            {
                **settings.confluent_config(),
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 0 if rate else 20,
                "queue.buffering.max.messages": 2_000_000,
            }
        )
        started = time.perf_counter()
        values = zip(batch.kafka_keys(), encode_events(batch), strict=True)
        for number, (key, value) in enumerate(values):
            while rate and number > (time.perf_counter() - started) * rate:
                producer.poll(0.001)
            producer.produce(topic, value, key)
            if number % 1000 == 0:
                producer.poll(0)
        producer.flush()


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
