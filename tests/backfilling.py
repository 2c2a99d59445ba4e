"""A labelled month, a model of it, and ``fraudstream metrics backfill`` as a user calls it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner, Result

from cli.metrics import app
from cli.score import score
from core.errors import FraudstreamError
from model.registry import Registry
from tests.model.events import DAY, START, labelled_events, write_csv
from tests.test_score_cli import train

SCORE = typer.Typer()
SCORE.command()(score)
NAME = 'a "month".csv'


def labelled_month(folder: Path) -> tuple[Path, Path]:
    """The file, and a registry whose champion was trained on it."""
    path, registry = write_csv(folder / NAME, *labelled_events()), Registry(folder / "models")
    train(path, registry)
    registry.promote("ecommerce", "v1")
    return path, registry.root


def few(folder: Path, days: int = 2) -> Path:
    """A file of the first days."""
    batch, label = labelled_events()
    rows = np.flatnonzero(batch.time_ms < START + days * DAY)
    return write_csv(folder / "few.csv", batch.take(rows), label[rows])


@contextmanager
def empty_data_folder(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """In a working directory of the test's own, where nothing temporary may be left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAUDSTREAM_MODELS", str(models))
    (tmp_path / "data").mkdir()
    yield tmp_path / "data"
    assert not list(tmp_path.rglob(".*.part"))
    assert not list(tmp_path.rglob(".fraudstream-history-*"))


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["backfill", *map(str, arguments)])


def backfilled(*arguments: str | Path) -> dict[str, Any]:
    done = run(*arguments, "--json")
    assert done.exception is None, done.exception
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(kind: type[FraudstreamError], *arguments: str | Path) -> str:
    done = run(*arguments)
    assert isinstance(done.exception, kind), done.output
    assert not done.stdout
    return str(done.exception)


def scores_of(path: Path, folder: Path) -> pd.DataFrame:
    """What ``fraudstream score`` says of the file."""
    messages, alerts = folder / "scores.jsonl", folder / "alerts.jsonl"
    options = [str(path), "--out", str(messages), "--alerts", str(alerts), "--json"]
    CliRunner().invoke(
        SCORE, [*options, "--rejects", str(folder / "r.csv")], catch_exceptions=False
    )
    frame = pd.DataFrame([json.loads(line) for line in messages.read_text().splitlines()])
    moments = pd.to_datetime(frame["event_time"])
    severity = pd.DataFrame(
        [json.loads(line) for line in alerts.read_text().splitlines()]
    ).set_index("event_id")["severity"]
    frame["severity"] = frame["event_id"].map(severity)
    frame["second"] = moments.astype("datetime64[ms, UTC]").astype("int64") // 1000
    return frame.fillna({"browser": "unknown", "source": "unknown"})


def blocks_in(folder: Path) -> set[str]:
    return {path.parent.name for path in folder.glob("?" * 26 + "/meta.json")}
