"""The Faust app of a worker: one agent that is handed merged batches.

Steps for each batch: the transport decodes and merges (``stream.transport``), a work thread
processes (``stream.pipeline``), the batch is acknowledged, the commit timer commits. Nothing may
leave the agent's loop: a bad event becomes a dead letter, a broken Redis or Kafka is waited for in
place, and anything else ends the process before the batch is acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import faust
from faust.serializers import codecs
from faust.types import TP

from core.names import Topics, worker_group
from core.settings import Settings
from stream.merge import Rows
from stream.metrics import WorkerMetrics
from stream.pipeline import Pipeline
from stream.positions import Batch
from stream.publish import Abandoned
from stream.records import to_rows
from stream.transport import register

_log = logging.getLogger(__name__)

EXIT_BROKEN = 70  #: process exit code when the agent's loop met an error it has no answer to


class PassThrough(codecs.Codec):  # type: ignore[misc]
    """A Faust codec that leaves the value, a ``Batch``, as it is."""

    def _loads(self, value: Any) -> Any:
        return value

    def _dumps(self, value: Any) -> Any:
        return value


class WorkerApp(faust.App):  # type: ignore[misc]
    """A Faust app with what the batch transport needs of it."""

    settings: Settings
    batch_max: int
    profile: str
    max_future_ms: int
    metrics: WorkerMetrics
    pipeline: Pipeline | None = None

    def _create_directories(self) -> None:
        """Faust's tables would live there; ours live in Redis, and the disk may be read-only."""

    def decode_records(self, records: Sequence[Any]) -> Rows:
        """Rows of one partition for the merger."""
        return to_rows(self.profile, records, self.max_future_ms)

    def note_end_offsets(self, end: Mapping[TP, int], read: Mapping[TP, int]) -> None:
        """Called after each fetch with high watermarks and positions."""
        for tp, offset in end.items():
            self.monitor.track_tp_end_offset(tp, offset)
            lag = max(0, offset - read.get(tp, offset))
            self.metrics.lag.labels(tp.topic, str(tp.partition)).set(lag)

    def on_discontinuity(self) -> None:
        """Called when fetched records were lost on the way and are read again."""
        self.metrics.kafka_errors.inc()

    def on_kafka_error(self) -> None:
        """Called when the broker refused or did not answer."""
        self.metrics.kafka_errors.inc()

    def on_rebalance_counted(self) -> None:
        """Called once for each revocation."""
        self.metrics.rebalances.inc()

    def forget_partitions(self) -> None:
        """Called when the assignment ends."""
        self.metrics.lag.clear()
        if self.pipeline is not None:
            self.pipeline.forget_partitions()


def create_app(settings: Settings, metrics: WorkerMetrics) -> WorkerApp:
    """A Faust app for the settings' profile and namespace, without its agent."""
    register()
    codecs.register("pass-through", PassThrough())
    app = WorkerApp(
        worker_group(settings.namespace, settings.profile),
        broker=[f"batch://{server.strip()}" for server in settings.kafka.split(",")],
        broker_credentials=_credentials(settings),
        broker_client_id="fraudstream-worker",
        broker_commit_interval=0.5,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=30.0,
        broker_max_poll_interval=300.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=2_097_152,
        stream_wait_empty=True,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_host="127.0.0.1",
        web_port=settings.metrics_port or _free_port(),
        web_bind="127.0.0.1",
    )
    app.settings = settings
    app.batch_max = settings.batch_max
    app.profile = settings.profile
    app.max_future_ms = settings.max_future_s * 1000
    app.metrics = metrics
    return app


def add_agent(app: WorkerApp, pipeline: Pipeline, topics: Topics) -> None:
    """Give the app its one agent and its metrics page."""
    app.pipeline = pipeline
    topic = app.topic(
        topics.transactions(app.profile).name, value_serializer="pass-through", key_serializer="raw"
    )
    work = ThreadPoolExecutor(1, thread_name_prefix="score")

    async def score(stream: Any) -> None:
        loop = asyncio.get_running_loop()
        async for event in stream.noack().events():
            batch: Batch[TP] = event.value
            if not app.consumer.is_live(batch):
                continue  # its partitions were revoked: somebody else reads it again
            batch.started = True
            try:
                await loop.run_in_executor(work, partial(pipeline.process, batch.items))
            except Abandoned:
                batch.started = False  # nobody needs to wait for it; it will be read again
                continue
            except Exception:
                _log.critical("cannot go on, the batch will be read again", exc_info=True)
                logging.shutdown()
                os._exit(EXIT_BROKEN)
            event.ack()

    app.agent(topic, name="score", concurrency=1)(score)

    @app.page("/metrics")  # type: ignore[untyped-decorator]
    async def metrics_page(view: Any, request: Any) -> Any:
        page = app.metrics.exposition()
        return view.bytes(page, headers={"Content-Type": app.metrics.content_type})


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _credentials(settings: Settings) -> Any:
    protocol = settings.kafka_security_protocol
    if protocol == "PLAINTEXT":
        return None
    context = None
    if protocol.endswith("SSL"):
        ca = settings.kafka_security_ca
        context = ssl.create_default_context(cafile=None if ca is None else str(ca))
        if settings.kafka_security_certificate is not None:
            context.load_cert_chain(
                str(settings.kafka_security_certificate),
                None if settings.kafka_security_key is None else str(settings.kafka_security_key),
            )
    if protocol.startswith("SASL"):
        return faust.SASLCredentials(
            mechanism=settings.kafka_security_sasl_mechanism,
            username=settings.kafka_security_username,
            password=settings.kafka_security_password.get_secret_value(),
            ssl_context=context,
        )
    return faust.SSLCredentials(context)
