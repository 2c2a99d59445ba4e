from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import typer

from bench import contenders, quix_environment
from bench.contenders import CONTENDERS, chosen, commands


def test_no_list_means_all() -> None:
    assert chosen("") == tuple(name for name, one in CONTENDERS.items() if one.usual)


def test_a_list_is_put_in_the_order_of_the_table() -> None:
    assert chosen(" plain_loop, fraudstream") == ("fraudstream", "plain_loop")


def test_an_unknown_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(typer.BadParameter, match="flink is unknown: choose from fraudstream"):
        chosen("fraudstream,flink")


def test_the_environment_of_quix_is_asked_for_only_when_it_takes_part(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    commands(("fraudstream", "plain_loop", "faust_take"))
    assert not list(tmp_path.iterdir())


def test_an_environment_that_cannot_be_made_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object) -> None:
        raise subprocess.CalledProcessError(1, "pip")

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(quix_environment, "_make", fail)
    with pytest.raises(SystemExit, match="leave its contenders out with --contenders"):
        contenders.commands(("quix_redis",))


def test_the_lock_file_names_no_index() -> None:
    assert "index" not in quix_environment.LOCK_FILE.read_text()
