"""Promises of ``LocalStack``, on real servers."""

from __future__ import annotations

import json
import os
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import redis
from confluent_kafka.admin import AdminClient, NewTopic

from core.errors import StackError
from core.settings import Settings
from stack import local, member, prometheus
from stack.local import LocalStack
from stack.ports import is_free, pick
from stack.process import Record
from stack.redis_server import RedisServer
from tests.stack.conftest import MakeStack

pytestmark = pytest.mark.integration


def pids(stack: LocalStack) -> dict[str, int]:
    return {one.name: one.pid for one in stack.status() if one.pid is not None}


def test_up_gives_a_broker_and_a_redis_that_keep_what_they_are_told(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack("one")
    first = stack.up()
    assert first.started
    monkeypatch.setitem(Settings.model_config, "env_file", stack.root / "env")
    settings = Settings()
    assert (settings.kafka, settings.redis.get_secret_value()) == (first.kafka, first.redis)
    admin = AdminClient({"bootstrap.servers": first.kafka})
    admin.create_topics([NewTopic("kept", 3, 1)])["kept"].result(10)
    with redis.Redis.from_url(first.redis) as client:
        client.set("kept", "yes")
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
        assert client.config_get("append*")["appendonly"] == "yes"
        assert client.config_get("bind") == {"bind": "127.0.0.1"}

    before = pids(stack)
    assert set(before) == {"kafka", "redis"}
    again = stack.up()
    assert again == replace(first, started=False)
    assert pids(stack) == before

    stack.down()
    assert [pid for pid in before.values() if psutil.pid_exists(pid)] == []
    assert [one.state for one in stack.status()] == ["down", "down"]
    assert not (stack.root / "env").exists()
    stack.down()

    second = stack.up()
    admin = AdminClient({"bootstrap.servers": second.kafka})
    assert len(admin.list_topics(timeout=10).topics["kept"].partitions) == 3
    with redis.Redis.from_url(second.redis) as client:
        assert client.get("kept") == b"yes"

    stack.down(wipe=True)
    assert [path.name for path in stack.root.iterdir()] == ["lock"]


def test_two_ups_at_once_start_one_stack(make_stack: MakeStack) -> None:
    stack = make_stack("shared")
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(lambda _: LocalStack(stack.root, prometheus=False).up(), range(2))
    assert {one.started, other.started} == {True, False}
    assert (one.kafka, one.redis) == (other.kafka, other.redis)


def test_stacks_with_other_roots_run_side_by_side(
    make_stack: MakeStack, servers: tuple[str, str]
) -> None:
    said: list[str] = []
    addresses = make_stack("beside").up(said.append)
    assert addresses.kafka != servers[0]
    assert addresses.redis != servers[1]
    assert not any("taken" in line for line in said)


def test_the_default_folder_takes_the_usual_port_only_where_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        taken = squatter.getsockname()[1]
        monkeypatch.setattr(RedisServer, "usual_port", taken)
        stack = LocalStack(prometheus=False, kafka="elsewhere:9092")
        said: list[str] = []
        try:
            addresses = stack.up(said.append)
        finally:
            stack.down()
    assert str(taken) not in addresses.redis
    assert any(f"port {taken} is taken; redis takes" in line for line in said)

    assert is_free(taken)
    try:
        assert stack.up().redis == f"redis://127.0.0.1:{taken}/0"
    finally:
        stack.down(wipe=True)


def test_a_port_lost_between_choice_and_start_is_replaced(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack("race")
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        lost = squatter.getsockname()[1]
        offered = iter([lost])
        monkeypatch.setattr("stack.member.pick", lambda wanted: next(offered, 0) or pick(wanted))
        addresses = stack.up()
    assert str(lost) not in addresses.kafka
    assert all(one.ok for one in stack.status())


def test_a_crashed_start_names_its_log_shows_its_end_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = LocalStack(tmp_path, prometheus=False, kafka="elsewhere:9092")
    monkeypatch.setattr("stack.redis_server.redis_conf", lambda *_: "no-such-setting 1\n")
    with pytest.raises(StackError) as caught:
        stack.up()
    message = str(caught.value)
    assert "redis ended with code 1 while starting" in message
    assert str(stack.root / "logs" / "redis.log") in message
    assert "no-such-setting" in message
    assert pids(stack) == {}


def test_an_interrupted_start_leaves_nothing(
    make_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = make_stack("interrupted")
    seen: dict[str, int] = {}

    def interrupt(*_: object) -> str:
        seen.update(pids(stack))
        raise KeyboardInterrupt

    monkeypatch.setattr(member.Member, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        stack.up()
    assert set(seen) == {"kafka", "redis"}
    assert pids(stack) == {}


def test_a_killed_server_is_seen_as_down_and_started_again(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path, prometheus=False, kafka="elsewhere:9092")
    try:
        stack.up()
        victim = pids(stack)["redis"]
        psutil.Process(victim).kill()
        psutil.wait_procs([psutil.Process(victim)])
        states = {one.name: one.state for one in stack.status()}
        assert states == {"kafka": "external", "redis": "down"}
        assert stack.up().started
        assert pids(stack)["redis"] != victim
    finally:
        stack.down(wipe=True)


def test_a_record_from_before_a_reboot_neither_counts_nor_kills(tmp_path: Path) -> None:
    stack = LocalStack(tmp_path, prometheus=False, kafka="elsewhere:9092")
    bystander = psutil.Process(os.getpid())
    record = tmp_path / "run" / "redis.json"
    Record(bystander.pid, bystander.create_time() - 3600, 1).write(record)
    assert stack.status()[1].state == "down"
    stack.down()
    assert bystander.is_running()
    assert not record.exists()


def test_servers_of_somebody_else_are_used_and_not_written_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAUDSTREAM_KAFKA", "broker:9092")
    monkeypatch.setenv("FRAUDSTREAM_REDIS", "redis://:secret@cache:6379/0")
    stack = LocalStack.configured()
    monkeypatch.setattr(local, "is_installed", lambda: False)
    addresses = stack.up()
    assert (addresses.kafka, addresses.redis) == ("broker:9092", "redis://:secret@cache:6379/0")
    assert not addresses.started
    assert "secret" not in (stack.root / "env").read_text()
    assert "secret" not in json.dumps([str(one) for one in stack.status()])


_FAKE_PROMETHEUS = """\
#!{python}
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
given = dict(word[2:].split("=", 1) for word in sys.argv[1:])
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({{"data": given}}).encode())
host, port = given["web.listen-address"].split(":")
HTTPServer((host, int(port)), Handler).serve_forever()
"""


def test_prometheus_is_run_where_installed_with_the_project_s_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "prometheus"
    program.parent.mkdir()
    program.write_text(_FAKE_PROMETHEUS.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    stack = LocalStack(tmp_path / "s", kafka="elsewhere:9092", redis="redis://elsewhere/0")
    try:
        address = stack.up().prometheus
        assert f"# Prometheus: {address}" in (stack.root / "env").read_text()
        process = psutil.Process(pids(stack)["prometheus"])
        assert f"--config.file={prometheus.CONFIG}" in process.cmdline()
        assert prometheus.CONFIG.is_file()
    finally:
        stack.down()
    assert not process.is_running()


def test_absent_prometheus_is_said_once_and_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "is_installed", lambda: False)
    stack = LocalStack(tmp_path, kafka="elsewhere:9092")
    said: list[str] = []
    try:
        assert stack.up(said.append).prometheus is None
        assert all(one.ok for one in stack.status())
        stack.up(said.append)
    finally:
        stack.down(wipe=True)
    assert sum("prometheus is not installed" in line for line in said) == 1
