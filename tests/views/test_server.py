"""The command serves a file until it is told to stop, and says why where it cannot."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.stream.forked import bare_environment
from tests.views.world import World


def command(world: World, *options: str, **extra: str) -> subprocess.Popen[str]:
    environment = bare_environment(FRAUDSTREAM_MODELS=str(world.settings.models), **extra)
    return subprocess.Popen(
        [sys.executable, "-m", "cli", "views", "--csv", str(world.path), *options],
        env=environment, cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@contextmanager
def served(world: World, *options: str, **extra: str) -> Iterator[tuple[str, int, int]]:
    """Host, port and process id of a server; killed at the end if need be."""
    process = command(world, "--rejects", os.devnull, "--port", "0", *options, **extra)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        assert "http://" in line, process.communicate()
        parts = urlsplit(line.rsplit(" ", 1)[1].strip())
        assert parts.hostname
        assert parts.port
        yield parts.hostname, parts.port, process.pid
        process.wait(20)
        assert process.returncode == 0
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def get(host: str, port: int, path: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(host, port, timeout=60)
    connection.request("GET", path)
    response = connection.getresponse()
    found = response.status, dict(response.getheaders()), response.read()
    connection.close()
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_many_at_once_until_it_is_told_to_stop(world: World, number: int) -> None:
    statuses: Counter[int] = Counter()
    with served(world) as (host, port, process_id):
        status, headers, _ = get(host, port, "/")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
        assert "Server" not in headers

        def ask(first: int) -> None:
            for one in range(20):
                path = ("/fraud_browsers", "/fraud_devices", "/summary")[(first + one) % 3]
                day = f"2025-01-{1 + one % 28:02d}T{first:02d}:00:00Z"
                statuses[get(host, port, f"{path}?from={day}")[0]] += 1

        threads = [threading.Thread(target=ask, args=(first,)) for first in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        os.kill(process_id, number)
    assert statuses == {200: 160}


def test_a_port_that_is_taken_is_one_clear_line(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = command(world, "--rejects", os.devnull, "--port", str(port))
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 2
    assert output == ""
    last = errors.strip().splitlines()[-1]
    assert last.startswith("error: ")
    assert str(port) in last
    assert "--port" in last


def test_off_loopback_without_a_token_nothing_is_served(world: World) -> None:
    process = command(world, "--host", "0.0.0.0")  # noqa: S104
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, output) == (2, "")
    assert "FRAUDSTREAM_VIEWS_TOKEN" in errors
