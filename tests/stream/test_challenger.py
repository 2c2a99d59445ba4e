"""A worker with champion and challenger: promoted, rolled back and guarded while events flow."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

import msgspec
import pytest

from core.kafka_admin import ensure_topics
from core.names import Decision, Role, Topics
from core.settings import Settings
from model.metadata import Thresholds, encode_metadata
from model.registry import METADATA_FILE, Registry
from tests.stream.test_worker import events, messages
from tests.stream.workers import Reader, committed, publish, running_worker

pytestmark = pytest.mark.integration
PARTITIONS = 2
#: A version with these alerts everything.
EVERYTHING = Thresholds(0.0, 0.0)


@pytest.fixture
def ready(settings: Settings, install_model: Callable[[Settings], None]) -> Settings:
    install_model(settings)
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), PARTITIONS)
    return settings


def add_version(settings: Settings, thresholds: Thresholds | None = None) -> str:
    """The champion once more, under a new name and perhaps with other thresholds."""
    registry = Registry(settings.models)
    model = registry.load(settings.profile)
    files = {name: model.read(name) for name in model.digests}

    def build(version: str) -> dict[str, bytes]:
        meta = msgspec.structs.replace(
            model.metadata,
            version=version,
            thresholds=thresholds or model.metadata.thresholds,
        )
        return {**files, METADATA_FILE: encode_metadata(meta)}

    return registry.add(settings.profile, build)


def test_promoted_and_rolled_back_while_events_flow_every_event_has_one_outcome_of_one_pair(
    ready: Settings, reader: Reader, tmp_path: Path
) -> None:
    registry = Registry(ready.models)
    second = add_version(ready, Thresholds(0.6, 0.9))
    registry.promote(ready.profile, second, Role.CHALLENGER)
    batch = events(4_000, seed=4)
    everything = messages(batch)
    done = threading.Event()

    def flow() -> None:
        for begin in range(0, len(everything), 50):
            publish(ready, everything[begin : begin + 50])
            while begin > 3_000 and not done.is_set():
                time.sleep(0.05)

    with running_worker(ready, tmp_path / "worker.log") as worker:
        worker.await_text("challenger of model ecommerce v1: v2")
        sender = threading.Thread(target=flow)
        sender.start()
        reader.read_until(100)
        registry.promote(ready.profile, second)
        worker.await_text("model ecommerce v2 in use instead of ecommerce v1")
        registry.promote(ready.profile, "v1", Role.CHALLENGER)
        worker.await_text("challenger of model ecommerce v2: v1")
        assert registry.rollback(ready.profile) == "v1"
        worker.await_text("model ecommerce v1 in use instead of ecommerce v2")
        done.set()
        sender.join()
        found = reader.read_until(len(batch))
        assert worker.terminate() == 0
    assert len(found.scores) == len(batch)
    assert {one["event_id"] for one in found.scores} == set(batch.event_id)
    assert sum(committed(ready).values()) == len(batch)
    by_event = {one["event_id"]: one for one in found.scores}
    bounds = {"v1": (0.5, 0.875), "v2": (0.6, 0.9)}
    pairs = []
    for one in sorted(
        found.scores, key=lambda one: (one["origin"]["partition"], one["origin"]["offset"])
    ):
        beside = one["challenger"]
        pairs.append((one["model"]["version"], beside and beside["version"]))
        review, block = bounds[one["model"]["version"]]
        assert one["decision"] == decision(one["score"], review, block)
        if beside:
            assert beside["score"] == one["score"]  # the same graph
            assert beside["decision"] == decision(beside["score"], *bounds[beside["version"]])
            assert beside["against"] == one["decision"]
    # Along the stream one pair follows the other. A promoted challenger challenges no more.
    steps = [("v1", "v2"), ("v2", None), ("v2", "v1"), ("v1", None)]
    assert set(pairs) <= {*steps}
    assert {("v1", "v2"), ("v1", None)} <= set(pairs)
    in_time = [
        (one["model"]["version"], (one["challenger"] or {}).get("version"))
        for one in sorted(found.scores, key=lambda one: one["scored_at"])
    ]
    seen = [pair for pair, _ in groupby(in_time)]
    assert seen == [step for step in steps if step in seen]
    for alert in found.alerts:
        score = by_event[alert["event_id"]]
        assert alert["model"] == score["model"]
        assert alert["alert_id"] == score["alert_id"]


def decision(score: float, review: float, block: float) -> str:
    return (
        Decision.BLOCK if score >= block else Decision.REVIEW if score >= review else Decision.ALLOW
    )


def test_a_damaged_challenger_is_said_once_and_the_champion_goes_on(
    ready: Settings, reader: Reader, tmp_path: Path
) -> None:
    registry = Registry(ready.models)
    second = add_version(ready)
    registry.promote(ready.profile, second, Role.CHALLENGER)
    graph = ready.models / ready.profile / second / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-1])
    batch = events(300, seed=5)
    with running_worker(ready, tmp_path / "worker.log") as worker:
        worker.await_text("no challenger is scored")
        publish(ready, messages(batch))
        found = reader.read_until(len(batch))
        third = add_version(ready)
        registry.promote(ready.profile, third, Role.CHALLENGER)
        worker.await_text("challenger of model ecommerce v1: v3")
        registry.retire(ready.profile)
        worker.await_text("challenger of model ecommerce v1: none")
        assert worker.terminate() == 0
        log = worker.log.read_text()
    assert log.count("no challenger is scored") == 1
    assert "changed or damaged" in log
    assert [one["challenger"] for one in found.scores] == [None] * len(batch)


def test_a_champion_out_of_bounds_is_taken_back_once_by_two_workers(
    ready: Settings, reader: Reader, tmp_path: Path
) -> None:
    registry = Registry(ready.models)
    batch = events(3_000, seed=6)
    everything = messages(batch)
    with ExitStack() as stack:
        workers = [
            stack.enter_context(
                running_worker(ready, tmp_path / f"worker{n}.log", FRAUDSTREAM_GUARD_EVENTS="400")
            )
            for n in range(2)
        ]
        publish(ready, everything[:1_500])
        reader.read_until(1_500)
        bad = add_version(ready, EVERYTHING)
        registry.promote(ready.profile, bad)
        for worker in workers:
            worker.await_text("model ecommerce v2 in use instead of ecommerce v1")
        publish(ready, everything[1_500:])
        found = reader.read_until(len(batch))
        for worker in workers:
            worker.await_text("model ecommerce v1 in use instead of ecommerce v2")
            assert worker.terminate() == 0
        logs = [worker.log.read_text() for worker in workers]
    assert registry.history(ready.profile) == ["v1"]
    assert sum(log.count("rolled back from model v2 to v1") for log in logs) == 1
    assert all("in use instead of ecommerce v2" in log for log in logs)
    assert len({one["event_id"] for one in found.scores}) == len(batch)
    by_bad = [one for one in found.scores if one["model"]["version"] == bad]
    assert {one["decision"] for one in by_bad} == {"block"}


def test_a_champion_like_the_one_before_stays(
    ready: Settings, reader: Reader, tmp_path: Path
) -> None:
    registry = Registry(ready.models)
    batch = events(2_000, seed=7)
    everything = messages(batch)
    log = tmp_path / "worker.log"
    with running_worker(ready, log, FRAUDSTREAM_GUARD_EVENTS="400") as worker:
        publish(ready, everything[:1_000])
        reader.read_until(1_000)
        registry.promote(ready.profile, add_version(ready))
        worker.await_text("model ecommerce v2 in use instead of ecommerce v1")
        publish(ready, everything[1_000:])
        reader.read_until(len(batch))
        time.sleep(5)  # the guard is asked every two seconds
        assert worker.terminate() == 0
    assert registry.history(ready.profile) == ["v2", "v1"]
    assert "out of bounds" not in log.read_text()


def test_where_the_registry_cannot_be_written_the_worker_goes_back_alone(
    ready: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, as a test run by root may write anywhere."""
    from core.errors import ConfigError
    from features.countries import load_country_table
    from stream.decisions import DecisionMaker
    from stream.metrics import WorkerMetrics
    from stream.model_watch import ModelWatch, load_warm
    from stream.promotion_guard import PromotionGuard, Tally

    countries = load_country_table(None)
    used: list[DecisionMaker] = []
    guard, metrics = PromotionGuard(400), WorkerMetrics(ready.profile)
    watch = ModelWatch(ready, countries, load_warm(ready, countries), used.append, metrics, guard)
    guard.observe("v1", Tally(400, 4, 0.01))
    Registry(ready.models).promote(ready.profile, add_version(ready))
    watch.look()
    guard.observe("v2", Tally(400, 300, 0.01))

    def unwritable(*_: object) -> None:
        raise ConfigError("model registry: Read-only file system")

    monkeypatch.setattr(Registry, "take_back", unwritable)
    for _ in range(3):
        watch.look()
    assert [one.version.metadata.version for one in used] == ["v2", "v1"]
    assert metrics.rollbacks.labels("many_alerts")._value.get() == 1
    # Another one is taken up as usual.
    Registry(ready.models).promote(ready.profile, add_version(ready))
    watch.look()
    assert used[-1].version.metadata.version == "v3"
