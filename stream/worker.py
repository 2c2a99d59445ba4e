"""Starting a worker: check what it needs, put the parts together, run until told to stop."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass

import faust
import numpy as np

from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings
from features.batch import empty_batch
from features.countries import load_country_table
from features.offline import compute_features
from features.online import VelocityState
from features.open_wire import open_wire
from stream.app import WorkerApp, add_agent, create_app
from stream.decisions import load_decision_maker
from stream.horizon import Horizon
from stream.metrics import WorkerMetrics
from stream.pipeline import Pipeline
from stream.publish import Publisher

_log = logging.getLogger(__name__)

#: How long a Python thread may run while another waits. The work thread waits for Redis and Kafka
#: several times a batch, and takes its turn again behind the two event loops: with the default of
#: 5 ms that waiting is most of the latency at low rates.
_SWITCH_INTERVAL_S = 0.0005


@dataclass(frozen=True, slots=True)
class Parts:
    """A pipeline, and what was loaded for it."""

    pipeline: Pipeline
    metrics: WorkerMetrics
    topics: Topics


def build_pipeline(settings: Settings, keep_going: Callable[[], bool]) -> Parts:
    """Everything between decoded records and confirmed outcomes, checked and warmed up.

    Args:
        settings: of the worker.
        keep_going: asked from the work thread whether a batch in work may go on.

    Raises:
        ModelError: no usable champion.
        StateError: Redis is away or may drop keys.
        BrokerError: Kafka is away.
    """
    countries = load_country_table(settings.ip_table)
    decisions = load_decision_maker(settings, countries)
    wire = open_wire(settings.redis.get_secret_value())
    wire.check_policy()
    topics = Topics(settings.namespace)
    ensure_topics(settings, topics.all(settings.profile))
    # The compiled kernel and the ONNX session are slow the first time; not while events wait.
    compute_features(empty_batch(settings.profile), countries)
    meta = decisions.version.metadata
    decisions.decide(np.zeros((1, len(meta.feature_names)), np.float32))

    metrics = WorkerMetrics(settings.profile)
    metrics.model_info.labels(meta.name, meta.version, "champion").set(1)
    pipeline = Pipeline(
        profile=settings.profile,
        topics=topics,
        state=VelocityState(wire, settings.namespace, settings.profile),
        horizon=Horizon(wire, settings.namespace, topics.transactions(settings.profile).name),
        countries=countries,
        decisions=decisions,
        publisher=Publisher(settings, keep_going, metrics.kafka_errors.inc),
        metrics=metrics,
        keep_going=keep_going,
    )
    _log.info(
        "worker ready: profile %s, namespace %s, model %s %s, review at %.4f, block at %.4f",
        settings.profile,
        settings.namespace,
        meta.name,
        meta.version,
        decisions.review,
        decisions.block,
    )
    return Parts(pipeline, metrics, topics)


def build_worker(settings: Settings) -> WorkerApp:
    """A Faust app that is ready to run; raises as ``build_pipeline``."""
    app: WorkerApp | None = None

    def keep_going() -> bool:
        """Whether work in progress may go on."""
        if app is None:
            return True
        consumer = app._consumer  # the property would create one
        return not app.should_stop and (consumer is None or consumer.flow_active)

    parts = build_pipeline(settings, keep_going)
    app = create_app(settings, parts.metrics)
    add_agent(app, parts.pipeline, parts.topics)
    return app


def run_worker(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code of the process."""
    sys.setswitchinterval(_SWITCH_INTERVAL_S)
    worker = faust.Worker(
        build_worker(settings),
        loglevel=settings.log_level,
        override_logging=False,
        redirect_stdouts=False,
        quiet=True,
    )
    worker.spinner = None  # its escape codes would end up in the log
    try:
        worker.execute_from_commandline()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0
