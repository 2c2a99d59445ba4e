"""A peer: Quix Streams in micro-batches, with the worker's state in Redis.

Quix hands over one event after another, and has no batches that a function could work on (its count
windows are kept in RocksDB, per key). So a sink gathers them, and takes them through the worker's
pipeline, the next batch begun before the one before is completed. When Quix flushes the sink, which
it does before it commits, everything is completed and confirmed. Run as
``python -m bench.quix_redis_batched`` in the environment of ``bench.quix_environment``.
"""

from __future__ import annotations

from typing import Any

from quixstreams.sinks.base import BaseSink

from bench.micro_batch import MicroBatch
from bench.peer_record import PeerRecord
from bench.quix_app import input_topic, quix_app
from core.logs import set_up_logging
from core.settings import Settings, load_settings
from stream.pipeline import Pipeline
from stream.records import to_rows
from stream.worker import build_pipeline


class BatchSink(BaseSink):  # type: ignore[misc]
    """Takes micro-batches to their outcomes."""

    def __init__(self, pipeline: Pipeline, settings: Settings) -> None:
        super().__init__()
        self._pipeline = pipeline
        self._profile = settings.profile
        self._max_future_ms = settings.max_future_s * 1000
        self._full = settings.batch_max
        self._batch = MicroBatch[PeerRecord](self._full)

    def add(
        self,
        value: bytes | None,
        key: bytes | None,
        timestamp: int,
        headers: Any,
        topic: str,
        partition: int,
        offset: int,
    ) -> None:
        """Called by Quix with each message."""
        record = PeerRecord(topic, partition, offset, timestamp, key, value, headers or ())
        if records := self._batch.add(record):
            self._begin(records)
            # A full batch is followed by another soon: Redis works on it until that is there.
            self._complete(but=1 if len(records) == self._full else 0)

    def flush(self) -> None:
        """Complete what is there; all outcomes are delivered afterwards."""
        if records := self._batch.close():
            self._begin(records)
        self._complete(but=0)
        self._pipeline.confirm()

    def _begin(self, records: list[PeerRecord]) -> None:
        rows = to_rows(self._profile, records, self._max_future_ms)
        self._pipeline.begin(rows.items, None)

    def _complete(self, but: int) -> None:
        while self._pipeline.begun > but:
            self._pipeline.complete()


def main() -> None:
    """Score until SIGTERM."""
    settings = load_settings()
    set_up_logging(settings)
    pipeline = build_pipeline(settings, lambda: True).pipeline
    with quix_app(settings) as app:
        app.dataframe(input_topic(app, settings)).sink(BatchSink(pipeline, settings))
        app.run()


if __name__ == "__main__":
    main()
