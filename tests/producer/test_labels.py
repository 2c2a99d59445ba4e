"""``fraudstream labels`` against a real broker."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer
from typer.testing import CliRunner, Result

from cli.labels import labels
from core.errors import BrokerError, ConfigError
from core.messages import Label
from core.names import Topics
from core.settings import Settings
from tests.producer.csv_files import write_ecommerce
from tests.producer.topic_contents import Stored, contents

pytestmark = pytest.mark.integration
app = typer.Typer()
app.command()(labels)


@pytest.fixture
def run(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)  # where rejects go
    monkeypatch.setenv("FRAUDSTREAM_KAFKA", settings.kafka)
    monkeypatch.setenv("FRAUDSTREAM_NAMESPACE", settings.namespace)

    def command(*arguments: str) -> Result:
        return CliRunner().invoke(app, [*arguments, "--json"])

    return command


def sent(settings: Settings) -> list[Stored]:
    found = contents(settings, Topics(settings.namespace).labels.name)
    for one in found:
        assert msgspec.convert(one.value, Label).event_id == one.key
    return found


def by_event(settings: Settings) -> dict[str, list[Any]]:
    """Event → its labels, in the order in which they lie in the topic."""
    found: dict[str, list[Any]] = {}
    for one in sent(settings):
        found.setdefault(one.key, []).append(one.value)
    return found


def test_outcomes_go_out_as_they_became_known(run: Any, settings: Settings, tmp_path: Path) -> None:
    csv = tmp_path / "chargebacks.csv"
    csv.write_text(
        "event_id,label,labelled_at,source\n"
        "a,0,2026-03-01,analyst\n"
        "a,1,2026-01-01,bank\n"
        "b,1,2026-02-01,\n"
        "c,perhaps,,\n"
        "d,0,,\n"
    )
    before = datetime.now(UTC)
    done = run(str(csv), "--source", "mail")
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)
    assert (result["labels_sent"], result["rejected_lines"], result["failed"]) == (4, 1, 0)
    found = by_event(settings)
    assert [(one["label"], one["source"], one["labelled_at"]) for one in found["a"]] == [
        (1, "bank", "2026-01-01T00:00:00.000Z"),
        (0, "analyst", "2026-03-01T00:00:00.000Z"),
    ]
    assert [one["source"] for one in found["b"]] == ["mail"]
    (unsaid,) = found["d"]
    known = datetime.fromisoformat(unsaid["labelled_at"])
    assert timedelta(seconds=-1) < known - before < timedelta(minutes=1)
    assert "3," not in (tmp_path / "chargebacks.rejects.csv").read_text().splitlines()[0]
    assert "bad_label" in (tmp_path / "chargebacks.rejects.csv").read_text()


def test_labels_of_transactions_have_the_ids_of_their_replay(
    run: Any, settings: Settings, tmp_path: Path
) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", 50, broken=1)
    done = run(str(csv), "--after", "30d")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["labels_sent"] == 50
    found = by_event(settings)
    assert len(found) == 50
    # Newest first in the file: line 2 holds the last purchase, of minute 49.
    (last,) = [one for name, (one,) in found.items() if name.endswith(f"{2:012}")]
    assert last["labelled_at"] == "2015-01-31T00:49:00.000Z"
    assert sum(one["label"] for (one,) in found.values()) == 5


def test_what_is_not_known_yet_stays(run: Any, settings: Settings, tmp_path: Path) -> None:
    csv = write_ecommerce(tmp_path / "shop.csv", 10)
    done = run(str(csv), "--after", "100000d")
    result = json.loads(done.stdout)
    assert (done.exit_code, result["labels_sent"], result["in_the_future"]) == (0, 0, 10)


def test_wrong_use(run: Any, tmp_path: Path) -> None:
    csv = tmp_path / "o.csv"
    csv.write_text("event_id,label\na,1\n")
    assert isinstance(run(str(csv), "--after", "30d").exception, ConfigError)
    assert isinstance(run(str(csv), "--after", "soon").exception, ConfigError)


def test_no_broker_is_one_line(run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    csv = tmp_path / "o.csv"
    csv.write_text("event_id,label\na,1\n")
    monkeypatch.setenv("FRAUDSTREAM_KAFKA", "127.0.0.1:9")
    assert isinstance(run(str(csv)).exception, BrokerError)
