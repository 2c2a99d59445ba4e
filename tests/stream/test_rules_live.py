"""Rules and lists that change while a worker decides: no event by half of either."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

import pytest

from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings
from model.lists.entry import Entry, checked
from model.lists.store import ListStore
from model.registry import Registry
from model.rules.rule_set import load_rules
from stream.outcomes import ALERT_NAMESPACE
from tests.stream.test_worker import events, messages
from tests.stream.workers import Reader, publish, running_worker

pytestmark = pytest.mark.integration
ALWAYS, FAR = "amount >= 0 || amount < 0", 2**52
FIRST, SECOND = "first", "second"


@pytest.fixture
def ready(
    settings: Settings, install_model: Callable[[Settings], None], tmp_path: Path
) -> Settings:
    install_model(settings)
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), 2)
    return settings.model_copy(update={"rules": tmp_path / "rules.yaml"})


def rule(name: str, action: str = "review", when: str = ALWAYS) -> str:
    return f"- {{name: {name}, when: '{when}', action: {action}, reason: {name} was met}}\n"


def entry(which: str, kind: str, value: str, until_ms: int = FAR) -> Entry:
    return checked(Entry(list=which, kind=kind, value=value, until_ms=until_ms), "ecommerce")


def test_rules_change_between_two_batches_and_a_broken_file_changes_nothing(
    ready: Settings, reader: Reader, tmp_path: Path
) -> None:
    assert ready.rules is not None
    ready.rules.write_text(rule(FIRST) + rule("both"))
    hashes = {FIRST: load_rules(ready.rules, "ecommerce").hash}
    batch = events(4_000, seed=6)
    everything = messages(batch)
    done = threading.Event()

    def flow() -> None:
        for begin in range(0, len(everything), 50):
            publish(ready, everything[begin : begin + 50])
            while begin > 3_000 and not done.is_set():
                time.sleep(0.05)

    with running_worker(
        ready, tmp_path / "worker.log", FRAUDSTREAM_RULES=str(ready.rules)
    ) as worker:
        worker.await_text("2 rules")
        sender = threading.Thread(target=flow)
        sender.start()
        reader.read_until(100)
        ready.rules.write_text(rule("broken", when="amoun > 1"))
        worker.await_text("stay in use")
        ready.rules.write_text(rule(SECOND, "block") + rule("both"))
        hashes[SECOND] = load_rules(ready.rules, "ecommerce").hash
        worker.await_text("in use instead of 2 rules")
        done.set()
        sender.join()
        found = reader.read_until(len(batch))
        assert worker.terminate() == 0
        assert worker.log.read_text().count("stay in use") == 1  # said once
    assert {one["event_id"] for one in found.scores} == set(batch.event_id)
    assert len(found.scores) == len(batch)
    in_time = sorted(found.scores, key=lambda one: one["scored_at"])
    steps = [tuple(names) for names, _ in groupby(in_time, key=lambda one: one["rules"])]
    assert steps == [(FIRST, "both"), (SECOND, "both")]
    # The id of an alert says by which rules it was made.
    model = Registry(ready.models).load(ready.profile).metadata
    alerts = {one["event_id"]: one for one in found.alerts}
    for one in found.scores:
        rules = hashes[one["rules"][0]]
        told = (
            f"{ready.profile}|{one['event_id']}|{model.digest}|review=0.5|block=0.875|rules={rules}"
        )
        assert one["alert_id"] == str(uuid.uuid5(ALERT_NAMESPACE, told))
        alert = alerts[one["event_id"]]
        assert [hit["name"] for hit in alert["rules"]] == one["rules"]
        assert alert["reasons"][0]["text"] == f"{one['rules'][0]} was met"
        if one["rules"][0] == SECOND:
            assert one["decision"] == "block"


def test_lists_are_heeded_in_their_order_and_stay_while_the_worker_runs(
    ready: Settings, reader: Reader, tmp_path: Path
) -> None:
    assert ready.rules is not None
    ready.rules.write_text(rule("everything"))
    store = ListStore(ready)
    batch = events(600, seed=7)
    users, devices = batch.text["user_id"], batch.text["device_id"]
    order = batch.in_total_order().tolist()
    denied, snoozed, trusted = devices[order[0]], users[order[310]], users[order[320]]
    assert snoozed != trusted
    store.put([entry("deny", "device", str(denied))])
    with running_worker(
        ready, tmp_path / "worker.log", FRAUDSTREAM_RULES=str(ready.rules)
    ) as worker:
        worker.await_text("lists of 1 entries")
        publish(ready, messages(batch.take(batch.in_total_order()[:300])))
        reader.read_until(300)
        store.put([entry("suppress", "user", str(snoozed)), entry("allow", "user", str(trusted))])
        worker.await_text("lists of 3 entries in use instead of lists of 1 entries")
        publish(ready, messages(batch.take(batch.in_total_order()[300:])))
        found = reader.read_until(600)
    first = {batch.event_id[row] for row in batch.in_total_order()[:300].tolist()}
    rows = {event_id: row for row, event_id in enumerate(batch.event_id)}
    seen = set()
    for one in found.scores:
        row = rows[one["event_id"]]
        names = ["everything"]
        decision = "block" if one["score"] >= 0.875 else "review"
        if devices[row] == denied:
            names.append("list:deny:device")
            decision = "block"
        if one["event_id"] not in first:
            if users[row] == trusted:
                names.append("list:allow:user")
                decision = "allow"
            elif users[row] == snoozed:
                names.append("suppressed:user")  # named, though a block stays
                decision = "allow" if decision == "review" else decision
        assert (one["decision"], set(one["rules"])) == (decision, set(names)), one
        assert (one["alert_id"] is None) == (decision == "allow")
        seen |= set(names)
    assert seen == {"everything", "list:deny:device", "list:allow:user", "suppressed:user"}


def test_a_worker_does_not_start_with_a_broken_file(ready: Settings, tmp_path: Path) -> None:
    assert ready.rules is not None
    ready.rules.write_text("- {name: x}")
    with running_worker(
        ready, tmp_path / "worker.log", FRAUDSTREAM_RULES=str(ready.rules)
    ) as worker:
        assert worker.process.wait(60) == 1
        assert "the rule has no when: add it" in worker.log.read_text()
