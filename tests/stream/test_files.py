"""From a CSV file to scores and alerts, by the commands a user types: sample and real files."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from confluent_kafka import Consumer, TopicPartition

from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings, load_settings
from features.batch import EventBatch
from features.countries import load_country_table
from features.csv_source import read_transactions
from features.offline import compute_features
from tests.stream.test_worker import ALERT_ALL
from tests.stream.workers import Reader, committed, end_offsets, environment_of, running_worker

pytestmark = pytest.mark.integration


def fraudstream(settings: Settings, folder: Path, *arguments: str) -> str:
    """Run one command as a user would; returns its standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        env=environment_of(settings),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def drained_equals_offline(
    settings: Settings,
    csv: Path,
    folder: Path,
    *,
    rejected: int,
    alert_all: bool = True,
    kills: int = 0,
) -> int:
    """Replay ``csv`` into four partitions, drain it with one worker, compare; number of events.

    Args:
        settings: of the worker; a namespace without topics.
        csv: the file to replay.
        folder: where logs and rejected lines go.
        rejected: how many lines of the file are to be rejected.
        alert_all: whether every event is to become an alert, which carries its features.
        kills: how often to kill the worker (SIGKILL) and start it again on the way.
    """
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), 4)
    replayed = json.loads(fraudstream(settings, folder, "replay", str(csv), "--json"))
    assert replayed["rejected_lines"] == rejected
    batch = read_transactions(csv, settings.profile, rejects=folder / "again.rejects.csv").batch
    extra = ALERT_ALL if alert_all else {}
    if kills:  # small batches give time to kill in the middle
        extra = {**extra, "FRAUDSTREAM_BATCH_MAX": "64"}
    reader = Reader(settings)
    try:
        kill_on_the_way(settings, folder / "killed.log", len(batch), kills, **extra)
        with running_worker(settings, folder / "worker.log", **extra) as worker:
            found = reader.read_until(len(batch), 240)
            assert worker.terminate() == 0
    finally:
        reader.close()
    assert found.scored_ids == set(batch.event_id)
    assert_one_outcome_each(found.scores)
    assert_one_outcome_each(found.alerts)
    if kills:
        assert len(found.scores) > len(batch)  # otherwise nothing was delivered again
    else:
        assert len(found.scores) == len(batch)
    assert not found.dead
    assert committed(settings) == end_offsets(settings)
    assert_alerts_carry_offline_features(settings, found.alerts, batch)
    if alert_all:
        assert {alert["event_id"] for alert in found.alerts} == set(batch.event_id)
    text = fraudstream(settings, folder, "alerts", "--limit", "5")
    assert found.alerts
    assert any(alert["event_time"][:10] in text for alert in found.alerts)
    return len(batch)


class Progress:
    """How many scores were published so far."""

    def __init__(self, settings: Settings) -> None:
        topic = Topics(settings.namespace).scores.name
        self._consumer = Consumer({**settings.confluent_config(), "group.id": "test-progress"})
        numbers = self._consumer.list_topics(topic, 10).topics[topic].partitions
        self._partitions = [TopicPartition(topic, number) for number in numbers]

    def scores(self) -> int:
        ends = (self._consumer.get_watermark_offsets(one, 10)[1] for one in self._partitions)
        return sum(ends)

    def close(self) -> None:
        self._consumer.close()


def kill_on_the_way(settings: Settings, log: Path, events: int, kills: int, **extra: str) -> None:
    """Start workers one after another, and kill each while the topic is being drained."""
    progress = Progress(settings)
    for number in range(1, kills + 1):
        with running_worker(settings, log, **extra) as worker:
            deadline = time.monotonic() + 120
            # What is published and not yet committed will be delivered again: wait for some.
            while (
                progress.scores() < events * number // (kills + 1)
                or sum(committed(settings).values()) >= progress.scores()
            ):
                assert worker.process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, progress.scores()
                time.sleep(0.005)
            worker.kill()
        assert sum(committed(settings).values()) < events, "killed too late"
    progress.close()


def assert_one_outcome_each(messages: list[dict[str, Any]]) -> None:
    """That all messages on an event say the same, but for when they were made."""
    outcomes: dict[str, dict[str, Any]] = {}
    for message in messages:
        outcome = {key: value for key, value in message.items() if key != "scored_at"}
        assert outcomes.setdefault(message["event_id"], outcome) == outcome


def assert_alerts_carry_offline_features(
    settings: Settings, alerts: list[dict[str, Any]], batch: EventBatch
) -> None:
    table = compute_features(batch, load_country_table(settings.ip_table))
    row_of = {event_id: row for row, event_id in enumerate(batch.event_id)}
    assert all(tuple(alert["features"]) == table.names for alert in alerts)
    online = np.array(
        [
            [np.nan if value is None else value for value in alert["features"].values()]
            for alert in alerts
        ],
        np.float32,
    )
    np.testing.assert_array_equal(
        online, table.matrix[[row_of[alert["event_id"]] for alert in alerts]]
    )


@pytest.mark.parametrize(("profile", "kills"), [("ecommerce", 0), ("ecommerce", 2), ("banking", 0)])
def test_sample_replayed_and_drained_gives_offline_features_even_when_killed_on_the_way(
    profile: str,
    kills: int,
    settings: Settings,
    tmp_path: Path,
    install_model: Callable[[Settings], None],
) -> None:
    own = load_settings(**{**settings.model_dump(), "profile": profile})
    install_model(own)
    csv = tmp_path / "sample.csv"
    rows = 12_000  # more than one fetch brings: the partitions have to wait for each other
    fraudstream(
        own, tmp_path, "data", "sample",
        "--profile", profile, "--rows", str(rows), "--out", str(csv),
    )  # fmt: skip
    csv.write_bytes(csv.read_bytes()[:-40])  # the last line, cut in its middle
    assert drained_equals_offline(own, csv, tmp_path, rejected=1, kills=kills) == rows - 1


@pytest.mark.realdata
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [0, 2])
def test_real_ecommerce_file_drained_gives_offline_features_even_when_killed_on_the_way(
    kills: int,
    real_data: Path,
    settings: Settings,
    tmp_path: Path,
    install_model: Callable[[Settings], None],
) -> None:
    own = load_settings(
        **{**settings.model_dump(), "ip_table": real_data / "IpAddress_to_Country.csv"}
    )
    install_model(own)
    csv = real_data / "Fraud_Data.csv"
    assert drained_equals_offline(own, csv, tmp_path, rejected=1, kills=kills) == 30_189


@pytest.mark.realdata
@pytest.mark.timeout(900)
def test_real_banking_file_gets_one_score_for_each_row(
    real_data: Path, settings: Settings, tmp_path: Path, install_model: Callable[[Settings], None]
) -> None:
    own = load_settings(**{**settings.model_dump(), "profile": "banking"})
    install_model(own)
    csv = real_data / "creditcard_first_170000.csv.gz"
    events = drained_equals_offline(own, csv, tmp_path, rejected=0, alert_all=False)
    assert events == 170_000
