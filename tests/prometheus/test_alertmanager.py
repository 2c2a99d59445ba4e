"""Who hears of which alert, and which alerts are silenced by others."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from stack.ports import LOOPBACK, listens, pick
from tests.prometheus.rule_files import ALERTMANAGER, program, rules, run

RECEIVERS = {"critical": "now", "warning": "today", "info": "this-week"}
_PATIENCE_S = 20.0


def alert(name: str, severity: str, **labels: str) -> dict[str, str]:
    return {"alertname": f"Fraudstream{name}", "severity": severity, **labels}


ALL_DOWN = alert("WorkerDown", "critical")
ONE_DOWN = alert("WorkerDown", "warning", instance="b")
STALLED = alert("CommitStalled", "critical", instance="a")
FLOOD = alert("AlertFlood", "warning", profile="ecommerce")

#: What is firing, what else is firing, whether the second is silenced.
PAIRS = [
    (ALL_DOWN, ONE_DOWN, True),
    (ALL_DOWN, alert("NoEvents", "critical", profile="ecommerce"), True),
    (ALL_DOWN, alert("ConsumerLagGrowing", "warning", topic="transactions"), True),
    (ALL_DOWN, STALLED, True),
    (ALL_DOWN, alert("LatencyHigh", "critical"), True),
    (ALL_DOWN, alert("ModelMissing", "critical", instance="a"), True),
    (ALL_DOWN, alert("RedisErrors", "warning"), False),
    (ALL_DOWN, alert("AlertShareHigh", "critical", profile="ecommerce"), False),
    (ONE_DOWN, alert("ConsumerLagGrowing", "warning", topic="transactions"), True),
    (ONE_DOWN, alert("CommitStalled", "warning", instance="a"), True),
    (ONE_DOWN, alert("WorkerRestarting", "warning", instance="b"), True),
    (ONE_DOWN, STALLED, False),
    (ONE_DOWN, alert("NoEvents", "critical", profile="ecommerce"), False),
    (STALLED, alert("CommitStalled", "warning", instance="a"), True),
    (STALLED, alert("ConsumerLagGrowing", "warning", topic="transactions"), True),
    (STALLED, alert("NoEvents", "critical", profile="ecommerce"), False),
    (FLOOD, alert("CountrySurge", "warning", profile="ecommerce", country="BR"), True),
    (FLOOD, alert("BrowserSurge", "warning", profile="ecommerce", browser="Opera"), True),
    (FLOOD, alert("BrowserSurge", "warning", profile="other", browser="Opera"), False),
    (FLOOD, alert("AlertShareHigh", "warning", profile="ecommerce"), False),
    (alert("AlertShareHigh", "critical", profile="ecommerce"),
     alert("AlertShareHigh", "warning", profile="ecommerce"), True),
    (alert("AlertShareHigh", "critical", profile="ecommerce"),
     alert("AlertShareHigh", "warning", profile="banking"), False),
    (alert("ModelStale", "info", version="v1"), alert("RedisErrors", "warning"), False),
]  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an Alertmanager with the project's settings."""
    binary = program("alertmanager", "prometheus-alertmanager")
    folder, port = tmp_path_factory.mktemp("alertmanager"), pick(())
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                binary, f"--config.file={ALERTMANAGER}", f"--storage.path={folder / 'data'}",
                f"--web.listen-address={LOOPBACK}:{port}", "--cluster.listen-address=",
            ],
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        deadline = time.monotonic() + _PATIENCE_S
        while not listens(port):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait()


def ask(port: int, method: str, path: str, body: object = None) -> Any:
    connection = HTTPConnection(LOOPBACK, port, timeout=5)
    connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == 200, content
    return json.loads(content) if content else None


def test_amtool_accepts_the_settings() -> None:
    assert "SUCCESS" in run(program("amtool"), "check-config", ALERTMANAGER)


def test_the_commented_examples_are_settings_that_amtool_accepts(tmp_path: Path) -> None:
    before, receivers = ALERTMANAGER.read_text().split("\nreceivers:\n")
    filled = tmp_path / "alertmanager.yml"
    examples = re.sub(r"^    # ", "    ", receivers, flags=re.M)
    assert examples.count("_configs:") == len(RECEIVERS)
    filled.write_text(f"{before}\nreceivers:\n{examples}")
    assert "SUCCESS" in run(program("amtool"), "check-config", filled)


def test_no_secret_is_written_into_the_settings() -> None:
    secrets = re.findall(
        r"\b(\w*(?:password|key|token|secret|api_url)\w*):", ALERTMANAGER.read_text()
    )
    assert secrets
    assert all(name.endswith("_file") for name in secrets)


@pytest.mark.parametrize(
    ("name", "severity"),
    sorted({(rule["alert"], rule["labels"]["severity"]) for rule in rules("alert")}),
)
def test_an_alert_goes_to_the_receiver_of_its_severity(name: str, severity: str) -> None:
    said = run(
        program("amtool"), "config", "routes", "test", f"--config.file={ALERTMANAGER}",
        f"alertname={name}", f"severity={severity}", "job=fraudstream-worker",
    )  # fmt: skip
    assert said.strip() == RECEIVERS[severity]


def test_an_alert_of_somebody_else_reaches_somebody() -> None:
    said = run(
        program("amtool"), "config", "routes", "test", f"--config.file={ALERTMANAGER}",
        "alertname=DiskFull",
    )  # fmt: skip
    assert said.strip() == "today"


def test_pairs_are_of_alerts_that_exist() -> None:
    existing = {(rule["alert"], rule["labels"]["severity"]) for rule in rules("alert")}
    assert {(one["alertname"], one["severity"]) for pair in PAIRS for one in pair[:2]} <= existing


def test_an_alert_silences_what_follows_from_it_and_nothing_else(server: int) -> None:
    """Each pair has a job of its own, so that only the two can silence each other."""
    sent = [
        {"labels": {**labels, "job": f"{number}"}}
        for number, (first, second, _) in enumerate(PAIRS)
        for labels in (first, second)
    ]
    ask(server, "POST", "/api/v2/alerts", sent)
    expected = {
        f"{number}": {second["alertname"] + second["severity"]} if silenced else set()
        for number, (_, second, silenced) in enumerate(PAIRS)
    }
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        known = ask(server, "GET", "/api/v2/alerts")
        found: dict[str, set[str]] = {f"{number}": set() for number in range(len(PAIRS))}
        for one in known:
            if one["status"]["inhibitedBy"]:
                labels = one["labels"]
                found[labels["job"]].add(labels["alertname"] + labels["severity"])
        if (len(known) == len(sent) and found == expected) or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert found == expected
    assert len(known) == len(sent)
