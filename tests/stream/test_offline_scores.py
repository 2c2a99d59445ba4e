"""``fraudstream score`` says of a file what a worker publishes after a replay of it."""

from __future__ import annotations

import csv
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from cli.score import score
from core.kafka_admin import ensure_topics
from core.messages import Alert, Score
from core.names import Topics
from core.settings import Settings, load_settings
from features.countries import load_country_table
from features.csv_source import read_transactions
from model import training
from model.fitting.dataset import make_dataset
from model.registry import Registry
from model.training import Origin
from producer.sample import SampleOptions, write_sample
from stream.decisions import MOST_EXPLAINED
from stream.offline_scores import as_replayed
from tests.model.conftest import NOW, QUICK
from tests.stream.test_files import fraudstream
from tests.stream.workers import Published, Reader, running_worker

app = typer.Typer()
app.command()(score)
ROWS = 2_500
#: What belongs to a run and not to an event.
OF_THE_RUN = ("scored_at", "origin")
SHAP, DEVIATION = "shap", "deviation"


def sample(folder: Path, profile: str) -> Path:
    """A sample with ids of its own, out of order, with repeats, a conflict and missing values."""
    plain = folder / "plain.csv"
    write_sample(plain, SampleOptions(profile=profile, rows=ROWS, fraud_rate=0.1, days=4))
    with plain.open(newline="") as file:
        header, *rows = csv.reader(file)
    rows = [[f"événement {number}", *row] for number, row in enumerate(rows)]
    rows += [list(row) for row in rows[100:130]]  # delivered again
    conflict = list(rows[200])
    conflict[-2 if profile == "banking" else header.index("purchase_value") + 1] = "12.3456"
    rows.append(conflict)
    if profile == "ecommerce":
        for row, name in zip(
            rows[300:340], ("age", "sex", "ip_address", "browser") * 10, strict=True
        ):
            row[header.index(name) + 1] = ""
    random.Random(4).shuffle(rows)
    mixed = folder / f"{profile}.csv"
    with mixed.open("w", newline="") as file:
        csv.writer(file).writerows([["event_id", *header], *rows])
    return mixed


@pytest.fixture(scope="module")
def trained_on(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """A sample, and a registry with a model of it in use."""
    profile = request.param
    folder = tmp_path_factory.mktemp(profile)
    path, registry = sample(folder, profile), Registry(folder / "models")
    data = read_transactions(path, rejects=folder / "train.rejects.csv")
    countries = load_country_table(None)
    dataset = make_dataset(data.batch, data.label, countries)
    origin = Origin(data.report.sha256, countries.digest, NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "MAX_US_PER_ROW", float("inf"))  # however busy the machine is
        version = training.train_model(dataset, origin, registry, QUICK, lambda done, total: None)
    registry.promote(profile, version.metadata.version)
    return path, registry.root


def streamed(settings: Settings, path: Path, folder: Path, **extra: str) -> Published:
    """What a worker publishes of the file."""
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), 4)
    sent = json.loads(fraudstream(settings, folder, "replay", str(path), "--json"))
    ids = set(read_transactions(path, settings.profile, rejects=folder / "r.csv").batch.event_id)
    assert sent["events_sent"] == len(ids) + 30
    reader = Reader(settings)
    try:
        with running_worker(settings, folder / "worker.log", **extra) as worker:
            found = reader.read_until(len(ids), 120)
            assert worker.terminate() == 0
    finally:
        reader.close()
    assert found.scored_ids == ids
    return found


def by_event(messages: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Event id → its first message, without what belongs to the run."""
    found: dict[str, dict[str, Any]] = {}
    for message in messages:
        content = {name: value for name, value in message.items() if name not in OF_THE_RUN}
        found.setdefault(message["event_id"], content)
    return found


def lines(path: Path, kind: type[Score] | type[Alert]) -> list[dict[str, Any]]:
    """The messages of a file, each of which the contract's struct can read."""
    found = path.read_bytes().splitlines()
    for line in found:
        msgspec.json.decode(line, type=kind)
    return [json.loads(line) for line in found]


def only(code: str, alert: dict[str, Any]) -> bool:
    return all(reason["code"] == code for reason in alert["reasons"])


@pytest.mark.integration
@pytest.mark.parametrize(
    ("trained_on", "batch_max"),
    [("ecommerce", 512), ("banking", MOST_EXPLAINED)],
    indirect=["trained_on"],
)
def test_scores_and_alerts_of_a_file_are_those_a_worker_publishes(
    trained_on: tuple[Path, Path],
    batch_max: int,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, models = trained_on
    own = load_settings(**{**settings.model_dump(), "profile": path.stem, "models": models})
    # Thresholds at which more of a batch are alerts than the model is asked to explain.
    extra = {"FRAUDSTREAM_THRESHOLD_REVIEW": "0.002", "FRAUDSTREAM_THRESHOLD_BLOCK": "0.5"}
    found = streamed(own, path, tmp_path, FRAUDSTREAM_BATCH_MAX=str(batch_max), **extra)
    out, alerts = tmp_path / "scores.jsonl", tmp_path / "alerts.jsonl"
    for name, value in {**extra, "FRAUDSTREAM_MODELS": str(own.models)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    files = ["--out", str(out), "--alerts", str(alerts)]
    done = CliRunner().invoke(app, [str(path), *files, "--json"], catch_exceptions=False)
    summary = json.loads(done.stdout)
    scored, alerted = lines(out, Score), lines(alerts, Alert)
    assert len(by_event(scored)) == len(scored) == summary["events"] == ROWS
    assert (summary["repeats"], summary["rejected"]) == (30, 1)
    assert by_event(scored) == by_event(found.scores)
    assert [one["origin"]["topic"] for one in scored[:1]] == [f"csv:{path.name}"]

    online, offline = by_event(found.alerts), by_event(alerted)
    assert len(offline) == len(alerted) == summary["alerts"]["total"] > 100
    cheap = 0
    for event_id, alert in offline.items():
        other = dict(online[event_id])
        assert only(SHAP, alert)
        if not only(SHAP, other):  # beyond those of its batch that the model explains
            assert only(DEVIATION, other)
            cheap += 1
            other["reasons"] = alert["reasons"]
        assert alert == other
    assert online.keys() == offline.keys()
    assert (cheap > 0) == (batch_max > MOST_EXPLAINED)


def test_files_are_scored_in_the_order_of_a_replay_each_id_once(tmp_path: Path) -> None:
    path = sample(tmp_path, "ecommerce")
    batch = read_transactions(path, rejects=tmp_path / "r.csv").batch
    rows = as_replayed(batch)
    names = [batch.event_id[row] for row in rows]
    assert len(batch) == ROWS + 30
    assert Counter(names) == Counter(set(batch.event_id))
    keys = [(int(batch.time_ms[row]), batch.event_id[row].encode()) for row in rows]
    assert keys == sorted(keys)
    # A replay's limit counts what is sent, repeats included.
    order = batch.in_total_order()[:1_200]
    assert set(as_replayed(batch, 1_200)) <= set(order)
    assert {batch.event_id[row] for row in as_replayed(batch, 1_200)} == {
        batch.event_id[row] for row in order
    }
    assert len(np.unique(as_replayed(batch, 1_200))) < 1_200
