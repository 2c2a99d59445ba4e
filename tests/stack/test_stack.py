"""The local stack: real processes in folders of their own."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import redis

from core.errors import StackError
from core.settings import Settings
from stack import java, local, services
from stack.artefacts import fetch
from stack.local import LocalStack
from stack.lock import Artefact, read_lock
from stack.process import Child

pytestmark = pytest.mark.integration


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[[str], LocalStack]]:
    made: list[LocalStack] = []

    def make(name: str) -> LocalStack:
        stack = LocalStack(tmp_path / name, prometheus=False)
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.down(wipe=True)


def pids(stack: LocalStack) -> list[int | None]:
    return [one.pid for one in stack.status()]


def test_up_twice_is_harmless_and_down_leaves_no_process_but_the_data(
    make_stack: Callable[[str], LocalStack],
) -> None:
    stack = make_stack("one")
    assert not any(one.healthy for one in stack.status())
    first = stack.up()
    assert first.started
    before = pids(stack)
    client = redis.Redis.from_url(first.redis)
    client.set("kept", "yes")
    assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert client.config_get("appendonly") == {"appendonly": "yes"}

    again = stack.up()
    assert not again.started
    assert pids(stack) == before
    assert (first.kafka, first.redis) == (again.kafka, again.redis)
    assert all(one.healthy for one in stack.status())

    written = dict(
        line.split("=", 1) for line in (stack.root / "env").read_text().splitlines() if line
    )
    assert written == {"FRAUDSTREAM_KAFKA": first.kafka, "FRAUDSTREAM_REDIS": first.redis}

    assert set(stack.down()) == {"kafka", "redis"}
    assert not any(psutil.pid_exists(pid) for pid in before if pid)
    assert stack.down() == []

    third = stack.up()
    assert redis.Redis.from_url(third.redis).get("kept") == b"yes"


def test_servers_listen_on_loopback_only(servers: tuple[str, str]) -> None:
    port = int(servers[0].rsplit(":", 1)[1])
    listening = {
        one.laddr.ip
        for one in psutil.net_connections("tcp")
        if one.status == psutil.CONN_LISTEN and one.laddr.port == port
    }
    assert {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}


def test_taken_port_is_replaced_by_a_free_one(
    make_stack: Callable[[str], LocalStack], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        taken = squatter.getsockname()[1]
        monkeypatch.setattr(services.Redis, "usual_port", taken)
        chosen = LocalStack(prometheus=False)
        chosen.root.mkdir()
        ports = chosen._choose_ports()
    assert ports["redis"] != taken
    assert len(set(ports.values())) == len(ports)


def test_crashed_start_names_the_log_and_leaves_nothing_running(
    make_stack: Callable[[str], LocalStack], monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack("crash")
    monkeypatch.setattr(
        services.Kafka, "_properties", lambda self: "process.roles=broker,controller\nnode.id=x\n"
    )
    monkeypatch.setattr(services.Kafka, "_storage_tool", lambda *_: None)
    with pytest.raises(StackError, match=r"kafka ended while starting: see .*kafka\.log") as caught:
        stack.up()
    assert "Invalid value x" in str(caught.value)
    assert not any(one.running for one in stack.status())


def test_recycled_process_id_is_not_taken_for_ours(tmp_path: Path) -> None:
    child = Child("redis", tmp_path)
    child.start(["sleep", "60"])
    process = child.find()
    assert process is not None
    record = tmp_path / "run" / "redis.json"
    record.write_text(f'{{"pid": {process.pid}, "created": {process.create_time() - 100}}}')
    assert child.find() is None
    assert not child.stop()
    assert process.is_running()
    process.kill()


def test_artefact_with_another_digest_is_refused(tmp_path: Path) -> None:
    smallest = min(read_lock(), key=lambda one: one.size)
    wrong = Artefact(smallest.group, smallest.name, smallest.version, "0" * 64, smallest.size)
    with pytest.raises(StackError, match="pinned is 000000"):
        fetch(lambda _: None, artefacts=[wrong], repository=tmp_path)


def test_artefact_that_cannot_be_had_names_the_alternatives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stack.artefacts._ATTEMPTS", 1)
    absent = Artefact("org.apache.kafka", "no-such-thing", "0.0.0", "0" * 64, 1)
    said: list[str] = []
    with pytest.raises(StackError, match="FRAUDSTREAM_KAFKA.*docker compose up"):
        fetch(said.append, artefacts=[absent], repository=tmp_path)
    assert "1 files" in said[0]


def test_old_java_is_passed_over_for_the_one_from_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin" / "java"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'openjdk version \"1.8.0_402\"' >&2\n")
    old.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert java.java_version(old) == 8
    found = java.find_java()
    version = java.java_version(found)
    assert found != old
    assert version is not None
    assert version >= java.MINIMUM


def test_redis_from_the_wheel_is_used_where_none_is_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    assert services.find_redis().name == "valkey-server"


def test_settings_read_the_addresses_that_up_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "env").write_text("FRAUDSTREAM_KAFKA=127.0.0.1:4711\n# Prometheus: x\n")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / "env")
    assert Settings().kafka == "127.0.0.1:4711"
    assert Path(".stack") == local.STACK_DIR
