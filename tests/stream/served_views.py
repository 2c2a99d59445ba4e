"""The views of a namespace as a process of its own, with its projector."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.settings import Settings
from tests.stream.forked import ROOT
from tests.stream.workers import environment_of


@contextmanager
def served_views(settings: Settings, log: Path, **extra: str) -> Iterator[str]:
    """Serve at ``settings.views_port``; gives the address once it answers, and stops at the end."""
    environment = environment_of(settings, FRAUDSTREAM_VIEWS_PORT=str(settings.views_port), **extra)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "views"], env=environment, cwd=ROOT,
            stdout=subprocess.PIPE, stderr=output, text=True,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert "http://" in line, log.read_text()
        yield line.rsplit(" ", 1)[1].strip().rstrip("/")
        process.terminate()
        assert process.wait(30) == 0, log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()
