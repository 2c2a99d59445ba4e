"""The local stack's Prometheus takes the settings and evaluates every rule."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from stack.ports import LOOPBACK, pick
from stack.prometheus import Prometheus
from stack.service import NotReadyError
from tests.prometheus.rule_files import program, rules

_PATIENCE_S = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[int]:
    """The port of a Prometheus as ``fraudstream stack up`` runs it."""
    program("prometheus")
    service, port = Prometheus(), pick(())
    command = service.prepare(tmp_path / "prometheus", port, lambda _: None)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command.argv, env=command.environ, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            assert process.poll() is None, (tmp_path / "log").read_text()
            try:
                service.probe(tmp_path / "prometheus", port)
                break
            except NotReadyError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


def ask(port: int, path: str) -> Any:
    connection = HTTPConnection(LOOPBACK, port, timeout=5)
    connection.request("GET", path)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["data"]


def test_prometheus_evaluates_every_rule_and_asks_for_an_alertmanager(server: int) -> None:
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        found = [
            rule for group in ask(server, "/api/v1/rules")["groups"] for rule in group["rules"]
        ]
        # A rule is `unknown` until its group's first turn, which is up to 15 s away.
        if all(rule["health"] != "unknown" for rule in found) or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert {(rule["name"], rule["health"]) for rule in found} == {
        (rule.get("alert") or rule["record"], "ok") for rule in (*rules("alert"), *rules("record"))
    }
    assert len(found) == len(rules("alert")) + len(rules("record"))
    (alertmanager,) = ask(server, "/api/v1/alertmanagers")["activeAlertmanagers"]
    assert alertmanager["url"] == "http://127.0.0.1:9093/api/v2/alerts"
