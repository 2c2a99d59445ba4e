"""A full disk under what a replay writes: one line says so; nothing is lost or doubled for it."""

from __future__ import annotations

import json
import resource
import subprocess
import time
from pathlib import Path

import pytest

from core.kafka_admin import KafkaAdmin
from core.names import Topics
from core.settings import Settings
from tests.faults.scale import scaled
from tests.producer.csv_files import run_replay, start_replay, write_ecommerce
from tests.producer.topic_contents import event_ids

GOOD = scaled(2_000)
BROKEN = 500
#: Less than the rejected lines need, more than anything else does.
ROOM_BYTES = 8_192
#: A device that opens like a file and never has any room.
FULL = Path("/dev/full")


@pytest.fixture
def csv(tmp_path: Path) -> Path:
    return write_ecommerce(tmp_path / "shop.csv", GOOD, broken=BROKEN)


def replay_with_room_for(
    size: int, settings: Settings, folder: Path, *arguments: str
) -> subprocess.Popen[str]:
    """A replay none of whose files may grow beyond ``size``."""
    process = start_replay(settings, folder, *arguments)
    fill_up(process, size)
    return process


def fill_up(process: subprocess.Popen[str], size: int) -> None:
    """From now on the files of the process may not grow beyond ``size``."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size, hard))


def the_only_line(process: subprocess.Popen[str]) -> str:
    """What an ended replay said: one line, and no result."""
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    assert out == ""
    (line,) = errors.splitlines()
    assert line.startswith("error: ")
    return line


def stored(settings: Settings) -> int:
    """Events in the topic so far."""
    admin = KafkaAdmin(settings)
    topic = Topics(settings.namespace).transactions("ecommerce").name
    counts = admin.partitions()
    return sum(admin.offsets({topic: counts[topic]}, end=True)[topic]) if topic in counts else 0


def assert_complete(settings: Settings) -> None:
    """Every good line is in the topic, once."""
    found = event_ids(settings, Topics(settings.namespace).transactions("ecommerce").name)
    assert len(set(found)) == len(found) == GOOD


def test_no_room_for_the_rejected_lines_is_one_line_before_anything_is_sent(
    settings: Settings, csv: Path, tmp_path: Path
) -> None:
    process = start_replay(settings, tmp_path, str(csv), "--rejects", str(FULL))
    line = the_only_line(process)
    assert str(FULL) in line
    assert "No space left on device" in line
    assert "--rejects" in line
    assert stored(settings) == 0


def test_room_for_some_of_the_rejected_lines_is_none_and_the_next_replay_is_whole(
    settings: Settings, csv: Path, tmp_path: Path
) -> None:
    rejects = tmp_path / "rejects.csv"
    process = replay_with_room_for(
        ROOM_BYTES, settings, tmp_path, str(csv), "--rejects", str(rejects)
    )
    line = the_only_line(process)
    assert str(rejects) in line
    assert "File too large" in line
    assert stored(settings) == 0

    done = run_replay(settings, tmp_path, str(csv), "--rejects", str(rejects), "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["events_sent"], result["rejected_lines"]) == (GOOD, BROKEN)
    assert len(rejects.read_text().splitlines()) == BROKEN + 1
    assert_complete(settings)


def test_a_disk_that_fills_up_on_the_way_ends_the_replay_and_resume_goes_on_without_a_repeat(
    settings: Settings, tmp_path: Path
) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", GOOD)
    process = start_replay(settings, tmp_path, str(csv), "--rate", str(GOOD // 10))
    deadline = time.monotonic() + 60
    while stored(settings) < GOOD // 20:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    fill_up(process, 16)
    _, errors = process.communicate(timeout=60)
    assert process.returncode, "it went on without being able to say where it stands"
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith("error: checkpoint ")
    assert "File too large" in errors.splitlines()[-1]
    before = stored(settings)
    assert 0 < before < GOOD

    done = run_replay(settings, tmp_path, str(csv), "--resume", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["events_sent"] == GOOD - before
    assert_complete(settings)
