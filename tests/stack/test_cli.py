"""``fraudstream stack`` as a person or a script sees it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.stack import app

RUN = CliRunner()


def test_status_of_nothing_exits_1_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = RUN.invoke(app, ["status", "--json"])
    assert answer.exit_code == 1
    states = {one["name"]: one["state"] for one in json.loads(answer.stdout)}
    assert (states["kafka"], states["redis"]) == ("down", "down")
    assert not Path(".stack").exists()


@pytest.mark.integration
def test_up_status_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAUDSTREAM_KAFKA", "broker:9092")
    try:
        up = RUN.invoke(app, ["up", "--json"])
        assert up.exit_code == 0
        assert json.loads(up.stdout)["redis"].startswith("redis://127.0.0.1:")
        status = RUN.invoke(app, ["status"])
        assert status.exit_code == 0
        assert "redis" in status.stdout
        assert "external" in status.stdout
    finally:
        down = RUN.invoke(app, ["down", "--wipe"])
    assert down.exit_code == 0
    assert RUN.invoke(app, ["status"]).exit_code == 1
