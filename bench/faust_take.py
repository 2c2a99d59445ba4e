"""A peer: stock Faust, its agent taking micro-batches with ``stream.take_events``.

Transport, consumer, buffers, acknowledgement and commits are Faust's own; the work on a batch is
the worker's pipeline. ``take_events`` is ``take`` for whole events: the outcomes need offsets and
broker timestamps. A batch is acknowledged when the agent asks for the next one, after all its
outcomes are delivered. Run as ``python -m bench.faust_take``.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import faust

from bench.peer_record import PeerRecord
from core.logs import set_up_logging
from core.names import Topics, worker_group
from core.settings import Settings, load_settings
from stream.pipeline import Pipeline
from stream.records import to_rows
from stream.worker import SWITCH_INTERVAL_S, build_pipeline

#: How long ``take`` waits for a batch to fill. Of 5, 10, 20 and 50 ms the one with most events a
#: second, and no slower at low rates than 5 ms.
_WITHIN_S = 0.01
#: Events that Faust keeps for the agent: several batches, so that it never waits for the consumer.
_BUFFERED = 8192

_log = logging.getLogger(__name__)


def create_app(settings: Settings, pipeline: Pipeline, folder: str) -> faust.App:
    """The app and its one agent."""
    app = faust.App(
        worker_group(settings.namespace, settings.profile),
        broker=[f"kafka://{server.strip()}" for server in settings.kafka.split(",")],
        broker_commit_interval=0.5,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=2_097_152,
        stream_buffer_maxsize=_BUFFERED,
        stream_wait_empty=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        datadir=folder,
    )
    name = Topics(settings.namespace).transactions(settings.profile).name
    topic = app.topic(name, value_serializer="raw", key_serializer="raw")
    work = ThreadPoolExecutor(1, thread_name_prefix="score")

    def process(events: list[Any]) -> None:
        records = [_record(event.message) for event in events]
        pipeline.process(to_rows(settings.profile, records, settings.max_future_s * 1000).items)

    async def score(stream: Any) -> None:
        loop = asyncio.get_running_loop()
        async for events in stream.take_events(settings.batch_max, within=_WITHIN_S):
            try:
                await loop.run_in_executor(work, process, events)
            except Exception:  # nothing of it may be acknowledged
                _log.critical("cannot go on, the batch will be read again", exc_info=True)
                logging.shutdown()
                os._exit(70)

    app.agent(topic, name="score", concurrency=1)(score)
    return app


def _record(message: Any) -> PeerRecord:
    return PeerRecord(
        message.topic,
        message.partition,
        message.offset,
        round(message.timestamp * 1000),
        message.key,
        message.value,
        message.headers or (),
    )


def main() -> None:
    """Score until SIGTERM."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    settings = load_settings()
    set_up_logging(settings)
    pipeline = build_pipeline(settings, lambda: True).pipeline
    with tempfile.TemporaryDirectory() as folder:
        worker = faust.Worker(
            create_app(settings, pipeline, folder),
            loglevel=settings.log_level,
            override_logging=False,
            redirect_stdouts=False,
            quiet=True,
        )
        worker.spinner = None  # its escape codes would end up in the log
        worker.execute_from_commandline()


if __name__ == "__main__":
    main()
