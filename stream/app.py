"""The Faust app of a worker: one agent that is handed merged batches.

Steps for each batch: the transport decodes and merges (``stream.transport``), the work thread takes
it to its outcomes (``stream.work_thread``), the batch is acknowledged, the commit timer commits.
Nothing may leave that thread: a bad event becomes a dead letter, a broken Redis or Kafka is waited
for in place, and anything else ends the process before the batch is acknowledged.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import faust
from faust.serializers import codecs
from faust.types import TP

from core.names import Topics, worker_group
from core.settings import Settings
from stream.merge import Rows
from stream.metrics import WorkerMetrics
from stream.outage import Server
from stream.pipeline import Pipeline
from stream.records import rows_by_partition
from stream.transport import register
from stream.watchdog import Watchdog
from stream.work_thread import WorkThread

_log = logging.getLogger(__name__)

#: When a process that was told to stop ends; ten seconds is what supervisors give it.
STOP_S = 9.0
#: How often the offsets of finished batches are committed.
COMMIT_INTERVAL_S = 0.5
_PART = "consumer"


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
    kafka: Server
    pipeline: Pipeline | None = None
    work: WorkThread | None = None
    watchdog: Watchdog | None = None
    watchers: tuple[threading.Thread, ...] = ()
    said_when_ready: str = ""
    _stop_limit: threading.Timer | None = None

    class BootStrategy(faust.App.BootStrategy):  # type: ignore[misc]
        """What is published goes through ``stream.publish``; Faust's producer has no use."""

        enable_kafka_producer = False

    def _create_directories(self) -> None:
        """Faust's tables would live there; ours live in Redis, and the disk may be read-only."""

    async def stop(self) -> None:
        """Stop within ``STOP_S``, whatever a library waits for while Kafka or Redis is away."""
        if self._stop_limit is None:
            self._stop_limit = threading.Timer(STOP_S, self._end)
            self._stop_limit.daemon = True
            self._stop_limit.start()
        await super().stop()

    def _end(self) -> None:
        _log.warning("not stopped in %.0f s; what is not committed will be read again", STOP_S)
        logging.shutdown()
        os._exit(1 if self.crashed else 0)

    def decode_records(self, records: Mapping[TP, Sequence[Any]]) -> dict[TP, Rows]:
        """Rows of each partition for the merger."""
        started = time.perf_counter()
        rows = rows_by_partition(self.profile, records, self.max_future_ms)
        self.metrics.stage.labels("decode").observe(time.perf_counter() - started)
        return rows

    def note_end_offsets(self, end: Mapping[TP, int], read: Mapping[TP, int]) -> None:
        """Called after each fetch with high watermarks and positions."""
        for tp, offset in end.items():
            self.monitor.track_tp_end_offset(tp, offset)
            lag = max(0, offset - read.get(tp, offset))
            self.metrics.note_lag(tp.topic, tp.partition, lag)

    def on_connected(self) -> None:
        """Called when the consumer has found its broker and is about to join its group."""
        self.on_kafka_answer()
        _log.info("worker ready: %s", self.said_when_ready)

    def on_discontinuity(self) -> None:
        """Called when fetched records were lost on the way and are read again."""
        self.metrics.kafka_errors.inc()

    def on_kafka_error(self, error: Exception) -> None:
        """Called when the broker refused or did not answer the consumer."""
        self.kafka.failed(_PART, type(error).__name__)

    def on_kafka_answer(self) -> None:
        """Called when it did."""
        self.kafka.answered(_PART)

    def on_committed(self, seconds: float) -> None:
        """Called when the broker has taken a commit, with how long that took."""
        self.metrics.stage.labels("commit").observe(seconds)
        self.metrics.note_commit()
        self.on_kafka_answer()
        if self.watchdog is not None:
            self.watchdog.sign()

    def on_rebalance_counted(self) -> None:
        """Called once for each revocation."""
        self.metrics.rebalances.inc()

    def prepare_partitions(self, assigned: Iterable[TP]) -> None:
        """Called when an assignment is about to be read: see to its state, events or not."""
        partitions = [tp.partition for tp in assigned]
        if self.work is not None:
            self.work.prepare(partitions)
        if self.watchdog is not None:
            self.watchdog.watch(partitions)

    def forget_partitions(self) -> None:
        """Called when the assignment ends."""
        self.metrics.forget_partitions()
        if self.pipeline is not None:
            self.pipeline.forget_partitions()


def create_app(settings: Settings, metrics: WorkerMetrics, kafka: Server) -> WorkerApp:
    """A Faust app for the settings' profile and namespace, without its agent."""
    register()
    codecs.register("pass-through", PassThrough())
    app = WorkerApp(
        worker_group(settings.namespace, settings.profile),
        broker=[f"batch://{server.strip()}" for server in settings.kafka.split(",")],
        broker_credentials=_credentials(settings),
        broker_client_id="fraudstream-worker",
        broker_commit_interval=COMMIT_INTERVAL_S,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_rebalance_timeout=30.0,
        broker_max_poll_interval=300.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=2_097_152,
        # A broker that has just started may not know its topics yet, and the group's leader then
        # assigns nothing; the group is asked to join again when the metadata say otherwise.
        consumer_metadata_max_age_ms=5_000,
        stream_wait_empty=True,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_host="127.0.0.1",
        web_port=settings.metrics_port or _free_port(settings.metrics_host),
        web_bind=settings.metrics_host,
        # Beside /metrics only `/` is left, which says "OK": the others tell a stranger about the
        # process, and serve tables and routes that this app does not have.
        web_stats_enabled=False,
        web_graph_enabled=False,
        web_router_enabled=False,
        web_tables_enabled=False,
        web_metrics_enabled=False,
    )
    app.settings = settings
    app.batch_max = settings.batch_max
    app.profile = settings.profile
    app.max_future_ms = settings.max_future_s * 1000
    app.metrics = metrics
    app.kafka = kafka
    return app


def add_agent(app: WorkerApp, pipeline: Pipeline, topics: Topics) -> None:
    """Give the app its one agent and its metrics page."""
    app.pipeline = pipeline
    app.work = work = WorkThread(
        pipeline,
        lambda batch: bool(app.consumer.is_live(batch)),
        app.settings.batch_wait_ms / 1000,
    )
    topic = app.topic(
        topics.transactions(app.profile).name, value_serializer="pass-through", key_serializer="raw"
    )

    async def score(stream: Any) -> None:
        loop = asyncio.get_running_loop()
        if not work.is_alive():
            work.start()
        async for event in stream.noack().events():
            work.submit(event.value, partial(_soon, loop, event.ack))

    app.agent(topic, name="score", concurrency=1)(score)

    @app.page("/metrics")  # type: ignore[untyped-decorator]
    async def metrics_page(view: Any, request: Any) -> Any:
        page, content_type = app.metrics.exposition(request.headers.get("Accept", ""))
        return view.bytes(page, headers={"Content-Type": content_type})


def _soon(loop: asyncio.AbstractEventLoop, call: Callable[[], Any]) -> None:
    loop.call_soon_threadsafe(call)


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
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
