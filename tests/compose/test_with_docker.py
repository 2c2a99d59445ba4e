"""The whole compose stack with a Docker engine: built, brought up, fed with a sample, looked at."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from core.kafka_admin import KafkaAdmin
from core.names import Topics
from core.settings import load_settings
from tests.compose.compose_file import ENV_EXAMPLE
from tests.servers.ports import lasting_port
from tests.stream.forked import ROOT
from tests.stream.workers import Reader


def has_docker() -> bool:
    """Whether an engine answers, and its client knows Compose."""
    if shutil.which("docker") is None:
        return False
    asked = (("docker", "info"), ("docker", "compose", "version"))
    return not any(
        subprocess.run(words, capture_output=True, check=False, timeout=60).returncode
        for words in asked
    )


pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(
        not has_docker(), reason="`docker info` or `docker compose version` does not succeed"
    ),
]

_PORTS = ("KAFKA", "REDIS", "PROMETHEUS", "ALERTMANAGER", "GRAFANA")


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: its project and what it was started with."""

    project: str
    given: dict[str, str]

    def compose(self, *words: str, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [
                "docker", "compose", "--project-name", self.project,
                "--env-file", str(ENV_EXAMPLE), *words,
            ],
            cwd=ROOT,
            env={**os.environ, **self.given},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_s,
        )  # fmt: skip

    def get(self, name: str, path: str, password: str = "") -> Any:
        """JSON from a published port, as ``admin`` if a password is given."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.given[f'{name}_PORT']}{path}")
        if password:
            token = base64.b64encode(f"admin:{password}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def value(self, expression: str) -> float:
        """What Prometheus says of an expression with one result; 0 where it has none."""
        query = urllib.parse.urlencode({"query": expression})
        found = self.get("PROMETHEUS", f"/api/v1/query?{query}")["data"]["result"]
        return float(found[0]["value"][1]) if found else 0.0

    def until(self, expression: str, expected: float, timeout_s: float = 120) -> None:
        deadline = time.monotonic() + timeout_s
        while (seen := self.value(expression)) != expected:
            assert time.monotonic() < deadline, f"{expression} is {seen}, not {expected}"
            time.sleep(2)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Everything up, the sample replayed; removed with its volumes at the end."""
    given = {
        "COMPOSE_PROFILES": "test",
        "SAMPLE_ROWS": "3000",
        "REPLAY_RATE": "1000",
        "GRAFANA_ADMIN_PASSWORD": secrets.token_hex(12),
        "REDIS_PASSWORD": secrets.token_hex(12),
        **{f"{name}_PORT": str(lasting_port()) for name in _PORTS},
    }
    found = Stack(f"fraudstream-test-{secrets.token_hex(4)}", given)
    try:
        up = found.compose("up", "--build", "--detach", timeout_s=2400)
        assert up.returncode == 0, up.stderr[-4000:]
        yield found
    finally:
        found.compose("down", "--volumes", "--timeout", "30")


def test_the_sample_is_scored_and_every_count_agrees(stack: Stack) -> None:
    checked = stack.compose("wait", "check", timeout_s=900)
    assert checked.returncode == 0, stack.compose("logs", "--no-color").stdout[-8000:]
    own = load_settings(kafka=f"127.0.0.1:{stack.given['KAFKA_PORT']}")
    topic = Topics(own.namespace).transactions(own.profile).name
    admin = KafkaAdmin(own)
    sent = sum(admin.offsets({topic: admin.partitions()[topic]}, end=True)[topic])
    assert 0 < sent < 3000
    reader = Reader(own)
    found = reader.read_until(sent)
    reader.close()
    assert len(found.scored_ids) == sent
    stack.until("sum(fraudstream_transactions_total)", sent)
    stack.until("sum(fraudstream_alerts_total)", len({one["event_id"] for one in found.alerts}))


def test_prometheus_follows_the_number_of_workers(stack: Stack) -> None:
    scaled = stack.compose("up", "--detach", "--no-recreate", "--scale", "worker=2", "worker")
    assert scaled.returncode == 0, scaled.stderr[-4000:]
    stack.until('count(up{job="fraudstream-worker"} == 1)', 2)


def test_prometheus_has_its_rules_and_its_alertmanager(stack: Stack) -> None:
    groups = stack.get("PROMETHEUS", "/api/v1/rules")["data"]["groups"]
    assert groups
    assert {rule["health"] for group in groups for rule in group["rules"]} <= {"ok", "unknown"}
    active = stack.get("PROMETHEUS", "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]
    assert [one["url"] for one in active] == ["http://alertmanager:9093/api/v2/alerts"]
    assert stack.get("ALERTMANAGER", "/api/v2/status")["config"]["original"]


def test_grafana_shows_every_dashboard_to_whoever_looks_and_its_data_sources_answer(
    stack: Stack,
) -> None:
    shown = {one["uid"] for one in stack.get("GRAFANA", "/api/search?type=dash-db")}
    files = (ROOT / "grafana" / "dashboards").glob("*.json")
    assert shown == {json.loads(file.read_text("utf-8"))["uid"] for file in files}
    password = stack.given["GRAFANA_ADMIN_PASSWORD"]
    for uid in ("prometheus", "prometheus-history"):
        health = stack.get("GRAFANA", f"/api/datasources/uid/{uid}/health", password)
        assert health["status"] == "OK", health


def test_no_container_is_root_or_can_write_where_it_should_not(stack: Stack) -> None:
    ids = stack.compose("ps", "--quiet").stdout.split()
    asked = subprocess.run(["docker", "inspect", *ids], capture_output=True, check=True)
    for one in json.loads(asked.stdout):
        name = one["Name"]
        assert one["HostConfig"]["ReadonlyRootfs"], name
        assert one["Config"]["User"] not in {"", "root", "0"}, name
        assert one["HostConfig"]["CapDrop"] == ["ALL"], name
        ports = one["HostConfig"]["PortBindings"] or {}
        assert {b["HostIp"] for each in ports.values() for b in each} <= {"127.0.0.1"}, name
