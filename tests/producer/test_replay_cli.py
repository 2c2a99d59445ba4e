from __future__ import annotations

import json
import shlex
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.replay import replay
from core.errors import ConfigError
from core.kafka_admin import KafkaAdmin, ensure_topics
from core.names import Topic, Topics
from core.settings import Settings, load_settings
from tests.producer.csv_files import run_replay, start_replay, write_ecommerce
from tests.producer.topic_contents import contents, event_ids

pytestmark = pytest.mark.integration


def events_topic(settings: Settings) -> str:
    return Topics(settings.namespace).transactions("ecommerce").name


@cache
def admin_of(settings: Settings) -> KafkaAdmin:
    return KafkaAdmin(settings)


def stored(settings: Settings) -> int:
    """Events in the topic so far."""
    admin = admin_of(settings)
    topic = events_topic(settings)
    counts = admin.partitions()
    if topic not in counts:
        return 0
    return sum(admin.offsets({topic: counts[topic]}, end=True)[topic])


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_file_becomes_a_topic_and_a_summary(settings: Settings, tmp_path: Path) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", 300, broken=2)
    done = run_replay(settings, tmp_path, str(csv), "--json", "--partitions", "3")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["topic"] == events_topic(settings)
    assert (result["events"], result["rejected_lines"], result["failed"]) == (300, 2, 0)
    assert result["end"] == "complete"
    found = contents(settings, events_topic(settings))
    assert KafkaAdmin(settings).partitions()[events_topic(settings)] == 3
    assert len({one.value["event_id"] for one in found}) == len(found) == 300
    assert {one.value["purchase_value"] for one in found} == set(range(10, 100))


def test_no_broker_is_one_line_and_exit_code_1(tmp_path: Path) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", 3)
    done = run_replay(load_settings(kafka="127.0.0.1:9"), tmp_path, str(csv))
    assert done.returncode == 1
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: no Kafka broker answers at 127.0.0.1:9")
    assert "fraudstream stack up" in line


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_says_where_it_stopped_and_the_hint_goes_on(
    settings: Settings, tmp_path: Path, number: signal.Signals
) -> None:
    csv = write_ecommerce(tmp_path / "my shop.csv", 2_000)
    process = start_replay(settings, tmp_path, str(csv), "--rate", "400", "--limit", "1500")
    wait_for(lambda: stored(settings) > 100)
    process.send_signal(number)
    _out, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    last = errors.splitlines()[-1]
    assert last.startswith("stopped after ")
    assert "of 1,500 events" in last
    sent_before = stored(settings)
    assert f"stopped after {sent_before:,} " in last

    command = shlex.split(last.partition("go on with: ")[2])
    assert command[:2] == ["fraudstream", "replay"]
    command[command.index("--rate") + 1] = "100000"
    done = run_replay(settings, tmp_path, *command[2:], "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["events"], result["events_sent"]) == (1500, 1500 - sent_before)
    found = event_ids(settings, events_topic(settings))
    assert len(set(found)) == len(found) == 1500


def test_a_checkpoint_that_cannot_be_written_ends_the_replay_with_a_hint_that_goes_on(
    settings: Settings, tmp_path: Path
) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", 4_000)
    process = start_replay(settings, tmp_path, str(csv), "--rate", "400")
    wait_for(lambda: stored(settings) > 100)
    (written,) = tmp_path.rglob("replay/*.json")
    obstacle = written.with_suffix(".new")
    obstacle.mkdir()
    _out, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    last = errors.splitlines()[-1]
    assert last.startswith(f"error: checkpoint {written.relative_to(tmp_path)} cannot be written: ")
    assert 100 < stored(settings) < 4_000

    obstacle.rmdir()
    command = shlex.split(last.partition("go on with: ")[2])
    command[command.index("--rate") + 1] = "100000"
    done = run_replay(settings, tmp_path, *command[2:], "--json")
    assert done.returncode == 0, done.stderr
    found = event_ids(settings, events_topic(settings))
    assert len(set(found)) == len(found) == 4_000


def test_endless_laps_end_well_when_interrupted(settings: Settings, tmp_path: Path) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", 10)
    process = start_replay(settings, tmp_path, str(csv), "--loop", "--rate", "200")
    wait_for(lambda: stored(settings) > 25)
    process.send_signal(signal.SIGINT)
    _out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert f"stopped after {stored(settings)} events" in errors
    found = event_ids(settings, events_topic(settings))
    assert any(event_id.endswith("-l2") for event_id in found)
    assert len(set(found)) == len(found)


def test_refused_deliveries_are_counted_and_the_first_ten_listed(
    settings: Settings, tmp_path: Path
) -> None:
    ensure_topics(settings, [Topic(events_topic(settings), 30, max_message_bytes=100)], 1)
    csv = write_ecommerce(tmp_path / "shop.csv", 12)
    done = run_replay(settings, tmp_path, str(csv), "--json")
    assert done.returncode == 1
    result = json.loads(done.stdout)
    assert (result["failed"], len(result["failures"])) == (12, 10)
    listed = [line for line in done.stderr.splitlines() if line.startswith("not delivered")]
    assert len(listed) == 10
    assert "12 records were refused" in done.stderr
    assert stored(settings) == 0


@pytest.mark.parametrize(
    ("size", "rate"), [(40_000, []), (8_000, ["--rate", "2000"])], ids=["unpaced", "paced"]
)
def test_killed_replays_go_on_without_gap_or_repeat(
    settings: Settings, tmp_path: Path, size: int, rate: list[str]
) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", size)
    arguments = [str(csv), *rate, "--labels-after", "1h"]
    for share in (0.1, 0.7):
        process = start_replay(settings, tmp_path, *arguments, "--resume")

        def far_enough(share: float = share) -> bool:
            return stored(settings) > share * size or process.poll() is not None  # noqa: B023

        wait_for(far_enough)
        process.kill()
        process.communicate()
    done = run_replay(settings, tmp_path, *arguments, "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["events"] == size
    events = event_ids(settings, events_topic(settings))
    assert len(set(events)) == len(events) == size
    labels = event_ids(settings, Topics(settings.namespace).labels.name)
    assert labels == events
    latest: dict[int, str] = {}
    for one in contents(settings, events_topic(settings)):
        assert latest.get(one.partition, "") < one.value["purchase_time"]
        latest[one.partition] = one.value["purchase_time"]


def test_resuming_with_other_options_is_refused(settings: Settings, tmp_path: Path) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", 20)
    assert run_replay(settings, tmp_path, str(csv), "--limit", "5").returncode == 0
    done = run_replay(settings, tmp_path, str(csv), "--limit", "6", "--resume")
    assert done.returncode == 2
    assert "--limit 5" in done.stderr
    assert stored(settings) == 5


def test_fresh_has_a_namespace_of_its_own_and_says_which(
    settings: Settings, tmp_path: Path
) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", 20)
    done = run_replay(settings, tmp_path, str(csv), "--fresh", "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["namespace"] != settings.namespace
    assert f"FRAUDSTREAM_NAMESPACE={result['namespace']} fraudstream worker" in done.stderr
    assert stored(load_settings(kafka=settings.kafka, namespace=result["namespace"])) == 20
    assert stored(settings) == 0


def test_a_replay_shifted_to_now_ends_at_the_present(settings: Settings, tmp_path: Path) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", 20)
    before = datetime.now(UTC)
    done = run_replay(settings, tmp_path, str(csv), "--shift-to", "now")
    assert done.returncode == 0, done.stderr
    times = [
        datetime.fromisoformat(one.value["purchase_time"])
        for one in contents(settings, events_topic(settings))
    ]
    assert before <= max(times) <= datetime.now(UTC)
    assert (max(times) - min(times)).total_seconds() == 19 * 60


def test_start_end_and_loop_choose_what_is_sent(settings: Settings, tmp_path: Path) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", 20)
    window = ["--start", "2015-01-01T00:05", "--end", "2015-01-01T00:07:00Z"]
    done = run_replay(settings, tmp_path, str(csv), *window, "--loop", "--limit", "4")
    assert done.returncode == 0, done.stderr
    found = {
        one.value["purchase_time"]: one.value["event_id"]
        for one in contents(settings, events_topic(settings))
    }
    assert sorted(found) == [
        "2015-01-01T00:05:00.000Z",
        "2015-01-01T00:06:00.000Z",
        "2015-01-01T00:06:00.001Z",
        "2015-01-01T00:07:00.001Z",
    ]
    first, second, third, fourth = (found[time] for time in sorted(found))
    assert (third, fourth) == (f"{first}-l1", f"{second}-l1")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--rate", "5", "--speed", "2x"], "--rate and --speed"),
        (["--speed", "fast"], "--speed 'fast'"),
        (["--labels-after", "soon"], "--labels-after 'soon'"),
        (["--shift-to", "noon"], "--shift-to 'noon'"),
        (["--fresh", "--resume"], "--fresh"),
        (["--start", "first"], "--start 'first'"),
        (["--tz", "Mars"], "--tz 'Mars'"),
        (["--profile", "bank"], "FRAUDSTREAM_PROFILE='bank'"),
        (["--namespace", "A B"], "FRAUDSTREAM_NAMESPACE='A B'"),
    ],
)
def test_wrong_use_names_the_option(tmp_path: Path, arguments: list[str], named: str) -> None:
    app = typer.Typer()
    app.command()(replay)
    csv = write_ecommerce(tmp_path / "shop.csv", 1)
    result = CliRunner().invoke(app, [str(csv), *arguments])
    assert isinstance(result.exception, ConfigError)
    assert named in str(result.exception)
