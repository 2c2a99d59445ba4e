"""The rules of Grafana's dashboard-linter, restated one by one; exceptions have reasons."""

from __future__ import annotations

import re
from typing import Any

import pytest

from grafana.expressions import dashboards, expressions, panels_of
from tests.grafana.promql import named

FILES = dashboards()
PANELS = [
    pytest.param(dashboard, panel, id=f"{dashboard['title']}: {panel['title']}")
    for dashboard in FILES.values()
    for panel in panels_of(dashboard)
]
EVERY_PANEL = pytest.mark.parametrize(("dashboard", "panel"), PANELS)
EVERY_FILE = pytest.mark.parametrize("dashboard", FILES.values(), ids=FILES.keys())
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
#: Those used, of the units that Grafana knows.
UNITS = {"short", "percentunit", "cps", "cpm", "s", "bytes"}
OF_VIEWS = "the variables list jobs and instances of workers, and this is said by the views"
RECORDED = "recorded series sum up the workers, so they have no instance"
#: (rule, dashboard, panel) → why it may break the rule.
EXCEPTIONS = {
    ("target-instance", "Fraud overview", "Alert share and its baseline"): RECORDED,
    ("target-instance", "Geography", "Ten countries with the most alerts"): RECORDED,
    **{
        (rule, dashboard, title): OF_VIEWS
        for rule in ("target-job", "target-instance")
        for dashboard, title in (
            ("Fraud overview", "Top ten devices"),
            ("Devices and browsers", "Top ten devices"),
            ("Pipeline", "Messages behind"),
            ("Pipeline", "Answer time, 99 %"),
            ("Model", "Precision by labels"),
            ("Model", "Recall by labels"),
            ("Model", "Labelled"),
            ("Model", "Precision and recall by version"),
            ("Model", "Labels per hour by outcome"),
            ("Model", "Base rate of labels"),
        )
    },
}


def variables(dashboard: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in dashboard["templating"]["list"]}


@EVERY_FILE
def test_template_datasource_rule(dashboard: dict[str, Any]) -> None:
    sources = [one for one in variables(dashboard).values() if one["type"] == "datasource"]
    assert [(one["name"], one["label"], one["query"]) for one in sources] == [
        ("datasource", "Data source", "prometheus")
    ]


@EVERY_FILE
@pytest.mark.parametrize("name", ["job", "instance"])
def test_template_job_and_template_instance_rules(dashboard: dict[str, Any], name: str) -> None:
    variable = variables(dashboard)[name]
    assert variable["type"] == "query"
    assert variable["datasource"] == DATASOURCE
    assert variable["label"] == name.title()
    assert variable["multi"]
    assert variable["includeAll"]
    assert variable["allValue"] == ".+"


@EVERY_FILE
def test_template_label_promql_rule(dashboard: dict[str, Any]) -> None:
    for variable in variables(dashboard).values():
        if variable["type"] == "query":
            query = variable["query"]["query"]
            assert re.fullmatch(r"label_values\(\w+(\{.+\})?, \w+\)", query), query


@EVERY_FILE
def test_template_on_time_change_reload_rule(dashboard: dict[str, Any]) -> None:
    queried = [one for one in variables(dashboard).values() if one["type"] == "query"]
    assert {one["refresh"] for one in queried} == {2}


@EVERY_FILE
def test_uneditable_dashboard_rule(dashboard: dict[str, Any]) -> None:
    assert dashboard["editable"] is False


@EVERY_PANEL
def test_panel_datasource_rule(dashboard: dict[str, Any], panel: dict[str, Any]) -> None:
    assert panel["datasource"] == DATASOURCE
    assert [target["datasource"] for target in panel["targets"]] == [DATASOURCE] * len(
        panel["targets"]
    )


@EVERY_PANEL
def test_panel_no_targets_rule(dashboard: dict[str, Any], panel: dict[str, Any]) -> None:
    assert panel["targets"]


@EVERY_PANEL
def test_panel_title_description_rule(dashboard: dict[str, Any], panel: dict[str, Any]) -> None:
    assert panel["title"]
    assert panel["description"].endswith(".")


@EVERY_PANEL
def test_panel_units_rule(dashboard: dict[str, Any], panel: dict[str, Any]) -> None:
    units = {panel["fieldConfig"]["defaults"]["unit"]}
    for override in panel["fieldConfig"]["overrides"]:
        units |= {one["value"] for one in override["properties"] if one["id"] == "unit"}
    assert units <= UNITS


def rule_breakers(rule: str) -> set[tuple[str, str, str]]:
    """What breaks a rule about the selectors of queries."""
    found = set()
    for one in expressions():
        if one.kind == "variable":
            continue  # those have rules of their own, above
        for selector in named(one.expr).selectors:
            broken = {
                "target-job": ("job", "=~", "$job") not in selector.matchers,
                "target-instance": ("instance", "=~", "$instance") not in selector.matchers,
                "target-rate-interval": selector.function in ("rate", "irate")
                and selector.window != "$__rate_interval",
                "target-counter-agg": selector.series.endswith("_total")
                and selector.function not in ("rate", "irate", "increase"),
            }[rule]
            if broken:
                found.add((rule, one.dashboard, one.title))
    return found


@pytest.mark.parametrize(
    "rule", ["target-job", "target-instance", "target-rate-interval", "target-counter-agg"]
)
def test_target_rules(rule: str) -> None:
    assert rule_breakers(rule) == {one for one in EXCEPTIONS if one[0] == rule}


def test_every_exception_has_a_reason() -> None:
    assert all(len(reason) > 20 for reason in EXCEPTIONS.values())


def test_histograms_are_summed_by_their_bounds() -> None:
    for one in expressions():
        if "histogram_quantile" in one.expr:
            assert re.search(r"histogram_quantile\([\d.]+, sum by \(le(, \w+)?\) \(", one.expr), one
