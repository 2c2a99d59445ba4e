"""``docs/contract.md`` is true: its examples, tables and consumer are those of the code."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import typer
from confluent_kafka import Producer
from pydantic import SecretStr

from core.kafka_admin import ensure_topics
from core.messages import Alert, Label, Score
from core.metrics import OF_WORKER
from core.names import DAY_MS, LIVE, PROFILES, Header, RejectCode, Topics
from core.settings import Settings
from docs.build_schemas import MESSAGES, schema_files
from features.validation import decode
from model.drift.drift import Drift, FeatureDrift
from model.rules.rule import Hit
from model.rules.rule_set import NO_RULES
from stream.metrics import WorkerMetrics

PAGE = (Path(__file__).parents[1] / "docs" / "contract.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```json (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
CONSUMER = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[-1]
NOW_MS = 1_800_000_000_000


def table(first_column: str) -> dict[str, list[str]]:
    """Rows of the table whose first column is called so: first cell → the other cells."""
    rows: dict[str, list[str]] = {}
    lines = iter(PAGE.splitlines())
    for line in lines:
        if line.startswith(f"| {first_column} |"):
            next(lines)
            for row in lines:
                if not row.startswith("|"):
                    break
                first, *others = (cell.strip() for cell in row.strip("|").split("|"))
                rows[first.strip("`")] = others
            return rows
    raise AssertionError(f"no table begins with {first_column}")


def test_there_is_an_example_of_every_message() -> None:
    assert sorted(name for name, _ in EXAMPLES) == sorted(MESSAGES)


@pytest.mark.parametrize(("name", "text"), EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_examples_fit_their_schemas_and_hold_every_field(name: str, text: str) -> None:
    example = json.loads(text)
    schema = json.loads(schema_files()[f"{name}.json"])
    jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    ).validate(example)
    optional = {"schema"}
    assert set(schema["properties"]) - optional == set(example) - optional
    assert isinstance(msgspec.json.decode(text, type=MESSAGES[name]), MESSAGES[name])


@pytest.mark.parametrize("profile", PROFILES)
def test_example_events_are_accepted(profile: str) -> None:
    text = dict(EXAMPLES)[f"{profile}-event"]
    assert not decode(profile, [text.encode()], [NOW_MS], 0).rejected


def test_outcomes_name_the_same_event_in_the_same_way() -> None:
    shared = set(Alert.__struct_fields__) & set(Score.__struct_fields__)
    assert {"event_id", "profile", "alert_id", "event_time", "score", "decision"} <= shared
    assert {"event_id", "profile"} <= set(Label.__struct_fields__)


def test_settings_are_those_of_the_code() -> None:
    def written(default: Any) -> str:
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        if isinstance(default, bool):
            default = str(default).lower()
        return "" if default in (None, "") else f"`{default}`"

    fields = Settings.model_fields.items()
    expected = {f"FRAUDSTREAM_{name.upper()}": written(field.default) for name, field in fields}
    assert {name: cells[0] for name, cells in table("variable").items()} == expected


def test_topics_are_those_of_the_code() -> None:
    retention = {}
    for profile in PROFILES:
        for topic in Topics(LIVE).all(profile):
            ms = topic.config().get("retention.ms")
            retention[topic.name] = f"{int(ms) // DAY_MS} d" if ms else "compacted"
    assert {name: cells[-1] for name, cells in table("topic").items()} == retention


def test_headers_and_reasons_are_those_of_the_code() -> None:
    assert set(table("header")) == {header.value for header in Header}
    assert set(table("code")) == {code.value for code in RejectCode}
    named = {
        code for cells in table("field").values() for code in re.findall(r"`(.*?)`", cells[-1])
    }
    assert named <= {code.value for code in RejectCode}


def test_metrics_are_those_of_the_worker() -> None:
    declared = {one.name: one for one in OF_WORKER}
    assert {name: cells[0] for name, cells in table("metric").items()} == {
        name: ", ".join(f"`{label}`" for label in one.labels) for name, one in declared.items()
    }
    metrics = WorkerMetrics("ecommerce")
    metrics.note_lag("transactions", 0, 1)
    metrics.show_model("ecommerce", "v1", 0.0)
    metrics.show_rules(NO_RULES)
    metrics.observe_hits([(Hit("ring", "block", False, "high", "two at once"),)])
    drift = FeatureDrift("score", 0.0, 1.0, drifted=False)
    metrics.show_drift("trailing", Drift((1, 1), (drift,)))
    found = {}
    for family in metrics.registry.collect():
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        found[family.name + ("_total" if family.type == "counter" else "")] = labels
    ours = {name: labels for name, labels in found.items() if not name.startswith("process_")}
    assert ours == {name: set(one.labels) for name, one in declared.items()}


def commands(group: Any, prefix: str) -> set[str]:
    found = set()
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        found |= commands(command, f"{prefix} {name}") if inner else {f"{prefix} {name}"}
    return found


def test_commands_are_those_of_the_program() -> None:
    from cli.main import app

    assert set(table("command")) == commands(typer.main.get_command(app), "fraudstream")


@pytest.mark.integration
def test_the_consumer_keeps_the_first_outcome_through_repeats_and_restarts(
    settings: Settings, tmp_path: Path
) -> None:
    topic = Topics(settings.namespace).alerts
    ensure_topics(settings, [topic], partitions=2)
    example = json.loads(dict(EXAMPLES)["alert"])
    program = tmp_path / "consumer.py"
    program.write_text(
        CONSUMER.replace('"fraud-alerts"', repr(topic.name))
        .replace("my-alert-desk", f"desk-{uuid.uuid4().hex}")
        # Its successor has not to wait so long until Kafka gives a killed one up.
        .replace('"group.id"', '"session.timeout.ms": 6000, "group.id"')
    )

    def publish(event_id: str, score: float) -> None:
        producer = Producer(settings.confluent_config())
        alert = example | {"event_id": event_id, "score": score}
        producer.produce(topic.name, key=event_id, value=json.dumps(alert))
        assert producer.flush(10) == 0

    def consume_until(count: int) -> str:
        """Output of the consumer, which is killed when ``count`` alerts are stored."""
        output = (tmp_path / "output").open("w+")
        process = subprocess.Popen(
            [sys.executable, "-u", str(program)],
            cwd=tmp_path,
            env={"FRAUDSTREAM_KAFKA": settings.kafka},
            stdout=output,
        )
        try:
            deadline = time.monotonic() + 60
            while stored() < count:
                assert process.poll() is None
                assert time.monotonic() < deadline, "the consumer stored too little"
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait()
        output.seek(0)
        return output.read()

    def stored() -> int:
        if not (tmp_path / "alerts.db").exists():
            return 0
        with sqlite3.connect(tmp_path / "alerts.db") as store:
            (tables,) = store.execute("SELECT count(*) FROM sqlite_master").fetchone()
            return int(store.execute("SELECT count(*) FROM alert").fetchone()[0]) if tables else 0

    publish("a", 0.9)
    publish("a", 0.8)
    publish("b", 0.7)
    consume_until(2)
    publish("b", 0.6)
    publish("a", 0.5)
    publish("c", 0.4)
    consume_until(3)
    with sqlite3.connect(tmp_path / "alerts.db") as store:
        bodies = [json.loads(body) for (body,) in store.execute("SELECT body FROM alert")]
    assert {body["event_id"]: body["score"] for body in bodies} == {"a": 0.9, "b": 0.7, "c": 0.4}
