"""A header whose name is not UTF-8, which aiokafka cannot read, costs no worker and no event."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings
from tests.stream.odd_records import publish_batch, record_batch
from tests.stream.workers import Reader, running_worker

pytestmark = pytest.mark.integration


@pytest.fixture
def ready(settings: Settings, install_model: Callable[[Settings], None]) -> Settings:
    install_model(settings)
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), 2)
    return settings


def event(number: int) -> bytes:
    plain = {
        "event_id": f"e-{number}", "user_id": f"u-{number % 7}",
        "signup_time": "2026-01-02T09:59:58Z", "purchase_value": 49.9, "device_id": "d-77",
        "purchase_time": f"2026-01-31T12:{number // 2:02d}:{number % 2:02d}Z",
    }  # fmt: skip
    return json.dumps(plain).encode()


@pytest.mark.parametrize(
    "odd",
    [{0}, {29}, {7, 8, 20}, set(range(30))],
    ids=["the first", "the last", "some in the middle", "all"],
)
def test_event_with_a_header_name_that_is_no_text_is_scored_like_any_other(
    ready: Settings, reader: Reader, tmp_path: Path, odd: set[int]
) -> None:
    topic = Topics(ready.namespace).transactions(ready.profile).name
    with running_worker(ready, tmp_path / "worker.log") as worker:
        for first in (0, 30):
            values = [event(number) for number in range(first, first + 30)]
            publish_batch(ready.kafka, topic, first // 30, record_batch(values, odd))
        publish_batch(ready.kafka, topic, 1, record_batch([b"no event", event(60)], {0}))
        found = reader.read_until(62)
        assert worker.terminate() == 0
    assert sorted(score["event_id"] for score in found.scores) == sorted(
        f"e-{number}" for number in range(61)
    )
    assert [letter.value() for letter in found.dead] == [b"no event"]
    # One for each list that was sent at most: what stands behind the first of them comes with it.
    said = (tmp_path / "worker.log").read_text()
    assert 1 <= said.count("the name of a header is not UTF-8") <= 3


def test_worker_that_starts_behind_such_headers_reads_past_them(
    ready: Settings, reader: Reader, tmp_path: Path
) -> None:
    topic = Topics(ready.namespace).transactions(ready.profile).name
    for partition in (0, 1):
        values = [event(number) for number in range(30 * partition, 30 * partition + 30)]
        publish_batch(ready.kafka, topic, partition, record_batch(values, {3, 17}))
    with running_worker(ready, tmp_path / "worker.log") as worker:
        found = reader.read_until(60)
        assert worker.terminate() == 0
    assert len(found.scores) == len(found.scored_ids) == 60
    assert not found.dead
