"""``fraudstream metrics backfill``: what it replaces, keeps, tells and refuses."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from core.errors import ConfigError, DataError, ModelError, StackError
from stack.history_blocks import check_data_folder, history_blocks
from tests.backfilling import (
    backfilled,
    blocks_in,
    empty_data_folder,
    few,
    labelled_month,
    refused,
    run,
)
from tests.grafana.own_prometheus import needs
from tests.model.events import DAY, labelled_events, write_csv

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return labelled_month(tmp_path_factory.mktemp("history"))


@pytest.fixture
def here(
    made: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    with empty_data_folder(made[1], tmp_path, monkeypatch) as folder:
        yield folder


def test_another_decision_takes_the_place_of_the_one_before(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("prometheus", "promtool")
    path = few(tmp_path)
    first = backfilled(path, "--data", here)
    before = blocks_in(here)
    monkeypatch.setenv("FRAUDSTREAM_THRESHOLD_REVIEW", "0")
    second = backfilled(path, "--data", here)
    assert second["alerts"] == second["events"] == first["events"] > first["alerts"]
    assert not blocks_in(here) & before
    assert len(blocks_in(here)) == second["blocks"]


def test_old_blocks_that_were_merged_with_others_are_not_deleted(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    mine, other, merged = (letter * 26 for letter in "ABC")

    def block(place: Path, name: str, *sources: str) -> None:
        (place / name).mkdir(parents=True)
        meta = {"compaction": {"sources": list(sources)}}
        (place / name / "meta.json").write_text(json.dumps(meta))

    with history_blocks(folder, lambda: None) as target:
        block(target.staging / "new", mine, mine)
        assert target.install("f.csv", "one", [target.staging / "new" / mine]) == 1
        assert target.holds("f.csv", "one")
        assert not target.holds("f.csv", "two")
        assert not target.holds("g.csv", "one")
    shutil.rmtree(folder / mine)
    block(folder, merged, mine, other)
    with history_blocks(folder, lambda: None) as target:
        assert target.holds("f.csv", "one")
        with pytest.raises(StackError, match=f"merged with other.*{merged}"):
            target.install("f.csv", "two", [])
    assert blocks_in(folder) == {merged}


def test_the_text_can_be_kept_and_holds_every_sample(here: Path, tmp_path: Path) -> None:
    needs("prometheus", "promtool")
    result = backfilled(few(tmp_path), "--data", here, "--out", "history.om")
    lines = Path("history.om").read_text().splitlines()
    assert lines[-1] == "# EOF"
    assert sum(not line.startswith("#") for line in lines) == result["samples"]
    assert result["samples"] == result["series"] * result["steps"]


def test_people_are_told_what_was_made(here: Path, tmp_path: Path) -> None:
    needs("prometheus", "promtool")
    done = run(few(tmp_path), "--data", here)
    assert done.exception is None
    for text in ("few.csv", "decided by", "recording rules", "within two minutes"):
        assert text in done.stdout
    assert "nothing was changed" in run(tmp_path / "few.csv", "--data", here).stdout


@pytest.mark.parametrize("program", ["promtool", "prometheus"])
def test_a_missing_program_is_named_with_its_package(
    here: Path, made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    programs = here.parent / "bin"
    programs.mkdir()
    for other in {"promtool", "prometheus"} - {program}:
        (programs / other).write_text("#!/bin/sh\nexit 1\n")
        (programs / other).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    message = refused(StackError, made[0], "--data", here)
    assert f"{program} is not on PATH" in message
    assert "package prometheus" in message
    assert not list(here.iterdir())


def test_a_promtool_that_fails_leaves_nothing(
    here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = here.parent / "bin"
    programs.mkdir()
    for name in ("promtool", "prometheus"):
        (programs / name).write_text("#!/bin/sh\necho the disk is full >&2\nexit 1\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    assert "the disk is full" in refused(StackError, few(tmp_path), "--data", here)
    assert [path.name for path in here.iterdir()] == ["fraudstream-history.lock"]


def test_without_a_model_nothing_is_made(
    here: Path, made: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    needs("prometheus", "promtool")
    monkeypatch.setenv("FRAUDSTREAM_MODELS", "empty")
    assert "fraudstream train" in refused(ModelError, made[0], "--data", here)
    assert not blocks_in(here)


def test_events_of_the_last_hours_alone_cannot_be_backfilled(here: Path) -> None:
    needs("prometheus", "promtool")
    batch, label = labelled_events(200)
    now = np.int64(time.time_ns() // 1_000_000)
    shift = now - batch.time_ms.min()
    moved = batch.take(range(len(batch)))
    moved.time_ms[:] = now - 60_000
    moved.number["signup_ms"][:] = batch.number["signup_ms"] + shift - 40 * DAY
    assert "three hours" in refused(
        DataError, write_csv(Path("new.csv"), moved, label), "--data", here
    )


@pytest.mark.parametrize(
    ("data", "message"), [("none", "is no folder"), ("file", "is no folder"), (".", "holds")]
)
def test_what_is_no_data_folder_of_a_prometheus_is_refused(
    here: Path, made: tuple[Path, Path], data: str, message: str
) -> None:
    needs("prometheus", "promtool")
    Path("file").write_text("")
    before = sorted(Path().rglob("*"))
    text = refused(ConfigError, made[0], "--data", data)
    assert message in text
    assert "--storage.tsdb.path" in text
    assert sorted(Path().rglob("*")) == before


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "wal").mkdir()
    check_data_folder(folder, create=False)
    tmp_path.chmod(0o755)
    folder.chmod(0o555)
    privileged = os.geteuid() == 0
    try:
        if privileged:  # whom permissions do not stop
            os.seteuid(65_534)
        with (
            pytest.raises(StackError, match="cannot write into"),
            history_blocks(folder, lambda: None),
        ):
            raise AssertionError
    finally:
        if privileged:
            os.seteuid(0)
        folder.chmod(0o755)


def test_the_text_never_takes_the_place_of_the_input(here: Path, tmp_path: Path) -> None:
    path = few(tmp_path)
    assert "would overwrite" in refused(ConfigError, path, "--data", here, "--out", path)
