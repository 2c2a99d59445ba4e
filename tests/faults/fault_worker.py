"""A worker process that can be frozen, weighed and asked for its metrics."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol
from urllib.error import URLError

import psutil

from core.settings import Settings
from stack.ports import LOOPBACK, pick
from tests.stream.workers import ROOT, bare_environment, environment_of

#: Kafka gives a dead worker's partitions to others after three seconds instead of ten.
IMPATIENT = {"broker_session_timeout": 3.0, "broker_heartbeat_interval": 0.5}
_START_S = 60.0


class Process(Protocol):
    """What is needed of a process."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class FaultWorker:
    """One worker process.

    Args:
        process: the process.
        log: where it writes to.
        metrics_port: where its metrics page is.
    """

    def __init__(self, process: Process, log: Path, metrics_port: int) -> None:
        self.process = process
        self.log = log
        self._metrics_port = metrics_port

    @property
    def lives(self) -> bool:
        return self.process.poll() is None

    def freeze(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(20)

    def stop_gracefully(self) -> None:
        """SIGTERM: within ten seconds it must have ended, and well."""
        begun = time.monotonic()
        os.kill(self.process.pid, signal.SIGTERM)
        code = self.process.wait(60)
        took = time.monotonic() - begun
        assert code == 0, self.said()
        assert took < 10, f"{took:.1f} s\n{self.said()}"

    def end(self) -> None:
        """Whatever state it is in."""
        if self.lives:
            self.thaw()
            self.kill()

    def said(self) -> str:
        """Its log."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def await_text(self, text: str, timeout_s: float = _START_S) -> None:
        """Wait until its log holds the text."""
        deadline = time.monotonic() + timeout_s
        while text not in self.said():
            assert self.lives, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.05)

    def await_metric(self, name: str, timeout_s: float = _START_S) -> None:
        """Wait until a metric is above zero."""
        deadline = time.monotonic() + timeout_s
        while True:
            with suppress(URLError):  # the page is not there yet
                if self.metric(name) > 0:
                    return
            assert self.lives, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)

    def resident_bytes(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def metric(self, name: str) -> float:
        """Sum of a metric over its labels; 0 where it has none yet."""
        url = f"http://{LOOPBACK}:{self._metrics_port}/metrics"
        page = urllib.request.urlopen(url, timeout=10).read().decode()
        values = re.findall(rf"^{re.escape(name)}(?:{{[^}}]*}})? (\S+)", page, re.MULTILINE)
        return sum(map(float, values))


class Nursery:
    """The process that workers are forked from; see ``tests.faults.nursery``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"], env=bare_environment(), cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._changed = threading.Condition()
        self._asking = threading.Lock()
        self._started: list[_Child] = []
        self._running: dict[int, _Child] = {}  # the system gives a number again once it is free
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def start(self, environment: Mapping[str, str], log: Path) -> Process:
        """Have a worker forked."""
        order = json.dumps({"environment": dict(environment), "log": str(log)})
        assert self._process.stdin is not None
        with self._asking:
            self._process.stdin.write(order.encode() + b"\n")
            self._process.stdin.flush()
            with self._changed:
                assert self._changed.wait_for(lambda: self._started, _START_S)
                return self._started.pop()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._listener.join()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            with self._changed:
                if "code" in told:
                    self._running.pop(told["pid"]).code = told["code"]
                else:
                    child = self._running[told["pid"]] = _Child(told["pid"], self._changed)
                    self._started.append(child)
                self._changed.notify_all()


class _Child:
    def __init__(self, pid: int, changed: threading.Condition) -> None:
        self.pid = pid
        self.code: int | None = None
        self._changed = changed

    def poll(self) -> int | None:
        return self.code

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has one."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.code is not None, timeout):
                raise TimeoutError(f"process {self.pid} has not ended in {timeout} s")
        assert self.code is not None
        return self.code


def start_worker(
    nursery: Nursery,
    settings: Settings,
    log: Path,
    impatient: Mapping[str, Any] | None,
    **extra: str,
) -> FaultWorker:
    """Start a worker.

    Args:
        nursery: where it comes from.
        settings: of the worker.
        log: where it writes to.
        impatient: Faust settings instead of ``IMPATIENT``; empty: the product's own, and a process
            as a user would start it.
        extra: settings as environment variables.
    """
    port = pick([])
    changes = IMPATIENT if impatient is None else impatient
    environment = environment_of(
        settings,
        **{"FRAUDSTREAM_METRICS_PORT": str(port), "IMPATIENT": json.dumps(dict(changes)), **extra},
    )
    if changes:
        return FaultWorker(nursery.start(environment, log), log, port)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "stream"], env=environment, cwd=log.parent,
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    return FaultWorker(process, log, port)
