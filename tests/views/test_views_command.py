"""`fraudstream views` over the stream: its processes live and end with it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from core.settings import Settings
from tests.stream.conftest import put_small_model
from tests.stream.forked import ROOT
from tests.stream.workers import environment_of
from tests.views.read_model import assert_same, expected, many, produce, wait_for
from views.readmodel.redis_store import RedisStore

pytestmark = pytest.mark.integration
_PATIENCE_S = 60.0


@dataclass
class Server:
    """A running `fraudstream views`."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    def get(self, path: str) -> tuple[int, dict[str, object]]:
        connection = http.client.HTTPConnection(self.address, timeout=30)
        connection.request("GET", path)
        response = connection.getresponse()
        found = response.status, json.loads(response.read())
        connection.close()
        return found

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def projector(self) -> psutil.Process | None:
        for one in self.children():
            with suppress(psutil.Error):
                if "--projector-only" in one.cmdline():
                    return one
        return None


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for one in processes:
        with suppress(psutil.NoSuchProcess):
            if one.status() != psutil.STATUS_ZOMBIE:  # whoever is to collect those may be slow
                found.append(one)
    return found


@contextmanager
def serving(settings: Settings, folder: Path) -> Iterator[Server]:
    log = folder / "views.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "views", "--port", "0"],
            cwd=ROOT, env=environment_of(settings), stdout=subprocess.PIPE, stderr=said,
        )  # fmt: skip
    assert process.stdout is not None
    there: list[psutil.Process] = []
    try:
        line = process.stdout.readline().decode()
        assert "http://" in line, log.read_text()
        server = Server(process, urlsplit(line.rsplit(" ", 1)[1].strip()).netloc, log)
        until(lambda: server.projector() is not None, "there is no projector")
        there = server.children()
        yield server
    finally:
        for one in [*there, psutil.Process(process.pid)] if process.poll() is None else there:
            with suppress(psutil.Error):
                one.kill()
        process.wait(20)
        process.stdout.close()


def test_a_projector_that_is_killed_is_started_again_and_counts_are_exact(
    settings: Settings, tmp_path: Path
) -> None:
    put_small_model(settings)
    messages = many(600, 21)
    produce(settings, messages[: len(messages) // 2])
    with serving(settings, tmp_path) as server:
        wait_for(settings, len(messages) // 2)
        first = server.projector()
        assert first is not None
        first.kill()
        produce(settings, messages[len(messages) // 2 :])
        wait_for(settings, len(messages))
        assert "the projector ended with -9" in server.log.read_text()
        second = server.projector()
        assert second is not None
        assert second.pid != first.pid
        store = RedisStore(settings)
        try:
            assert_same(store, expected(messages), [])
        finally:
            store.close()
        until(lambda: server.get("/readyz")[0] == 200, "it is not ready again")
        processes = server.children()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0
        assert not alive(processes)


def test_nothing_stays_behind_when_the_server_is_killed(settings: Settings, tmp_path: Path) -> None:
    put_small_model(settings)
    produce(settings, many(20, 22))
    with serving(settings, tmp_path) as server:
        until(lambda: server.get("/readyz")[0] == 200, "it is not ready")
        processes = server.children()
        assert len(processes) >= 2  # what projects, and what predicts
        os.kill(server.process.pid, signal.SIGKILL)
        until(lambda: not alive(processes), "some live on")
