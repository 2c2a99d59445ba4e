"""``fraudstream score``: files, summary and refusals, as a user sees them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner, Result

from cli import score as command
from core.errors import ConfigError, DataError, FraudstreamError, ModelError
from core.messages import Alert, Score
from features.batch import EventBatch
from features.csv_source import read_transactions
from features.iso_times import iso_time
from features.offline import compute_features
from model import training
from model.fitting.dataset import make_dataset
from model.registry import ModelVersion, Registry
from model.scorer import Scorer
from model.training import Origin
from tests.model.conftest import NOW, QUICK
from tests.model.events import DAY, START, countries, labelled_events, write_csv

app = typer.Typer()
app.command()(command.score)
EVENTS = 1_200


def train(path: Path, registry: Registry, until_ms: int | None = None) -> ModelVersion:
    data = read_transactions(path)
    dataset = make_dataset(data.batch, data.label, countries(), until_ms)
    origin = Origin(data.report.sha256, countries().digest, NOW)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "MAX_US_PER_ROW", float("inf"))  # however busy the machine is
        return training.train_model(dataset, origin, registry, QUICK, lambda done, total: None)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Registry]:
    """A labelled file and a registry: v1 of all of it is in use, v2 knows its first 30 days."""
    folder = tmp_path_factory.mktemp("score")
    path, registry = write_csv(folder / "events.csv", *labelled_events()), Registry(folder / "m")
    train(path, registry)
    train(path, registry, START + 30 * DAY)
    registry.promote("ecommerce", "v1")
    return path, registry


@pytest.fixture(autouse=True)
def here(
    made: tuple[Path, Registry], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A folder of the test's own, and the registry in use."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAUDSTREAM_MODELS", str(made[1].root))
    yield
    assert not list(tmp_path.rglob(".*.part"))


@pytest.fixture
def path(made: tuple[Path, Registry]) -> Path:
    return made[0]


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def summary(*arguments: str | Path) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exception is None, result.exception
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def refused(kind: type[FraudstreamError], *arguments: str | Path) -> str:
    result = run(*arguments)
    assert isinstance(result.exception, kind), result.output
    assert not result.stdout
    return str(result.exception)


def with_ids(path: Path, order: Callable[[list[list[str]]], list[list[str]]]) -> Path:
    """The file's rows under ids of their own, put into another order."""
    with path.open(newline="") as file:
        header, *rows = csv.reader(file)
    rows = [[f"id-{number:05d}", *row] for number, row in enumerate(rows)]
    with Path("ids.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["event_id", *header], *order(rows)])
    return Path("ids.csv")


def by_id(path: Path) -> pd.DataFrame:
    return pd.read_csv(path).set_index("event_id").sort_index()


def test_every_event_has_the_score_and_decision_of_its_features(
    path: Path, made: tuple[Path, Registry]
) -> None:
    summary(path, "--out", "s.parquet")
    frame = pd.read_parquet("s.parquet").set_index("event_id")
    data, version = read_transactions(path), made[1].load("ecommerce")
    scores = Scorer(version).score(compute_features(data.batch, countries()).matrix)
    frame = frame.loc[data.batch.event_id]
    assert frame["score"].to_numpy().tobytes() == scores.tobytes()
    assert frame["row"].tolist() == data.line.tolist()
    limits = version.metadata.thresholds
    expected = np.where(scores >= limits.block, "block", "review")
    expected[scores < limits.review] = "allow"
    assert frame["decision"].tolist() == expected.tolist()
    alerted = frame["decision"] != "allow"
    for column in ("severity", "alert_id", "reasons"):
        assert (frame[column].notna() == alerted).all()
    assert alerted.any()


def test_the_three_kinds_of_file_say_the_same_in_the_order_of_events(path: Path) -> None:
    for ending in ("jsonl", "csv", "parquet"):
        summary(path, "--out", f"s.{ending}", "--alerts", "a.jsonl")
    table, text = pd.read_parquet("s.parquet"), pd.read_csv("s.csv")
    messages = [json.loads(line) for line in Path("s.jsonl").read_text().splitlines()]
    for line in Path("s.jsonl").read_bytes().splitlines():
        msgspec.json.decode(line, type=Score)
    assert table["event_time"].is_monotonic_increasing
    assert list(table.columns) == list(text.columns)
    for column in ("event_id", "decision", "alert_id"):
        expected = [one[column] for one in messages]
        assert [value if pd.notna(value) else None for value in table[column]] == expected
        assert [value if pd.notna(value) else None for value in text[column]] == expected
    assert text["event_time"].tolist() == [one["event_time"] for one in messages]
    assert pd.to_datetime(text["event_time"]).tolist() == table["event_time"].tolist()
    for scores in (text["score"], [one["score"] for one in messages]):
        assert np.array(scores, np.float32).tobytes() == table["score"].to_numpy().tobytes()
    assert [one["origin"]["offset"] for one in messages] == table["row"].tolist()
    alerts = [
        msgspec.json.decode(line, type=Alert) for line in Path("a.jsonl").read_bytes().splitlines()
    ]
    assert [one.event_id for one in alerts] == [
        one["event_id"] for one in messages if one["alert_id"]
    ]
    assert ["; ".join(why.text for why in one.reasons) for one in alerts] == table[
        "reasons"
    ].dropna().tolist()
    assert {why.code for one in alerts for why in one.reasons} == {"shap"}


def test_the_summary_counts_what_the_files_hold(path: Path) -> None:
    found = summary(path, "--out", "s.csv")
    frame = pd.read_csv("s.csv")
    assert found["events"] == len(frame) == EVENTS
    for column in ("decision", "severity"):
        counted = frame.loc[frame["severity"].notna(), column].value_counts().to_dict()
        assert {name: n for name, n in found["alerts"][column].items() if n} == counted
    assert found["alerts"]["total"] == frame["severity"].notna().sum()
    assert found["model"]["version"] == "v1"
    top = frame.nlargest(10, "score", keep="first")["event_id"].tolist()
    assert [one["event_id"] for one in found["highest"]] == top


def test_the_earliest_events_score_the_same_whatever_follows(path: Path) -> None:
    summary(path, "--out", "all.csv")
    found = summary(path, "--out", "some.csv", "--limit", "500")
    assert found["events"] == 500
    lines = Path("all.csv").read_text().splitlines()
    assert Path("some.csv").read_text().splitlines() == lines[:501]


def test_the_order_of_the_file_and_repeats_do_not_matter(path: Path) -> None:
    summary(with_ids(path, list), "--out", "one.csv")
    other = with_ids(path, lambda rows: [*reversed(rows), *rows[:40]])
    found = summary(other, "--out", "two.csv")
    assert (found["events"], found["repeats"]) == (EVENTS, 40)
    pd.testing.assert_frame_equal(
        by_id(Path("one.csv")).drop(columns="row"), by_id(Path("two.csv")).drop(columns="row")
    )


def test_an_id_with_another_amount_is_rejected_as_in_the_stream(path: Path) -> None:
    def conflict(rows: list[list[str]]) -> list[list[str]]:
        other = list(rows[7])
        other[4] = "99999.5"
        return [*rows, other]

    found = summary(with_ids(path, conflict), "--rejects", "bad.csv")
    assert (found["events"], found["rejected"], found["rejects_file"]) == (EVENTS, 1, "bad.csv")
    assert "duplicate_conflict" in Path("bad.csv").read_text()


def test_labels_are_compared_with_alerts_and_the_note_tells_the_training_file(path: Path) -> None:
    found = summary(path, "--out", "s.parquet")["labels"]
    frame = pd.read_parquet("s.parquet").set_index("row")
    data = read_transactions(path)
    fraud = pd.Series(data.label == 1, index=data.line).loc[frame.index]
    alerted = frame["decision"] != "allow"
    hit, wrong, missed = (fraud & alerted).sum(), (~fraud & alerted).sum(), (fraud & ~alerted).sum()
    assert (found["true_positives"], found["false_positives"]) == (hit, wrong)
    assert found["precision"] == pytest.approx(hit / (hit + wrong), abs=1e-6)
    assert found["recall"] == pytest.approx(hit / (hit + missed), abs=1e-6)
    assert found["f1"] == pytest.approx(2 * hit / (2 * hit + wrong + missed), abs=1e-6)
    assert "trained on this very file" in found["note"]
    assert found["after_training"] is None


def test_events_after_the_training_period_are_judged_apart(path: Path) -> None:
    found = summary(path, "--version", "v2")
    assert found["model"]["version"] == "v2"
    labels, data = found["labels"], read_transactions(path)
    after = labels["after_training"]
    assert after["labelled"] == (data.batch.time_ms >= START + 30 * DAY).sum() < labels["labelled"]
    assert after["fraud"] == data.label[data.batch.time_ms >= START + 30 * DAY].sum()


def moved(batch: EventBatch, days: int) -> EventBatch:
    number = {**batch.number, "signup_ms": batch.number["signup_ms"] + days * DAY}
    return replace(batch, time_ms=batch.time_ms + days * DAY, number=number)


@pytest.mark.parametrize(
    ("days", "note"), [(20, "which this file reaches into"), (60, None), (-400, None)]
)
def test_the_note_of_another_file_hangs_on_its_period(days: int, note: str | None) -> None:
    batch, label = labelled_events(seed=6)
    found = summary(write_csv(Path("other.csv"), moved(batch, days), label))["labels"]
    assert (found["note"] is None) == (note is None)
    assert note is None or note in found["note"]


def test_a_file_without_labels_has_no_figures(path: Path) -> None:
    batch, label = labelled_events()
    assert summary(write_csv(Path("new.csv"), batch, label, with_label=False))["labels"] is None


def test_honest_events_alone_have_no_recall() -> None:
    batch, label = labelled_events(seed=8)
    found = summary(write_csv(Path("honest.csv"), batch, np.zeros_like(label)))["labels"]
    assert (found["fraud"], found["recall"], found["f1"]) == (0, None, None)


def test_people_see_a_summary_and_the_ten_highest_without_identities(path: Path) -> None:
    result = run(path)
    assert result.exception is None
    for text in ("alerts", "by severity", "against labels", "precision", "highest scores"):
        assert text in result.stdout
    assert result.stdout.count("ecommerce-") == 10
    data = read_transactions(path)
    users = {f" {one}" for one in data.batch.text["user_id"]}
    assert not any(f"{user}\n" in result.stdout or f"{user}," in result.stdout for user in users)
    shown = run(path, "--identities").stdout
    assert shown.count("user_id u") == shown.count("ip_address 8.8.") == 10
    assert "highest" not in run(path, "--out", "s.csv").stdout


def test_thresholds_of_the_settings_override_those_of_the_model(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = summary(path, "--alerts", "a.jsonl")
    monkeypatch.setenv("FRAUDSTREAM_THRESHOLD_REVIEW", "0")
    monkeypatch.setenv("FRAUDSTREAM_THRESHOLD_BLOCK", "1")
    everything = summary(path, "--alerts", "b.jsonl")
    assert everything["alerts"]["total"] == EVENTS > usual["alerts"]["total"]
    first, second = (
        {json.loads(line)["alert_id"] for line in Path(name).read_text().splitlines()}
        for name in ("a.jsonl", "b.jsonl")
    )
    assert not first & second  # an alert id hangs on the thresholds


def test_events_of_the_future_are_scored_and_pointed_at() -> None:
    batch, label = labelled_events()
    days = (4_000_000_000_000 - START) // DAY  # 2096
    result = run(write_csv(Path("future.csv"), moved(batch, days), label))
    assert "future_time" in result.stderr
    assert summary("future.csv")["in_the_future"] == EVENTS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--out", "s.txt"), r"--out s.txt does not end in .jsonl or .csv or .parquet"),
        (("--alerts", "a.csv"), r"--alerts a.csv does not end in .jsonl"),
        (("--out", "none/s.csv"), r"folder none does not exist"),
        (("--out", "x.jsonl", "--alerts", "x.jsonl"), r"--alerts x.jsonl would overwrite x.jsonl"),
        (("--out", "r.csv", "--rejects", "r.csv"), r"--out r.csv would overwrite r.csv"),
        (("--out", "folder.csv"), r"is a folder or device"),
        (("--profile", "other"), r"FRAUDSTREAM_PROFILE='other'"),
        (("--tz", "Nowhere/None"), r"Nowhere/None"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(
    path: Path, arguments: tuple[str, ...], message: str
) -> None:
    Path("folder.csv").mkdir()
    text = refused(ConfigError, path, *arguments)
    assert message in text
    assert sorted(Path().iterdir()) == [Path("folder.csv")]


def test_a_file_of_scores_never_takes_the_place_of_its_input(path: Path) -> None:
    copy = Path("copy.csv")
    copy.write_bytes(path.read_bytes())
    assert "would overwrite" in refused(ConfigError, copy, "--out", copy)
    assert copy.read_bytes() == path.read_bytes()


def test_a_run_that_fails_leaves_the_files_before_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stream import offline_scores

    original = offline_scores.offline_scores

    def broken(*arguments: Any) -> Iterator[Any]:
        yield next(original(*arguments))
        raise DataError("the disk is gone")

    for name in ("s.parquet", "a.jsonl"):
        Path(name).write_text("before")
    monkeypatch.setattr(offline_scores, "offline_scores", broken)
    assert "disk" in refused(DataError, path, "--out", "s.parquet", "--alerts", "a.jsonl")
    assert {Path(name).read_text() for name in ("s.parquet", "a.jsonl")} == {"before"}
    assert len(list(Path().iterdir())) == 2


def test_a_version_that_is_not_there_and_an_empty_registry_say_what_to_do(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "'v9' is not under" in refused(ModelError, path, "--version", "v9")
    monkeypatch.setenv("FRAUDSTREAM_MODELS", "empty")
    assert "fraudstream train CSV --profile ecommerce" in refused(ModelError, path)


def test_times_of_the_summary_are_those_of_the_file(path: Path) -> None:
    data = read_transactions(path)
    time_of = dict(zip(data.batch.event_id, data.batch.time_ms.tolist(), strict=True))
    for one in summary(path)["highest"]:
        assert one["event_time"] == iso_time(time_of[one["event_id"]])
