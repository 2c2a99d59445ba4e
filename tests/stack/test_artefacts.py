"""What reaches the class path is what the lock file names, or there is a clear error."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from core.errors import ConfigError, StackError
from stack.artefacts import Artefact, FetchError, Lock, cache_folder, ensure_jars
from stack.clients import fetch_with_jgo, fetch_with_mvn
from stack.lock import resolve


def artefact(name: str, content: bytes) -> Artefact:
    return Artefact("g", name, "1", hashlib.sha256(content).hexdigest(), len(content))


CONTENT = {"kafka-clients": b"clients", "other": b"something else"}
LOCK = Lock((), tuple(artefact(name, content) for name, content in CONTENT.items()))


def deliver(artefacts: Sequence[Artefact], folder: Path) -> None:
    for wanted in artefacts:
        (folder / wanted.file_name).write_bytes(CONTENT[wanted.artifact])


def refuse(artefacts: Sequence[Artefact], folder: Path) -> None:
    raise FetchError("no network")


def test_a_download_is_announced_with_its_size_and_happens_once(tmp_path: Path) -> None:
    said: list[str] = []
    first = ensure_jars(LOCK, [deliver], tmp_path, said.append)
    assert first.bytes == sum(map(len, CONTENT.values()))
    assert [jar.read_bytes() for jar in first.jars] == list(CONTENT.values())
    assert "2 jars, 0 MB" in said[0]
    again = ensure_jars(LOCK, [refuse], tmp_path, said.append)
    assert (again.bytes, again.jars, len(said)) == (0, first.jars, 1)


def test_another_file_than_the_locked_one_is_refused_and_not_kept(tmp_path: Path) -> None:
    def tamper(artefacts: Sequence[Artefact], folder: Path) -> None:
        deliver(artefacts, folder)
        (folder / "other-1.jar").write_bytes(b"something ELSE")

    with pytest.raises(StackError, match=r"refused other-1\.jar: its SHA-256 is"):
        ensure_jars(LOCK, [tamper], tmp_path, lambda _: None)
    assert list((tmp_path / "jars").iterdir()) == []


def test_a_jar_damaged_in_the_cache_is_fetched_again(tmp_path: Path) -> None:
    jar = ensure_jars(LOCK, [deliver], tmp_path, lambda _: None).jars[1]
    jar.write_bytes(b"something ELSE")
    assert ensure_jars(LOCK, [deliver], tmp_path, lambda _: None).bytes == len(CONTENT["other"])
    assert jar.read_bytes() == CONTENT["other"]


def test_the_next_client_is_asked_when_one_cannot_deliver(tmp_path: Path) -> None:
    assert ensure_jars(LOCK, [refuse, deliver], tmp_path, lambda _: None).bytes > 0


def test_nothing_to_be_had_names_the_alternatives_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real clients: no ``mvn``, and a proxy that nobody listens behind."""
    monkeypatch.setenv("PATH", "")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setattr("stack.clients.wait_exponential", lambda **_: None)
    with pytest.raises(StackError) as caught:
        ensure_jars(LOCK, [fetch_with_mvn, fetch_with_jgo], tmp_path, lambda _: None)
    message = str(caught.value)
    assert "\n" not in message
    for word in ("mvn: not installed", "jgo:", "FRAUDSTREAM_KAFKA", "docker compose up"):
        assert word in message
    assert not list(tmp_path.glob("fetch-*"))


def test_the_cache_is_the_user_s_and_not_the_checkout_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere/cache")
    assert cache_folder() == Path("/somewhere/cache/fraudstream")


def test_the_committed_lock_file_names_one_kafka_4_and_survives_writing(tmp_path: Path) -> None:
    lock = Lock.read()
    kafka = {one.version for one in lock.artefacts if one.group == "org.apache.kafka"}
    assert kafka == {lock.kafka_version}
    assert lock.kafka_version.startswith("4.")
    lock.write(tmp_path / "lock.json")
    assert Lock.read(tmp_path / "lock.json") == lock


def test_a_damaged_lock_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lock.json"
    path.write_text('{"roots": []}')
    with pytest.raises(StackError, match=r"lock\.json cannot be used"):
        Lock.read(path)


def test_a_root_that_is_no_coordinate_is_refused() -> None:
    with pytest.raises(ConfigError, match="'kafka' is not a coordinate"):
        resolve(("kafka",))
