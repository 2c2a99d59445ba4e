from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import CheckpointError, ConfigError, DataError
from producer.checkpoint import (
    Checkpoint,
    checkpoint_path,
    read_checkpoint,
    sole_replay,
    write_checkpoint,
)

STATE = Checkpoint("f00", "--limit 5", {"t": "id"}, {"t": [3, 4]}, shift_ms=7).at(
    10, 9, {"t": [5, 6]}, done=False
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "c.json"
    write_checkpoint(path, STATE)
    assert read_checkpoint(path) == STATE


def test_nothing_written_is_none(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "c.json") is None


@pytest.mark.parametrize("content", [b"", b"{", b'{"plan": 3}', b'{"plan":"x"}'])
def test_a_damaged_file_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match="leave --resume out"):
        read_checkpoint(path)


def test_a_file_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    write_checkpoint(path, STATE)
    path.write_bytes(path.read_bytes().replace(b'"version":1', b'"version":2'))
    with pytest.raises(DataError, match="version 2"):
        read_checkpoint(path)


def test_files_profiles_and_namespaces_have_checkpoints_of_their_own(tmp_path: Path) -> None:
    paths = {
        checkpoint_path(tmp_path / csv, profile, namespace, tmp_path)
        for csv in ("a.csv", "b.csv")
        for profile in ("ecommerce", "banking")
        for namespace in ("live", "other")
    }
    assert len(paths) == 8


def test_the_same_file_is_replayed_once_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    with (
        sole_replay(path),
        pytest.raises(ConfigError, match="another replay"),
        sole_replay(path),
    ):
        pass
    with sole_replay(path):
        pass


def test_an_unwritable_folder_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written"):
        write_checkpoint(tmp_path / "file" / "c.json", STATE)
    with (
        pytest.raises(ConfigError, match="cannot be written"),
        sole_replay(tmp_path / "file" / "c"),
    ):
        pass
