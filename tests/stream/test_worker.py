"""A real worker between a real Kafka and a real Redis."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings
from features.batch import EventBatch
from features.countries import load_country_table
from features.offline import compute_features
from producer.encode import encode_events
from tests.features.events import START, make_batch
from tests.stream.workers import (
    Reader,
    Worker,
    committed,
    end_offsets,
    environment_of,
    fresh_worker,
    publish,
    running_worker,
)

pytestmark = pytest.mark.integration
PARTITIONS = 4
#: Every event becomes an alert, and every alert carries its features.
ALERT_ALL = {"FRAUDSTREAM_THRESHOLD_REVIEW": "0", "FRAUDSTREAM_THRESHOLD_BLOCK": "1"}


def events(n: int, seed: int = 1) -> EventBatch:
    """Events in total order with ties, shared devices and addresses, and some without address."""
    rng = np.random.default_rng(seed)
    time_ms = START + np.sort(rng.integers(0, n // 2, n)) * 30_000
    hosts = rng.integers(0, max(n // 8, 1), n)
    addresses: list[str | None] = [f"8.{i // 250}.{i % 7}.{i % 250}" for i in hosts]
    addresses[::11] = [None] * len(addresses[::11])
    batch = make_batch(
        [f"e-{i:07d}" for i in range(n)],
        time_ms.tolist(),
        (rng.integers(1, 9, n) * 12_500).tolist(),
        [f"user-{i}" for i in rng.integers(0, max(n // 5, 1), n)],
        [f"device-{i}" for i in rng.integers(0, max(n // 9, 1), n)],
        addresses,
    )
    return batch.take(batch.in_total_order())


def messages(batch: EventBatch) -> list[tuple[str, bytes | None]]:
    return list(zip(batch.kafka_keys(), encode_events(batch), strict=True))


@pytest.fixture
def ready(settings: Settings, install_model: Callable[[Settings], None]) -> Settings:
    """Settings with topics of four partitions and a champion."""
    install_model(settings)
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), PARTITIONS)
    return settings


@pytest.fixture
def start(ready: Settings, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    with ExitStack() as stack:

        def go(name: str = "worker", **extra: str) -> Worker:
            return stack.enter_context(running_worker(ready, tmp_path / f"{name}.log", **extra))

        yield go


def assert_features_equal_offline(alerts: list[dict[str, Any]], batch: EventBatch) -> None:
    table = compute_features(batch, load_country_table(None))
    row_of = {event_id: row for row, event_id in enumerate(batch.event_id)}
    for alert in alerts:
        row = row_of[alert["event_id"]]
        offline = {
            name: None if np.isnan(value) else value
            for name, value in zip(table.names, table.matrix[row], strict=True)
        }
        online = {
            name: None if value is None else np.float32(value)
            for name, value in alert["features"].items()
        }
        assert online == offline, alert["event_id"]


def await_committed(settings: Settings, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while committed(settings) != end_offsets(settings):
        assert time.monotonic() < deadline, (committed(settings), end_offsets(settings))
        time.sleep(0.2)


def test_filled_topic_drained_by_one_worker_gives_offline_features(
    ready: Settings, reader: Reader, tmp_path: Path
) -> None:
    batch = events(6000)
    publish(ready, messages(batch))
    with fresh_worker(ready, tmp_path / "worker.log", **ALERT_ALL):
        found = reader.read_until(len(batch))
        await_committed(ready)
    assert len(found.scores) == len(batch) == len(found.scored_ids)
    assert {alert["event_id"] for alert in found.alerts} == set(batch.event_id)
    assert_features_equal_offline(found.alerts, batch)


def test_worker_killed_on_the_way_loses_nothing_and_keeps_features(
    ready: Settings, reader: Reader, start: Callable[..., Worker]
) -> None:
    batch = events(12_000, seed=2)
    publish(ready, messages(batch))
    small = {**ALERT_ALL, "FRAUDSTREAM_BATCH_MAX": "64"}
    for part in (1, 2):
        worker = start(f"killed-{part}", **small)
        reader.read_until(part * 2500)
        worker.kill()
    start("last", **small)
    found = reader.read_until(len(batch))
    assert found.scored_ids == set(batch.event_id)
    assert_features_equal_offline(found.alerts, batch)
    outcomes: dict[str, set[tuple[float, str]]] = {}
    for score in found.scores:
        outcomes.setdefault(score["event_id"], set()).add((score["score"], score["decision"]))
    assert all(len(distinct) == 1 for distinct in outcomes.values())


def test_two_workers_share_the_partitions_and_lose_nothing_when_one_leaves(
    ready: Settings, reader: Reader, start: Callable[..., Worker]
) -> None:
    batch = events(12_000, seed=3)
    everything = messages(batch)
    publish(ready, everything[:4000])
    first = start("first", FRAUDSTREAM_BATCH_MAX="64")
    reader.read_until(1000)
    start("second", FRAUDSTREAM_BATCH_MAX="64").await_text("worker ready")
    publish(ready, everything[4000:8000])
    reader.read_until(5000)
    assert first.terminate() == 0
    publish(ready, everything[8000:])
    found = reader.read_until(len(batch))
    assert found.scored_ids == set(batch.event_id)
    await_committed(ready)


def test_graceful_stop_commits_what_was_published(
    ready: Settings, reader: Reader, start: Callable[..., Worker]
) -> None:
    batch = events(3000, seed=4)
    publish(ready, messages(batch))
    worker = start()
    reader.read_until(len(batch))
    before = time.monotonic()
    assert worker.terminate() == 0
    assert time.monotonic() - before < 10
    assert committed(ready) == end_offsets(ready)
    start("again").await_text("worker ready")
    time.sleep(3)
    assert len(reader.read_until(len(batch)).scores) == len(batch)


def test_hostile_messages_become_dead_letters_with_their_bytes_and_the_rest_is_scored(
    ready: Settings, reader: Reader, start: Callable[..., Worker]
) -> None:
    batch = events(40, seed=5)
    good = messages(batch)
    template = json.loads(good[0][1] or b"")

    def changed(**fields: object) -> bytes:
        return json.dumps({**template, "event_id": "bad", **fields}).encode()

    missing = {key: value for key, value in template.items() if key != "device_id"}
    bad: dict[str, list[bytes | None]] = {
        "malformed_json": [b'{"event_id": "x", ', b"\xff\xfe", b"nonsense"],
        "empty": [None, b""],
        "duplicate_key": [good[0][1][:-1] + b',"event_id":"again"}'],  # type: ignore[index]
        "wrong_type": [changed(purchase_value="9.99"), changed(age="old")],
        "missing_field": [json.dumps(missing).encode(), changed(user_id=None)],
        "out_of_range": [
            changed(purchase_value=-1),
            changed(purchase_value=1e30),
            changed(purchase_value=0.00001),
            changed(user_id=2**53 + 1),
        ],
        "bad_time": [changed(purchase_time="yesterday")],
        "future_time": [changed(purchase_time="2150-01-01T00:00:00Z")],
        "bad_ip": [changed(ip_address="999.1.1.1")],
        "bad_text": [changed(device_id="a\u0000b"), changed(user_id="")],
    }
    hostile = [("k", value) for values in bad.values() for value in values]
    conflict = ("u-conflict", json.dumps({**template, "purchase_value": 77.0}).encode())
    ancient = ("u-old", changed(event_id="ancient", purchase_time="1999-01-01T00:00:00Z"))
    odd = ("u-odd", changed(event_id="odd", browser="Netscape", sex="x", source="?", extra=[1]))
    # One partition key for all: the conflict must come after the event it contradicts.
    publish(ready, [(good[0][0], value) for _, value in (*good, *hostile, conflict, ancient, odd)])
    worker = start()
    expected_dead = len(hostile) + 1
    found = reader.read_until(len(batch) + expected_dead + 2)
    assert found.scored_ids == {*batch.event_id, "ancient", "odd"}
    assert worker.process.poll() is None
    reasons: dict[str, list[bytes | None]] = {}
    for message in found.dead:
        headers = dict(message.headers())
        assert headers["source.topic"].decode().endswith("transactions")
        assert headers["error.message"]
        assert headers["failed.at"].endswith(b"Z")
        assert int(headers["source.offset"]) >= len(batch)
        reasons.setdefault(headers["error.code"].decode(), []).append(message.value())
    expected = {code: sorted(values, key=str) for code, values in bad.items()}
    expected["duplicate_conflict"] = [conflict[1]]
    got = {code: sorted(values, key=str) for code, values in reasons.items()}
    # Kafka clients give an empty value back as an empty value, a missing one as None.
    assert got == expected


def test_largest_allowed_message_fits_the_dead_letter_topic(
    ready: Settings, reader: Reader, start: Callable[..., Worker]
) -> None:
    huge = b'{"event_id": "' + b"x" * 1_040_000
    publish(ready, [("k" * 1000, huge)])
    start()
    (dead,) = reader.read_until(1).dead
    assert dead.value() == huge


def test_every_way_of_compressing_is_read(
    ready: Settings, reader: Reader, start: Callable[..., Worker]
) -> None:
    batch = events(80, seed=8)
    everything = messages(batch)
    for number, codec in enumerate(("none", "gzip", "snappy", "lz4", "zstd")):
        publish(ready, everything[number * 16 : (number + 1) * 16], compression=codec)
    start()
    assert reader.read_until(len(batch)).scored_ids == set(batch.event_id)


def test_metrics_page_counts_what_was_scored(
    ready: Settings, reader: Reader, start: Callable[..., Worker]
) -> None:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    batch = events(200, seed=6)
    publish(ready, messages(batch))
    start(FRAUDSTREAM_METRICS_PORT=str(port))
    reader.read_until(len(batch))
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
    page = connection.getresponse().read().decode()
    connection.close()
    counts = re.findall(r"fraudstream_transactions_total\{.*?\} ([\d.]+)", page)
    assert sum(map(float, counts)) == len(batch)
    assert "fraudstream_event_latency_seconds_count 200.0" in page
    assert page.endswith("# EOF\n")


def test_commands_of_faust_know_the_worker(ready: Settings, tmp_path: Path) -> None:
    asked = subprocess.run(
        [sys.executable, "-m", "stream", "agents"],
        env=environment_of(ready), cwd=tmp_path, capture_output=True, text=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    assert "score" in asked.stdout
    assert Topics(ready.namespace).transactions(ready.profile).name in asked.stdout


def test_logs_hold_no_user_device_address_or_payload(
    ready: Settings, reader: Reader, start: Callable[..., Worker]
) -> None:
    batch = events(300, seed=7)
    publish(ready, [*messages(batch), ("user-0", b'{"user_id": "user-0", "broken"')])
    worker = start(**ALERT_ALL)
    reader.read_until(len(batch) + 1)
    worker.terminate()
    log = worker.log.read_text()
    assert "worker ready" in log
    assert "\x1b" not in log
    for secret in ("user-", "device-", "8.8.", "e-0000", "broken"):
        assert secret not in log, secret


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        ({"FRAUDSTREAM_KAFKA": "127.0.0.1:1"}, "fraudstream stack up"),
        ({"FRAUDSTREAM_REDIS": "redis://127.0.0.1:1/0"}, "fraudstream stack up"),
        ({"FRAUDSTREAM_MODELS": "nowhere"}, "fraudstream train"),
        ({"FRAUDSTREAM_PROFILE": "telecom"}, "FRAUDSTREAM_PROFILE"),
    ],
)
def test_what_is_missing_is_one_line_with_the_remedy(
    ready: Settings, start: Callable[..., Worker], change: dict[str, str], hint: str
) -> None:
    worker = start(**change)
    code = worker.process.wait(60)
    lines = worker.log.read_text().strip().splitlines()
    assert code == (2 if "PROFILE" in hint else 1)
    assert lines[-1].startswith("error: ")
    assert hint in lines[-1]
    assert "Traceback" not in worker.log.read_text()
