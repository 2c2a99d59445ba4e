"""The ceiling: a plain confluent-kafka loop around the same decoding, state, scoring, publishing.

No Faust, no merging of partitions, no fence against rebalances. A batch is put on its way into
state before the one before is scored, and its offsets are committed when the broker has its
outcomes. What it is faster by is what the worker's consumer side costs.
Run as ``python -m bench.plain_loop``.
"""

from __future__ import annotations

import signal
import sys
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from core.logs import set_up_logging
from core.names import Topics, worker_group
from core.settings import Settings, load_settings
from stream.pipeline import Pipeline
from stream.plain_records import plain_record
from stream.records import to_rows
from stream.worker import build_pipeline

#: How long to wait for messages while nothing is in work.
_WAIT_S = 0.05
#: How long to wait for acknowledgements before looking for messages again.
_CONFIRM_S = 0.001


class Loop:
    """Consumes, works, commits."""

    def __init__(self, pipeline: Pipeline, consumer: Consumer, settings: Settings) -> None:
        self._pipeline = pipeline
        self._consumer = consumer
        self._profile = settings.profile
        self._future_ms = settings.max_future_s * 1000

    def take_up(self, messages: list[Message]) -> None:
        """Put a batch on its way; complete the one before."""
        good = [plain_record(one) for one in messages if not one.error()]
        if good:
            rows = to_rows(self._profile, good, self._future_ms)
            offsets = {(one.topic, one.partition): one.offset + 1 for one in good}
            self._pipeline.begin(rows.items, offsets)
        while self._pipeline.begun > bool(good):
            self._commit(self._pipeline.complete())

    def finish(self, wait_s: float | None) -> None:
        """Complete everything; commit what is acknowledged in time (None: all of it)."""
        while self._pipeline.begun:
            self._commit(self._pipeline.complete())
        self._commit(self._pipeline.confirm(wait_s))

    def _commit(self, confirmed: list[dict[tuple[str, int], int]]) -> None:
        for offsets in confirmed:
            self._consumer.commit(
                offsets=[TopicPartition(*one, offset) for one, offset in offsets.items()],
                asynchronous=True,
            )


def main() -> None:
    """Score until SIGTERM."""
    going = True

    def stop(*_: Any) -> None:
        nonlocal going
        going = False

    signal.signal(signal.SIGTERM, stop)
    settings = load_settings()
    set_up_logging(settings)
    consumer = Consumer(
        {
            **settings.confluent_config(),
            "group.id": worker_group(settings.namespace, settings.profile),
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([Topics(settings.namespace).transactions(settings.profile).name])
    loop = Loop(build_pipeline(settings, lambda: going).pipeline, consumer, settings)
    sys.stderr.write("worker ready\n")
    while going:
        messages = consumer.consume(settings.batch_max, 0)
        if messages:
            loop.take_up(messages)
        else:
            loop.finish(_CONFIRM_S)
            loop.take_up(consumer.consume(1, _WAIT_S))
    loop.finish(None)
    consumer.close()


if __name__ == "__main__":
    main()
