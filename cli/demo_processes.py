"""The demo's child processes: our own commands, run as a user would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import orjson
from rich.console import Console

from core.errors import StackError
from core.settings import Settings
from stack.ports import pick

_READY_S = 60.0
_STOP_S = 20.0
_ASK_S = 5.0


def run_command(arguments: list[str], settings: Settings, log: Path) -> None:
    """Run a command to its end.

    Raises:
        StackError: it failed; the message ends with what it said.
    """
    with log.open("ab") as output:
        done = subprocess.run(
            _words(arguments),
            env=_environment(settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        raise StackError(f"`fraudstream {' '.join(arguments)}` failed: see {log}\n{_tail(log)}")


@contextmanager
def running_worker(
    settings: Settings, folder: Path, console: Console
) -> Iterator[subprocess.Popen[bytes]]:
    """A worker that is ready.

    Raises:
        StackError: it does not start.
    """
    console.print("starting a worker …")
    log = folder / "worker.log"
    with _running(["worker", "--metrics-port", "0"], settings, log) as process:
        _await(process, log, "worker", lambda: b"worker ready" in log.read_bytes())
        yield process


@contextmanager
def running_views(settings: Settings, folder: Path, console: Console, events: int) -> Iterator[str]:
    """The address of views that have counted so many events.

    Raises:
        StackError: they do not start, or do not count.
    """
    console.print("starting the views …")
    log = folder / "views.log"
    port = pick([settings.views_port])
    address = f"http://127.0.0.1:{port}"

    def have_counted() -> bool:
        try:
            with urlopen(f"{address}/summary", timeout=_ASK_S) as answer:  # noqa: S310 - ours
                return int(orjson.loads(answer.read())["total_transactions"]) >= events
        except (URLError, OSError):
            return False

    with _running(["views", "--port", str(port)], settings, log) as process:
        _await(process, log, "views", have_counted)
        yield f"{address}/"


@contextmanager
def _running(
    arguments: list[str], settings: Settings, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            _words(arguments),
            env=_environment(settings),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the demo, which then stops it
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _await(
    process: subprocess.Popen[bytes], log: Path, name: str, is_ready: Callable[[], bool]
) -> None:
    deadline = time.monotonic() + _READY_S
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise StackError(f"{name}: did not get ready: see {log}\n{_tail(log)}")
        time.sleep(0.1)


def _words(arguments: list[str]) -> list[str]:
    return [sys.executable, "-m", "cli", *arguments]


def _environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "FRAUDSTREAM_KAFKA": settings.kafka,
        "FRAUDSTREAM_REDIS": settings.redis.get_secret_value(),
        "FRAUDSTREAM_PROFILE": settings.profile,
        "FRAUDSTREAM_NAMESPACE": settings.namespace,
        "FRAUDSTREAM_MODELS": str(settings.models),
    }


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-5:])
