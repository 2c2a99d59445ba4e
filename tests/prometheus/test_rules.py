"""Rules say what they should of values, are all tested, use what exists, and tell what to do."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.prometheus.promql import recorded_labels, scraped_series, use_of
from tests.prometheus.rule_files import FOLDER, RULE_FILES, TEST_FILES, cases, program, rules, run
from tests.stream.forked import ROOT

ALERTS = rules("alert")
RECORDS = rules("record")


def name_of(rule: dict[str, Any]) -> str:
    if "alert" in rule:
        return f"{rule['alert']}-{rule['labels']['severity']}"
    return str(rule["record"])


def test_promtool_accepts_the_settings_and_the_rules() -> None:
    promtool = program("promtool")
    run(promtool, "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)
    for settings in ("prometheus.yml", "compose.yml"):
        # The token that one of them names is a file of the container.
        how = ["--syntax-only"] if settings == "compose.yml" else []
        run(promtool, "check", "config", *how, FOLDER / settings)


@pytest.mark.parametrize("path", TEST_FILES, ids=lambda path: path.stem)
def test_rules_do_what_their_tests_say(path: Path) -> None:
    run(program("promtool"), "test", "rules", path)


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_every_alert_is_seen_to_fire_and_to_be_silent(rule: dict[str, Any]) -> None:
    severity = rule["labels"]["severity"]
    fires = {
        any(alert["exp_labels"]["severity"] == severity for alert in case["exp_alerts"])
        for case in cases("alert_rule_test")
        if case["alertname"] == rule["alert"]
    }
    assert fires == {True, False}


@pytest.mark.parametrize("rule", RECORDS, ids=name_of)
def test_every_recorded_series_is_seen_to_have_a_value(rule: dict[str, Any]) -> None:
    assert any(
        case["exp_samples"] and rule["record"] in {name for name, _ in use_of(case["expr"]).matched}
        for case in cases("promql_expr_test")
    )


@pytest.mark.parametrize("rule", [*RECORDS, *ALERTS], ids=name_of)
def test_rules_use_series_and_labels_that_exist(rule: dict[str, Any]) -> None:
    series = scraped_series() | {one["record"]: recorded_labels(one["record"]) for one in RECORDS}
    use = use_of(rule["expr"])
    assert use.matched
    for name, labels in use.matched:
        assert name in series
        assert labels <= series[name]
    assert use.grouped <= frozenset().union(*(series[name] for name, _ in use.matched))


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_every_alert_looks_at_workers_or_views_and_not_at_history(rule: dict[str, Any]) -> None:
    assert re.search('job="fraudstream-(worker|views)"', rule["expr"])


@pytest.mark.parametrize("rule", ALERTS, ids=name_of)
def test_every_alert_says_what_to_do(rule: dict[str, Any]) -> None:
    assert re.fullmatch(r"Fraudstream([A-Z][a-z]+)+", rule["alert"])
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
    assert all(rule["annotations"].values())
    page, anchor = rule["annotations"]["runbook_url"].split("#")
    assert anchor == rule["alert"].lower()
    headings = re.findall(r"^#+ (.+)$", (ROOT / page).read_text(), re.M)
    assert rule["alert"] in headings
