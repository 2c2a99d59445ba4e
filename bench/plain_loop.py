"""The ceiling: a plain confluent-kafka loop around the same decoding, state, scoring, publishing.

No Faust, no merging of partitions, no fence against rebalances. A batch is put on its way into
state before the one before is scored; it takes what has come by then, and is begun beside the one
before only when it is full or has waited long enough. Offsets are stored when the broker has a
batch's outcomes, and committed from time to time, as often as the worker commits. What it is faster
by is what the worker's consumer side costs.
Run as ``python -m bench.plain_loop``.
"""

from __future__ import annotations

import signal
import sys
import time
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition

from core.logs import set_up_logging
from core.names import Topics, worker_group
from core.settings import Settings, load_settings
from stream.app import COMMIT_INTERVAL_S
from stream.pipeline import Pipeline
from stream.plain_records import plain_record
from stream.records import to_rows
from stream.worker import build_pipeline

#: How long to wait for messages while nothing is in work.
_WAIT_S = 0.05
#: How long to wait for acknowledgements before looking for messages again.
_CONFIRM_S = 0.001


class Loop:
    """Consumes, works, stores offsets."""

    def __init__(self, pipeline: Pipeline, consumer: Consumer, settings: Settings) -> None:
        self._pipeline = pipeline
        self._consumer = consumer
        self._profile = settings.profile
        self._future_ms = settings.max_future_s * 1000
        self._batch_max = settings.batch_max
        self._wait_s = settings.batch_wait_ms / 1000
        self._read: list[Message] = []
        self._opened_at = 0.0
        self._unconfirmed = False

    def turn(self) -> None:
        """Take what has come; begin what is due; complete the batch that was begun first."""
        self._consume()
        while self._is_due():
            self._begin()
            self._consume()
        if self._pipeline.begun:
            self._store(self._pipeline.complete())
            self._unconfirmed = True
        elif self._unconfirmed:
            self._confirm(_CONFIRM_S)

    def finish(self) -> None:
        """Complete what is begun; what was read and not begun is left to the next start."""
        while self._pipeline.begun:
            self._store(self._pipeline.complete())
        self._confirm(None)

    def _consume(self) -> None:
        room = self._batch_max - len(self._read)
        at_rest = not (self._read or self._pipeline.begun or self._unconfirmed)
        if at_rest:
            self._read = self._consumer.consume(1, _WAIT_S)
            room -= 1
        if room and (self._read or not at_rest):
            if not self._read:
                self._opened_at = time.monotonic()
            self._read += self._consumer.consume(room, 0)

    def _is_due(self) -> bool:
        if not self._read or self._pipeline.begun > 1:
            return False
        full = len(self._read) >= self._batch_max
        waited_s = time.monotonic() - self._opened_at
        return not self._pipeline.begun or full or waited_s > self._wait_s

    def _begin(self) -> None:
        read, self._read = self._read, []
        good = [plain_record(one) for one in read if not one.error()]
        if not good:
            return
        rows = to_rows(self._profile, good, self._future_ms)
        offsets = {(one.topic, one.partition): one.offset + 1 for one in good}
        self._pipeline.begin(rows.items, offsets)

    def _confirm(self, wait_s: float | None) -> None:
        confirmed = self._pipeline.confirm(wait_s)
        self._store(confirmed)
        self._unconfirmed = not confirmed

    def _store(self, confirmed: list[dict[tuple[str, int], int]]) -> None:
        for offsets in confirmed:
            self._consumer.store_offsets(
                offsets=[TopicPartition(*one, offset) for one, offset in offsets.items()]
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
            "auto.commit.interval.ms": int(COMMIT_INTERVAL_S * 1000),
            "enable.auto.offset.store": False,
        }
    )
    consumer.subscribe([Topics(settings.namespace).transactions(settings.profile).name])
    loop = Loop(build_pipeline(settings, lambda: going).pipeline, consumer, settings)
    sys.stderr.write("worker ready\n")
    while going:
        loop.turn()
    loop.finish()
    consumer.close()


if __name__ == "__main__":
    main()
