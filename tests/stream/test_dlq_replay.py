"""A dead letter's way back: refused by a worker, sent again, scored by a worker that was mended."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Producer

from core.kafka_admin import ensure_topics
from core.names import REPLAYED_FROM, Topics
from core.settings import Settings
from tests.dlq_letters import dlq, read_all
from tests.stream.workers import Reader, publish, running_worker
from tests.test_alerts_cli import point_to

pytestmark = pytest.mark.integration
STRICT = {"FRAUDSTREAM_MAX_FUTURE_S": "60"}
MENDED = {"FRAUDSTREAM_MAX_FUTURE_S": "86400"}


@pytest.fixture
def ready(
    settings: Settings,
    install_model: Callable[[Settings], None],
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    install_model(settings)
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), 4)
    point_to(settings, monkeypatch)
    return settings


def event(event_id: str, **changes: object) -> bytes:
    plain = {
        "event_id": event_id, "user_id": "u-1", "signup_time": "2026-01-02T09:59:58Z",
        "purchase_time": "2026-01-31T12:00:00.250Z", "purchase_value": 49.9, "device_id": "d-77",
    }  # fmt: skip
    return json.dumps({**plain, **changes}).encode()


def test_an_event_refused_by_a_setting_is_scored_once_after_its_replay(
    ready: Settings, reader: Reader, tmp_path: Path
) -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    early = event("early", purchase_time=ahead, note=" as it was written, \u00e9 ")
    publish(ready, [("u-1", early), ("u-1", event("plain"))])
    with running_worker(ready, tmp_path / "strict.log", **STRICT) as worker:
        assert reader.read_until(2).scored_ids == {"plain"}
        # Without the mending it comes back, and its second letter says where it was.
        assert dlq("replay", "--code", "future_time").exit_code == 0
        first, second = reader.read_until(3).dead
        mark = f"{first.topic()}-{first.partition()}-{first.offset()}"
        assert dict(second.headers())[REPLAYED_FROM].decode() == mark
        assert "(replayed before)" in dlq("list").stdout
        assert worker.terminate() == 0
    with running_worker(ready, tmp_path / "mended.log", **MENDED) as worker:
        done = dlq("replay", "--code", "future_time", "--json")
        assert json.loads(done.stdout)["came_back_later"] == 1
        deadline = time.monotonic() + 60
        while "early" not in reader.read_until(4).scored_ids:
            assert time.monotonic() < deadline
        assert worker.terminate() == 0
    found = reader.read_until(4)
    assert sorted(score["event_id"] for score in found.scores) == ["early", "plain"]
    assert len(found.dead) == 2
    there = read_all(ready, Topics(ready.namespace).transactions("ecommerce"))
    copies = [one for one in there if one.value() == early]
    assert len(copies) == 3
    assert {one.key() for one in copies} == {b"u-1"}
    assert {one.partition() for one in there} == {copies[0].partition()}


def test_hostile_bytes_go_to_the_dead_letters_and_back_and_there_again(
    ready: Settings, reader: Reader, tmp_path: Path
) -> None:
    hostile: list[bytes | None] = [
        b"\x00\x1b[31m\xff", bytes(range(256)), b"", None, event("x")[:-1], b"\xf0\x9f" * 40,
        event("x", purchase_value=-1), b"[" * 5_000, b"x" * 1_040_000,
    ]  # fmt: skip
    publish(ready, [(f"u-{number}", value) for number, value in enumerate(hostile)])
    with running_worker(ready, tmp_path / "worker.log") as worker:
        reader.read_until(len(hostile))
        listed = [json.loads(line) for line in dlq("list", "--json").stdout.splitlines()]
        raw = [dlq("show", one["letter"], "--raw").stdout_bytes for one in listed]
        assert sorted(raw) == sorted(value or b"" for value in hostile)
        for one in listed:
            shown = dlq("show", one["letter"])
            assert all(line.isprintable() for line in shown.stdout.split("\n"))
        assert json.loads(dlq("replay", "--all", "--json").stdout)["sent"] == len(hostile)
        dead = reader.read_until(2 * len(hostile)).dead
        assert worker.process.poll() is None
    for letters in (dead[: len(hostile)], dead[len(hostile) :]):
        assert sorted(map(repr, hostile)) == sorted(repr(one.value()) for one in letters)
    assert all(REPLAYED_FROM in dict(one.headers()) for one in dead[len(hostile) :])


def test_replaying_what_has_been_scored_changes_no_score(
    ready: Settings, reader: Reader, tmp_path: Path
) -> None:
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    publish(ready, [("u-1", event("early", purchase_time=ahead)), ("u-1", event("plain"))])
    with running_worker(ready, tmp_path / "strict.log", **STRICT) as worker:
        reader.read_until(2)
        worker.terminate()
    with running_worker(ready, tmp_path / "mended.log", **MENDED):
        for copies in (1, 2, 3):
            assert dlq("replay", "--all").exit_code == 0
            deadline = time.monotonic() + 60
            while len(reader.read_until(3).scores) < copies + 1:
                assert time.monotonic() < deadline
    early = [one for one in reader.published.scores if one["event_id"] == "early"]
    assert len({(one["score"], one["decision"], one["device_users"]) for one in early}) == 1
    assert len(reader.published.dead) == 1


@pytest.mark.parametrize("content", [b"", b"\xff\x1b" * 4_000, None])
def test_any_headers_on_an_event_leave_it_what_it_is(
    ready: Settings, reader: Reader, tmp_path: Path, content: bytes | None
) -> None:
    producer = Producer({**ready.confluent_config(), "message.max.bytes": 1_100_000})
    topic = Topics(ready.namespace).transactions("ecommerce").name
    headers = [(REPLAYED_FROM, content), ("trace", b"\x00"), (REPLAYED_FROM, content)]
    for value in (event("good"), b"bad", b"x" * 1_000_000):
        producer.produce(topic, value, b"u-1", headers=headers)
    assert producer.flush(10) == 0
    with running_worker(ready, tmp_path / "worker.log") as worker:
        found = reader.read_until(3)
        assert worker.process.poll() is None
    assert found.scored_ids == {"good"}
    assert [one.value()[:3] for one in found.dead] == [b"bad", b"xxx"]
    marks = [dict(one.headers()).get(REPLAYED_FROM) for one in found.dead]
    assert marks == [None if content is None else content[:320]] * 2
