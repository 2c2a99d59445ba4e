"""Prometheus as one process on loopback, where the program is installed."""

from __future__ import annotations

import json
import os
import shutil
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from core.errors import StackError
from stack.ports import LOOPBACK
from stack.service import Command, NotReadyError, Report

CONFIG = Path(__file__).resolve().parent.parent / "prometheus" / "prometheus.yml"
#: Rules whose results dashboards read.
RECORDING_RULES = CONFIG.parent / "rules" / "recording.yml"
#: Blocks older than this are deleted. Backfilled history has the dates of its events.
RETENTION = "20y"
_PROBE_S = 2.0
_DATA = "data"


class Prometheus:
    """The history of the metrics; scrapes what ``prometheus/prometheus.yml`` names."""

    name = "prometheus"
    usual_port = 9090
    start_timeout = 60.0
    stop_grace = 20.0

    def prepare(self, folder: Path, port: int, report: Report) -> Command:
        """The command for the installed program with this project's settings."""
        del report
        program = shutil.which(self.name)
        if program is None:
            raise StackError("prometheus is not on PATH: install it, or do without")
        folder.mkdir(parents=True, exist_ok=True)
        options = (
            f"--config.file={CONFIG}",
            f"--storage.tsdb.path={_data(folder)}",
            f"--storage.tsdb.retention.time={RETENTION}",
            f"--web.listen-address={LOOPBACK}:{port}",
        )
        return Command((program, *options), dict(os.environ))

    def probe(self, folder: Path, port: int) -> None:
        """Ask whether it is ready and where it keeps its data: that must be ``folder``."""
        _get(port, "/-/ready")
        try:
            place = json.loads(_get(port, "/api/v1/status/flags"))["data"]["storage.tsdb.path"]
        except (ValueError, KeyError, TypeError):
            place = ""
        if place != _data(folder):
            raise NotReadyError(f"port {port} belongs to another Prometheus")

    def address(self, port: int) -> str:
        """URL of its page and its API."""
        return f"http://{LOOPBACK}:{port}"


def is_installed() -> bool:
    """Whether there is a ``prometheus`` on PATH."""
    return shutil.which(Prometheus.name) is not None


def data_folder(root: Path) -> Path:
    """Where the Prometheus of the stack in ``root`` keeps its blocks."""
    return root / Prometheus.name / _DATA


def _data(folder: Path) -> str:
    return str(folder / _DATA)


def _get(port: int, path: str) -> bytes:
    connection = HTTPConnection(LOOPBACK, port, timeout=_PROBE_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, HTTPException) as error:
        raise NotReadyError(f"no answer from port {port}: {error}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise NotReadyError(f"port {port} answers {answer.status} to {path}")
    return body
