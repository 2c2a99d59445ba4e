"""A worker process that can be frozen, weighed and asked for its metrics."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import URLError

import psutil

from core.settings import Settings
from stack.ports import LOOPBACK, pick
from tests.stream.forked import Process, the_nursery
from tests.stream.workers import environment_of

#: Kafka gives a dead worker's partitions to others after three seconds instead of ten.
IMPATIENT = {"broker_session_timeout": 3.0, "broker_heartbeat_interval": 0.5}
_START_S = 60.0


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


def start_worker(
    settings: Settings,
    log: Path,
    impatient: Mapping[str, Any] | None,
    **extra: str,
) -> FaultWorker:
    """Start a worker.

    Args:
        settings: of the worker.
        log: where it writes to.
        impatient: Faust settings instead of ``IMPATIENT``.
        extra: settings as environment variables.
    """
    port = pick([])
    changes = IMPATIENT if impatient is None else impatient
    environment = environment_of(
        settings,
        **{"FRAUDSTREAM_METRICS_PORT": str(port), "IMPATIENT": json.dumps(dict(changes)), **extra},
    )
    return FaultWorker(the_nursery().start(environment, log), log, port)
