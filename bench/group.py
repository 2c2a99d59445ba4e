"""Several workers of one group that begin at the same moment."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import psutil
from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from bench.runs import Bench
from core.kafka_admin import CLIENT_LOG
from core.names import worker_group
from core.settings import Settings

_STABLE_S = 60.0


@contextmanager
def group_of(
    bench: Bench, settings: Settings, workers: int, more: dict[str, str]
) -> Iterator[Sequence[psutil.Process]]:
    """So many of our workers, each with its partitions; ``more`` goes into their environment."""
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                bench.running("fraudstream", settings, {**more, "FRAUDSTREAM_METRICS_PORT": "0"})
            )
            for _ in range(workers)
        ]
        _await_stable(settings, workers, bench.partitions)
        yield processes


@contextmanager
def held(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """The processes do nothing meanwhile; for less than the session of their group."""
    for one in processes:
        one.suspend()
    try:
        yield
    finally:
        for one in processes:
            one.resume()


def _await_stable(settings: Settings, workers: int, partitions: int) -> None:
    admin = AdminClient(settings.confluent_config(), logger=CLIENT_LOG)
    name = worker_group(settings.namespace, settings.profile)
    deadline = time.monotonic() + _STABLE_S
    while time.monotonic() < deadline:
        try:
            group = admin.describe_consumer_groups([name])[name].result()
        except KafkaException:  # a young broker still looks for the group's coordinator
            time.sleep(0.2)
            continue
        owned = [len(one.assignment.topic_partitions) for one in group.members]
        stable = group.state == ConsumerGroupState.STABLE
        if stable and len(owned) == workers and sum(owned) == partitions:
            time.sleep(1)  # what the assignment brings with it
            return
        time.sleep(0.2)
    raise SystemExit(f"{workers} workers have not shared {partitions} partitions")
