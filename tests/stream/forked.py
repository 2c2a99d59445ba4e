"""Workers that are forked from one process, so that a test does not wait for their imports."""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parents[2]
_START_S = 60.0


def bare_environment(**extra: str) -> dict[str, str]:
    """The environment of a child process: ours without any setting, plus those given."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FRAUDSTREAM_")}
    return {**kept, "PYTHONPATH": str(ROOT), **extra}


class Process(Protocol):
    """What is needed of a process."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


class Nursery:
    """The process that workers are forked from; see ``tests.stream.nursery``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.stream.nursery"], env=bare_environment(), cwd=ROOT,
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


@functools.cache
def the_nursery() -> Nursery:
    """The one of this process; it ends with it."""
    nursery = Nursery()
    atexit.register(nursery.close)
    return nursery
