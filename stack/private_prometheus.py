"""A Prometheus that nobody else sees, for asking questions of blocks that are not in use yet.

It works on hard links of the blocks, so whatever it does to its folder leaves them as they are, and
it is gone when the context ends.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import psutil

from core.errors import StackError
from stack.ports import LOOPBACK, pick
from stack.process import exit_code, spawn, stop, tail
from stack.promtool import BLOCK_S, find_program

_START_S = 60.0
_ANSWER_S = 300.0
_POLL_S = 0.05
_PORT_TRIES = 3


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """A recording rule as Prometheus has read it."""

    name: str
    query: str
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RangeSeries:
    """What a query gives: labels, and samples as (Unix time, value as text)."""

    labels: Mapping[str, str]
    samples: list[tuple[float, str]]


class PrivatePrometheus:
    """Asks the server on a port of this machine; threads may do so at the same time."""

    def __init__(self, port: int) -> None:
        self._port = port

    def recording_rules(self) -> list[RecordingRule]:
        """All that it has loaded, in the order of the file."""
        groups = self._ask("/api/v1/rules", {"type": "record"})["groups"]
        return [
            RecordingRule(rule["name"], rule["query"], tuple(rule.get("labels", {}).items()))
            for group in groups
            for rule in group["rules"]
        ]

    def query_range(self, query: str, begin_s: int, end_s: int, step_s: int) -> list[RangeSeries]:
        """A query at every step from begin to end, both included."""
        asked: dict[str, str | int] = {
            "query": query,
            "start": begin_s,
            "end": end_s,
            "step": step_s,
        }
        return [
            RangeSeries(one["metric"], [(time, value) for time, value in one["values"]])
            for one in self._ask("/api/v1/query_range", asked)["result"]
        ]

    def major_version(self) -> int:
        """2 of 2.42.0."""
        return int(self._ask("/api/v1/status/buildinfo", {})["version"].partition(".")[0])

    def _ask(self, path: str, asked: Mapping[str, str | int]) -> Any:
        connection = HTTPConnection(LOOPBACK, self._port, timeout=_ANSWER_S)
        try:
            connection.request("GET", f"{path}?{urlencode(asked)}")
            content = orjson.loads(connection.getresponse().read())
        except (OSError, HTTPException, ValueError) as error:
            raise StackError(f"the temporary Prometheus does not answer {path}: {error}") from None
        finally:
            connection.close()
        if content.get("status") != "success":
            raise StackError(
                f"the temporary Prometheus refuses {dict(asked)}: {content.get('error', content)}"
            )
        return content["data"]


@contextmanager
def private_prometheus(
    blocks: Sequence[Path], folder: Path, rules: Path
) -> Iterator[PrivatePrometheus]:
    """Over the blocks below some folders, with rules it reads but has nothing to apply to.

    Args:
        blocks: folders with blocks, which had better not overlap: it would merge them.
        folder: of its own, on the same disk; made, and removed at the end.
        rules: a file of rules.

    Raises:
        StackError: Prometheus is missing, or does not start.
    """
    program = find_program("prometheus")
    data, config, log = folder / "data", folder / "prometheus.yml", folder / "log"
    try:
        data.mkdir(parents=True)
        for block in (block for some in blocks for block in some.iterdir()):
            shutil.copytree(block, data / block.name, copy_function=os.link)
        # JSON is YAML. Once a day is never for a server that lives for seconds.
        settings = {"global": {"evaluation_interval": "1d"}, "rule_files": [str(rules)]}
        config.write_text(json.dumps(settings), encoding="utf-8")
        options = (
            f"--config.file={config}", f"--storage.tsdb.path={data}",
            "--storage.tsdb.retention.time=100y",
            f"--storage.tsdb.max-block-duration={BLOCK_S // 3600}h",  # makes no longer ones of them
        )  # fmt: skip
        process, port = _started((program, *options), log)
        try:
            yield PrivatePrometheus(port)
        finally:
            stop(process, grace=0)  # nothing of it is kept
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _started(command: tuple[str, ...], log: Path) -> tuple[psutil.Process, int]:
    for _ in range(_PORT_TRIES):  # somebody else may be faster to take the port
        port = pick(())
        listen = f"--web.listen-address={LOOPBACK}:{port}"
        process = spawn((*command, listen), dict(os.environ), log)
        try:
            if _ready(process, port):
                return process, port
        except BaseException:
            stop(process, grace=0)
            raise
    raise StackError(f"the temporary Prometheus ended while starting:\n{tail(log)}")


def _ready(process: psutil.Process, port: int) -> bool:
    """Wait for it; False when it ended."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if exit_code(process.pid) is not None:
            return False
        connection = HTTPConnection(LOOPBACK, port, timeout=_POLL_S * 20)
        try:
            connection.request("GET", "/-/ready")
            if connection.getresponse().status == 200:
                return True
        except (OSError, HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(_POLL_S)
    raise StackError(f"the temporary Prometheus is not ready after {_START_S:.0f} s")
