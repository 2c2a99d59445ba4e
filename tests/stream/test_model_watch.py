"""A working worker follows the registry's champion, and keeps what it has where that is unfit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings
from tests.stream.test_worker import ALERT_ALL, events, messages
from tests.stream.workers import Reader, committed, publish, running_worker

pytestmark = pytest.mark.integration


@pytest.fixture
def ready(settings: Settings, install_model: Callable[[Settings], None]) -> Settings:
    install_model(settings)
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), 2)
    return settings


def test_promotion_takes_effect_without_a_restart_and_a_damaged_champion_does_not(
    ready: Settings,
    reader: Reader,
    tmp_path: Path,
    install_model: Callable[[Settings], None],
) -> None:
    pointer = ready.models / ready.profile / "champion"
    at_v1 = pointer.read_bytes()
    batch = events(600, seed=3)
    everything = messages(batch)
    publish(ready, everything[:200])
    with running_worker(ready, tmp_path / "worker.log", **ALERT_ALL) as worker:
        reader.read_until(200)
        install_model(ready)
        worker.await_text("model ecommerce v2 in use instead of ecommerce v1")
        publish(ready, everything[200:400])
        reader.read_until(400)

        damaged = ready.models / ready.profile / "v1" / "model.onnx"
        damaged.write_bytes(damaged.read_bytes()[:-1])
        pointer.write_bytes(at_v1)
        worker.await_text("model ecommerce v2 stays in use")
        publish(ready, everything[400:])
        found = reader.read_until(600)
        assert worker.terminate() == 0
        log = worker.log.read_text()
    assert log.count("stays in use") == 1
    assert "changed or damaged" in log
    used = {one["event_id"]: one["model"]["version"] for one in found.scores}
    assert [used[event_id] for event_id in batch.event_id] == ["v1"] * 200 + ["v2"] * 400
    assert len(found.scores) == 600
    assert sum(committed(ready).values()) == 600
