from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import typer
from confluent_kafka import Producer
from typer.testing import CliRunner, Result

from cli.alerts import alert_line, alerts
from core.errors import BrokerError, ConfigError
from core.kafka_admin import CLIENT_LOG, ensure_topics
from core.messages import Alert, ModelRef, Origin, Reason, RuleHit
from core.names import Topics
from core.settings import Settings
from tests.producer.csv_files import environment


def alert(number: int, **changes: object) -> Alert:
    """An alert; whatever is not given is plain."""
    made = Alert(
        alert_id="6ba7b810-9dad-51d1-80b4-00c04fd430c8",
        event_id=f"e{number}",
        profile="ecommerce",
        event_time=f"2015-01-03T12:00:{number:02}.000Z",
        user_id=f"user{number}",
        device_id="d",
        ip_address="203.0.113.7",
        country="NL",
        amount=34.5,
        browser="Chrome",
        source="SEO",
        score=0.9731,
        threshold=0.5,
        severity="critical",
        decision="block",
        reasons=[
            Reason(code="deviation", feature="f", value=1.0, contribution=2.0, text="first reason"),
            Reason(code="deviation", feature="g", value=1.0, contribution=1.0, text="second"),
        ],
        rules=[],
        model=ModelRef(name="m", version="1", digest="0" * 64),
        features={"f": 1.0},
        scored_at="2015-01-03T12:00:01.000Z",
        origin=Origin(topic="transactions", partition=0, offset=number),
    )
    return msgspec.structs.replace(made, **changes)


class Board:
    """Publishes to ``fraud-alerts`` of the test's namespace, over four partitions."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.topic = Topics(settings.namespace).alerts
        ensure_topics(settings, [self.topic], 4)
        self._producer = Producer(settings.confluent_config(), logger=CLIENT_LOG)

    def publish(self, *values: Alert | bytes) -> None:
        for value in values:
            raw = value if isinstance(value, bytes) else msgspec.json.encode(value)
            key = value.event_id if isinstance(value, Alert) else "k"
            self._producer.produce(self.topic.name, raw, key)
            # One at a time, each in a millisecond of its own: broker times then tell the order.
            assert self._producer.flush(10) == 0
            time.sleep(0.002)


def point_to(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDSTREAM_KAFKA", settings.kafka)
    monkeypatch.setenv("FRAUDSTREAM_NAMESPACE", settings.namespace)


@pytest.fixture
def board(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Board:
    point_to(settings, monkeypatch)
    return Board(settings)


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(alerts)
    return CliRunner().invoke(app, list(arguments))


def ids(result: Result) -> list[str]:
    assert result.exit_code == 0, result.exception
    return [json.loads(line)["event_id"] for line in result.stdout.splitlines()]


@pytest.mark.integration
def test_json_is_what_was_published_in_that_order(board: Board) -> None:
    published = [alert(number) for number in range(20)]
    board.publish(*published)
    result = run("--json")
    assert result.exit_code == 0
    assert [msgspec.json.decode(line, type=Alert) for line in result.stdout.splitlines()] == (
        published
    )


@pytest.mark.integration
def test_people_get_a_header_and_one_line_per_alert(board: Board) -> None:
    board.publish(alert(1), alert(2, decision="review", severity="medium"))
    header, first, second = run().stdout.splitlines()
    assert header.split()[:4] == ["event", "time", "(UTC)", "severity"]
    for part in ("2015-01-03 12:00:01", "critical", "block", "0.973", "34.50", "NL", "user1"):
        assert part in first
    assert first.endswith("first reason")
    assert "medium" in second
    assert "second" not in second


@pytest.mark.integration
def test_the_first_alert_of_an_event_stands(board: Board) -> None:
    board.publish(alert(1, score=0.8), alert(2), alert(1, score=0.9))
    lines = [json.loads(line) for line in run("--json").stdout.splitlines()]
    assert [(line["event_id"], line["score"]) for line in lines] == [("e1", 0.8), ("e2", 0.9731)]


@pytest.mark.integration
def test_limit_keeps_the_newest(board: Board) -> None:
    board.publish(*(alert(number) for number in range(9)))
    assert ids(run("--json", "--limit", "2")) == ["e7", "e8"]


@pytest.mark.integration
def test_other_profiles_are_left_out_and_mentioned(board: Board) -> None:
    board.publish(alert(1, profile="banking"))
    result = run("--json")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "1 alerts of other profiles" in result.stderr
    assert ids(run("--json", "--profile", "banking")) == ["e1"]


@pytest.mark.integration
def test_what_is_no_alert_is_counted_and_left_out(board: Board) -> None:
    board.publish(b"{", b"[]", b'{"event_id":"x"}', alert(1))
    result = run("--json")
    assert ids(result) == ["e1"]
    assert "3 messages" in result.stderr


@pytest.mark.integration
def test_from_an_age_or_the_end_leaves_out_what_is_older(board: Board) -> None:
    board.publish(alert(1))
    assert ids(run("--json", "--from", "1h")) == ["e1"]
    assert ids(run("--json", "--from", "2015-01-01T00:00Z")) == ["e1"]
    assert run("--json", "--from", "0s").stdout == ""
    assert run("--json", "--from", "end").stdout == ""


@pytest.mark.integration
def test_reading_leaves_no_consumer_group(board: Board) -> None:
    from confluent_kafka.admin import AdminClient

    board.publish(alert(1))
    client = AdminClient(board.settings.confluent_config(), logger=CLIENT_LOG)
    before = {group.group_id for group in client.list_consumer_groups().result().valid}
    assert ids(run("--json")) == ids(run("--json")) == ["e1"]
    after = {group.group_id for group in client.list_consumer_groups().result().valid}
    assert after - before == set()


@pytest.mark.integration
def test_no_topic_yet_is_no_error(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(settings, monkeypatch)
    result = run()
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no alerts" in result.stderr


@pytest.fixture
def follower(board: Board, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", "alerts", "--follow", "--json"],
        cwd=tmp_path,
        env=environment(board.settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.mark.integration
def test_follow_prints_alerts_as_they_come_until_interrupted(
    board: Board, follower: subprocess.Popen[str]
) -> None:
    board.publish(alert(1))
    assert follower.stdout is not None
    assert json.loads(follower.stdout.readline())["event_id"] == "e1"
    board.publish(alert(2), alert(1), alert(3))
    assert json.loads(follower.stdout.readline())["event_id"] == "e2"
    assert json.loads(follower.stdout.readline())["event_id"] == "e3"
    follower.send_signal(signal.SIGINT)
    rest, errors = follower.communicate(timeout=20)
    assert (follower.returncode, rest, errors) == (0, "", "")


def test_control_characters_do_not_reach_the_terminal() -> None:
    line = alert_line(alert(1, user_id="\x1b[31mu\n", country="\x9bN"))
    assert "?[31mu?" in line
    assert "?N" in line
    assert "\n" not in line
    assert "\x9b" not in line


def test_an_alert_without_user_country_or_reason_is_still_a_line() -> None:
    hit = RuleHit(name="card_testing", action="review", shadow=False, severity="low", reason="")
    line = alert_line(alert(1, user_id=None, country=None, reasons=[], rules=[hit]))
    assert line.endswith("card_testing")
    assert " -  " in line


def test_small_amounts_keep_their_decimals() -> None:
    assert "0.0001" in alert_line(alert(1, amount=0.0001))
    assert "1,234.50" in alert_line(alert(1, amount=1234.5))


def test_an_unknown_beginning_is_wrong_use() -> None:
    result = run("--from", "yesterday")
    assert isinstance(result.exception, ConfigError)
    assert "'yesterday'" in str(result.exception)


def test_no_broker_is_a_broker_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDSTREAM_KAFKA", "127.0.0.1:9")
    result = run()
    assert isinstance(result.exception, BrokerError)
    assert "fraudstream stack up" in str(result.exception)
