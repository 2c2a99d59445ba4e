"""From a CSV file to scores and alerts, by the commands a user types: sample and real files."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings, load_settings
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
    settings: Settings, csv: Path, folder: Path, *, rejected: int, alert_all: bool = True
) -> int:
    """Replay ``csv`` into four partitions, drain it with one worker, compare; number of events."""
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), 4)
    replayed = json.loads(fraudstream(settings, folder, "replay", str(csv), "--json"))
    assert replayed["rejected_lines"] == rejected
    data = read_transactions(csv, settings.profile, rejects=folder / "again.rejects.csv")
    extra = ALERT_ALL if alert_all else {}
    reader = Reader(settings)
    try:
        with running_worker(settings, folder / "worker.log", **extra) as worker:
            found = reader.read_until(len(data.batch), 240)
            assert worker.terminate() == 0
    finally:
        reader.close()
    assert found.scored_ids == set(data.batch.event_id)
    assert len(found.scores) == len(data.batch)
    assert not found.dead
    assert committed(settings) == end_offsets(settings)
    table = compute_features(data.batch, load_country_table(settings.ip_table))
    row_of = {event_id: row for row, event_id in enumerate(data.batch.event_id)}
    for alert in found.alerts:
        online = np.array(
            [np.nan if value is None else value for value in alert["features"].values()],
            np.float32,
        )
        assert tuple(alert["features"]) == table.names
        np.testing.assert_array_equal(online, table.matrix[row_of[alert["event_id"]]])
    if alert_all:
        assert len(found.alerts) == len(data.batch)
    text = fraudstream(settings, folder, "alerts", "--limit", "5")
    assert found.alerts
    assert any(alert["event_time"][:10] in text for alert in found.alerts)
    return len(data.batch)


@pytest.mark.parametrize("profile", ["ecommerce", "banking"])
def test_sample_replayed_and_drained_gives_offline_features(
    profile: str, settings: Settings, tmp_path: Path, install_model: Callable[[Settings], None]
) -> None:
    own = load_settings(**{**settings.model_dump(), "profile": profile})
    install_model(own)
    csv = tmp_path / "sample.csv"
    fraudstream(
        own, tmp_path, "data", "sample", "--profile", profile, "--rows", "6000", "--out", str(csv)
    )
    csv.write_bytes(csv.read_bytes()[:-40])  # the last line, cut in its middle
    assert drained_equals_offline(own, csv, tmp_path, rejected=1) == 5999


@pytest.mark.realdata
@pytest.mark.timeout(600)
def test_real_ecommerce_file_drained_gives_offline_features(
    real_data: Path, settings: Settings, tmp_path: Path, install_model: Callable[[Settings], None]
) -> None:
    own = load_settings(
        **{**settings.model_dump(), "ip_table": real_data / "IpAddress_to_Country.csv"}
    )
    install_model(own)
    csv = real_data / "Fraud_Data.csv"
    assert drained_equals_offline(own, csv, tmp_path, rejected=1) == 30_189


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
