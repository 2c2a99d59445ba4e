"""The command line as a whole: help with examples, exit codes, one line for each error."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from cli.main import app
from tests.stream.forked import ROOT, bare_environment

_GROUP = typer.main.get_command(app)


def commands(group: object = _GROUP, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command that does something, as the words a user types."""
    subcommands = getattr(group, "commands", None)
    if subcommands is None:
        return [path]
    return [
        words for name, one in sorted(subcommands.items()) for words in commands(one, (*path, name))
    ]


def fraudstream(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cli", *words],
        cwd=folder,
        env=bare_environment(COLUMNS="100", **settings),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_commands_are_those_of_the_contract() -> None:
    found = {" ".join(words) for words in commands()}
    assert found == {
        "alerts", "backtest", "cases list", "cases set", "data check", "data collect",
        "data profile", "data sample", "demo", "dlq list", "dlq replay", "dlq show", "doctor",
        "drift", "features", "forget", "labels", "lists add", "lists clear", "lists import",
        "lists remove", "lists show", "metrics backfill", "models compare", "models list",
        "models promote", "models retire", "models rollback", "models show", "performance",
        "replay", "rules check", "rules reload", "score", "stack down", "stack status", "stack up",
        "train", "views", "worker",
    }  # fmt: skip
    contract = (ROOT / "docs" / "contract.md").read_text()
    for name in found - {"demo"}:
        assert f"fraudstream {name}" in contract, name


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_help_has_an_example(words: tuple[str, ...], tmp_path: Path) -> None:
    shown = fraudstream(tmp_path, *words, "--help")
    assert shown.returncode == 0
    assert "Example" in shown.stdout
    example = "make demo" if words == ("demo",) else f"fraudstream {' '.join(words)}"
    assert example in shown.stdout


def test_wrong_setting_is_one_line_and_exit_2(tmp_path: Path) -> None:
    done = fraudstream(tmp_path, "doctor", FRAUDSTREAM_BATCH_MAX="many")
    assert done.returncode == 2
    assert done.stderr.startswith("error: setting FRAUDSTREAM_BATCH_MAX='many'")
    assert len(done.stderr.splitlines()) == 1


def test_wrong_setting_never_shows_a_secret(tmp_path: Path) -> None:
    done = fraudstream(tmp_path, "doctor", FRAUDSTREAM_REDIS="://secret@nowhere")
    assert "secret" not in done.stdout + done.stderr


@pytest.mark.parametrize("words", [("nonsense",), ("replay",), ("worker", "--nonsense")])
def test_wrong_use_exits_with_2(words: tuple[str, ...], tmp_path: Path) -> None:
    done = fraudstream(tmp_path, *words)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_doctor_says_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    away = {"FRAUDSTREAM_KAFKA": "127.0.0.1:1", "FRAUDSTREAM_REDIS": "redis://127.0.0.1:1/0"}
    done = fraudstream(tmp_path, "doctor", "--json", **away)
    assert done.returncode == 1
    findings = {one["name"]: one for one in json.loads(done.stdout)}
    assert [name for name, one in findings.items() if one["ok"]] == ["IP table"]
    for name, remedy in (
        ("Kafka", "fraudstream stack up"),
        ("Redis", "fraudstream stack up"),
        ("model", "fraudstream train"),
    ):
        assert remedy in findings[name]["detail"]


@pytest.mark.integration
def test_redis_that_may_evict_is_refused(tmp_path: Path, redis_url: str, kafka: str) -> None:
    import redis

    client = redis.Redis.from_url(redis_url)
    client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        done = fraudstream(
            tmp_path, "doctor", "--json", FRAUDSTREAM_KAFKA=kafka, FRAUDSTREAM_REDIS=redis_url
        )
    finally:
        client.config_set("maxmemory-policy", "noeviction")
    findings = {one["name"]: one for one in json.loads(done.stdout)}
    assert "noeviction" in findings["Redis"]["detail"]
    assert not findings["Redis"]["ok"]
