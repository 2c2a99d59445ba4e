"""The baseline: a plain confluent-kafka loop around the same decoding, state, scoring, publishing.

No Faust, no merging of partitions, no group but its own; offsets committed after every batch. What
it is faster by is what the worker's consumer side costs. Run as ``python -m bench.plain_loop``.
"""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer

from core.logs import set_up_logging
from core.names import Topics, worker_group
from core.settings import load_settings
from stream.records import to_rows
from stream.worker import build_pipeline


@dataclass(frozen=True, slots=True)
class Record:
    """A confluent-kafka message with the names the pipeline uses."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


def main() -> None:
    """Score until SIGTERM."""
    going = True

    def stop(*_: Any) -> None:
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, stop)
    settings = load_settings()
    set_up_logging(settings)
    pipeline = build_pipeline(settings, lambda: going).pipeline
    consumer = Consumer(
        {
            **settings.confluent_config(),
            "group.id": worker_group(settings.namespace, settings.profile),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([Topics(settings.namespace).transactions(settings.profile).name])
    sys.stderr.write("worker ready\n")
    while going:
        messages = [one for one in consumer.consume(settings.batch_max, 0.005) if not one.error()]
        if not messages:
            continue
        records = [
            Record(
                one.topic(),
                one.partition(),
                one.offset(),
                one.timestamp()[1],
                one.key(),
                one.value(),
            )
            for one in messages
        ]
        pipeline.process(to_rows(settings.profile, records, settings.max_future_s * 1000).items)
        consumer.commit(asynchronous=False)
    consumer.close()


if __name__ == "__main__":
    main()
