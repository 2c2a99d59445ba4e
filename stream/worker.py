"""Starting a worker: check what it needs, put the parts together, run until told to stop."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass

import faust

from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings
from features.batch import empty_batch
from features.countries import CountryTable, load_country_table
from features.fence import Fence
from features.offline import compute_features
from features.online import VelocityState
from features.open_wire import open_wire
from model.lists.followed import FollowedLists
from model.lists.store import ListStore
from model.rules.followed import FollowedRules
from stream.app import WorkerApp, add_agent, create_app
from stream.decisions import DecisionMaker
from stream.drift_watch import DriftWatch
from stream.fenced_state import FencedState
from stream.input_log import InputLog
from stream.lists_watch import ListsWatch
from stream.lists_watch import told as told_lists
from stream.metrics import WorkerMetrics
from stream.model_watch import ModelWatch, load_warm
from stream.outage import Server, quieten_clients
from stream.patience import Patience
from stream.pipeline import Pipeline
from stream.promotion_guard import PromotionGuard
from stream.publish import Publisher
from stream.restore import Restorer
from stream.rules_watch import RulesWatch, told
from stream.watchdog import Watchdog

#: How long a Python thread may run while another waits. The work thread waits for Redis and Kafka
#: several times a batch, and takes its turn again behind the two event loops: with the default of
#: 5 ms that waiting is most of the latency at low rates.
SWITCH_INTERVAL_S = 0.0001


@dataclass(frozen=True, slots=True)
class Parts:
    """A pipeline, what was loaded for it, and the threads that watch over it once started.

    ``summary`` tells a person what was loaded.
    """

    pipeline: Pipeline
    countries: CountryTable
    decisions: DecisionMaker
    state: FencedState
    publisher: Publisher
    metrics: WorkerMetrics
    kafka: Server
    topics: Topics
    watchdog: Watchdog
    model_watch: ModelWatch
    rules_watch: RulesWatch
    lists_watch: ListsWatch
    drift_watch: DriftWatch
    summary: str


def build_pipeline(settings: Settings, keep_going: Callable[[], bool]) -> Parts:
    """Everything between decoded records and confirmed outcomes, checked and warmed up.

    Args:
        settings: of the worker.
        keep_going: asked from the work thread whether a batch in work may go on.

    Raises:
        ModelError: no usable champion.
        RulesError: the file of rules cannot be used.
        StateError: Redis is away or may drop keys.
        BrokerError: Kafka is away.
    """
    countries = load_country_table(settings.ip_table)
    rules = FollowedRules(settings.rules, settings.profile)
    decisions = load_warm(settings, countries)
    wire = open_wire(settings.redis.get_secret_value())
    wire.check_policy()
    topics = Topics(settings.namespace)
    ensure_topics(settings, topics.all(settings.profile))
    # The compiled kernel is slow the first time; not while events wait.
    compute_features(empty_batch(settings.profile), countries)

    metrics = WorkerMetrics(settings.profile)
    kafka = Server("Kafka", metrics.kafka_errors)
    log = InputLog(settings, keep_going)
    watchdog = Watchdog(InputLog(settings, lambda: True), settings.stall_s)
    state = VelocityState(wire, settings.namespace, settings.profile)

    def restored(events: int) -> None:
        metrics.restored.inc(events)
        watchdog.sign()

    fenced = FencedState(
        wire,
        state,
        lambda topic_id: Fence(wire, settings.namespace, settings.profile, topic_id),
        log,
        Restorer(state, log, settings.profile, countries, restored),
        Patience(Server("Redis", metrics.redis_errors), kafka, keep_going, watchdog.sign),
    )
    guard = PromotionGuard(settings.guard_events)
    drift = DriftWatch(settings, metrics)
    publisher = Publisher(settings, keep_going, kafka, watchdog.sign)
    pipeline = Pipeline(
        profile=settings.profile,
        topics=topics,
        state=fenced,
        countries=countries,
        decisions=decisions,
        publisher=publisher,
        metrics=metrics,
        guard=guard,
        drift=drift,
    )
    model_watch = ModelWatch(settings, countries, decisions, pipeline.use, metrics, guard)
    rules_watch = RulesWatch(rules, pipeline.override, metrics)
    lists = FollowedLists(ListStore(settings))
    lists_watch = ListsWatch(lists, pipeline.override)
    model_watch.look()  # the challenger, if there is one
    meta = decisions.version.metadata
    summary = (
        f"profile {settings.profile}, namespace {settings.namespace}, "
        f"model {meta.name} {meta.version}, "
        f"review at {decisions.review:.4f}, block at {decisions.block:.4f}, "
        f"{told(rules.current)}, {told_lists(lists.current)}"
    )
    # What is there by now stays: a full collection that looked through it all, libraries and
    # compiler included, would stop everything for a tenth of a second every few thousand events.
    gc.collect()
    gc.freeze()
    return Parts(
        pipeline,
        countries,
        decisions,
        fenced,
        publisher,
        metrics,
        kafka,
        topics,
        watchdog,
        model_watch,
        rules_watch,
        lists_watch,
        drift,
        summary,
    )


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
    app = create_app(settings, parts.metrics, parts.kafka)
    app.said_when_ready = parts.summary
    app.watchdog = parts.watchdog
    app.watchers = (
        parts.watchdog,
        parts.model_watch,
        parts.rules_watch,
        parts.lists_watch,
        parts.drift_watch,
    )
    add_agent(app, parts.pipeline, parts.topics)
    return app


def run_worker(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; returns the exit code of the process."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    quieten_clients()
    app = build_worker(settings)
    for thread in app.watchers:
        thread.start()
    worker = faust.Worker(
        app,
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
