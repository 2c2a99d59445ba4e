"""A Prometheus of the tests' own: it scrapes nothing, unless told, and keeps what it is given."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from grafana.asking import QueryError, at_once
from tests.servers.ports import lasting_port

_START_S = 60.0


def needs(*programs: str) -> None:
    """Skip the test where one of the programs is missing."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on PATH: install Prometheus")


class OwnPrometheus:
    """One process on loopback.

    Args:
        folder: for its files.
        config: of what it does; nothing, unless told.
    """

    def __init__(self, folder: Path, config: Mapping[str, Any] | None = None) -> None:
        self._folder = folder
        self.data = folder / "data"
        self.data.mkdir(parents=True, exist_ok=True)
        (folder / "prometheus.yml").write_text(
            yaml.safe_dump(dict(config or {"scrape_configs": []}))
        )
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        """Start it; returns when it answers."""
        port = lasting_port()
        self.url = f"http://127.0.0.1:{port}"
        options = (
            f"--config.file={self._folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.data}",
            "--storage.tsdb.retention.time=20y",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(["prometheus", *options], stdout=log, stderr=log)
        until = time.monotonic() + _START_S
        while True:
            try:
                at_once(self.url, "vector(1)", 0)
                return
            except QueryError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError((self._folder / "log").read_text()) from None
                time.sleep(0.1)

    def stop(self) -> None:
        """Stop it; what it keeps stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def take_openmetrics(self, text: Path) -> None:
        """Make blocks of samples with times; to be called while it is stopped."""
        self._promtool("openmetrics", str(text), str(self.data))

    def take_rules(self, rules: Path, start: int, end: int, step_s: int) -> None:
        """Make blocks of what rules would have recorded; it reads them when it restarts."""
        times = (f"--start={start}", f"--end={end}", f"--eval-interval={step_s}s")
        output = f"--output-dir={self.data}"
        self._promtool("rules", f"--url={self.url}", *times, output, str(rules))

    def _promtool(self, *arguments: str) -> None:
        command = ["promtool", "tsdb", "create-blocks-from", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
