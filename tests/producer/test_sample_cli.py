from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.data_sample import sample
from core.errors import ConfigError

app = typer.Typer(rich_markup_mode=None)
app.command()(sample)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_help_says_that_the_data_are_synthetic_and_shows_an_example() -> None:
    text = run("--help")
    assert "synthetic" in text
    assert "Example: fraudstream data sample --rows" in text


def test_the_result_says_that_the_data_are_synthetic(tmp_path: Path) -> None:
    text = " ".join(run("--out", str(tmp_path / "s.csv"), "--rows", "500").split())
    assert "synthetic data" in text
    assert "takeover" in text


def test_json_gives_the_summary(tmp_path: Path) -> None:
    out = tmp_path / "s.csv.gz"
    found = json.loads(
        run(
            *("--out", str(out), "--profile", "banking", "--rows", "1000", "--seed", "3"),
            *("--fraud-rate", "0.1", "--days", "2", "--start", "2024-02-03", "--json"),
        )
    )
    assert found["synthetic"] is True
    assert (found["rows"], found["fraud_rows"], found["seed"]) == (1000, 100, 3)
    assert found["first_time"].startswith("2024-02-03T")
    assert sum(found["by_mechanism"].values()) == 1000
    assert out.stat().st_size > 0


def test_a_start_that_is_no_time_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--start 'soon' is not a time"):
        run("--out", str(tmp_path / "s.csv"), "--start", "soon")


def test_the_profile_of_the_environment_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUDSTREAM_PROFILE", "banking")
    found = json.loads(run("--out", str(tmp_path / "s.csv"), "--rows", "10", "--json"))
    assert found["profile"] == "banking"
