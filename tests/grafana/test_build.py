"""The committed dashboards are those that the code builds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from grafana import build
from grafana.expressions import DASHBOARDS


def test_committed_files_are_what_the_build_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--check"]) == 0
    assert capsys.readouterr().err == ""
    assert build.DASHBOARDS == DASHBOARDS
    assert len(build.files()) == 5


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(build, "DASHBOARDS", tmp_path / "grafana" / "dashboards")
    assert build.main([]) == 0
    return build.DASHBOARDS


def test_an_edited_file_is_named_and_written_anew(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = folder / "model.json"
    content = json.loads(file.read_text())
    content["title"] = "My model"
    file.write_text(json.dumps(content))
    capsys.readouterr()
    assert build.main(["--check"]) == 1
    assert capsys.readouterr().err == (
        "grafana/dashboards/model.json is out of date: run `python -m grafana.build`\n"
    )
    assert build.main([]) == 0
    assert build.main(["--check"]) == 0


def test_a_missing_file_and_one_that_nothing_builds_are_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "geography.json").rename(folder / "atlas.json")
    capsys.readouterr()
    assert build.main(["--check"]) == 1
    assert capsys.readouterr().err == (
        "grafana/dashboards/atlas.json is built by nothing: delete it\n"
        "grafana/dashboards/geography.json is out of date: run `python -m grafana.build`\n"
    )


def test_wrong_use_says_how_it_is_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert build.main(["--chek"]) == 2
    assert "usage" in capsys.readouterr().err
