"""Expressions name what exists, and a real Prometheus answers every one of them."""

from __future__ import annotations

import math
import re

import pytest
import yaml

from core.metrics import OF_VIEWS, OF_WORKER, Metric
from core.metrics import Kind as MetricKind
from grafana.asking import QueryError, Series, at_once, over_time
from grafana.expressions import Expression, Kind, expressions, substituted
from grafana.queries import UNDECLARED, at_most
from stack.prometheus import RECORDING_RULES
from tests.grafana.conftest import Filled
from tests.grafana.promql import named

ALL = [*expressions()]
EVERY = pytest.mark.parametrize(
    "one", ALL, ids=lambda one: f"{one.dashboard}: {one.title} {one.ref}"
)
#: Series beside the declared ones have the labels of their target, and this of their own: none.
OF_TARGET = {"job", "instance"}
#: Empty in a normal run, each for a reason.
MAY_BE_EMPTY = {
    "Restarts": "annotations mark what is rare",
    "Rebalances": "annotations mark what is rare",
}


def labels_by_series() -> dict[str, set[str]]:
    declared = {
        series: {
            *metric.labels,
            *OF_TARGET,
            *(("le",) if metric.kind is MetricKind.HISTOGRAM else ()),
        }
        for metric in (*OF_WORKER, *OF_VIEWS)
        for series in metric.series
    }
    rules = [
        rule["record"]
        for group in yaml.safe_load(RECORDING_RULES.read_text("utf-8"))["groups"]
        for rule in group["rules"]
    ]
    recorded = {rule: set(rule.split(":")[0].split("_")) for rule in rules}
    return {**declared, **recorded, **dict.fromkeys(UNDECLARED, OF_TARGET)}


@EVERY
def test_it_names_only_metrics_and_labels_that_exist(one: Expression) -> None:
    known = labels_by_series()
    found = named(one.expr)
    available: set[str] = set()
    for selector in found.selectors:
        assert selector.series in known, one.expr
        assert {name for name, _, _ in selector.matchers} <= known[selector.series], one.expr
        available |= known[selector.series]
    assert found.grouped_by <= available, one.expr
    assert set(re.findall(r"\{\{(\w+)\}\}", one.legend)) <= found.grouped_by | OF_TARGET


def test_every_metric_is_on_some_dashboard() -> None:
    shown = {
        selector.series
        for one in ALL
        if one.kind is not Kind.VARIABLE
        for selector in named(one.expr).selectors
    }
    everything = (*OF_WORKER, *OF_VIEWS)
    assert [metric.name for metric in everything if not shown & set(metric.series)] == []


def ask(filled: Filled, one: Expression) -> list[Series]:
    expr = substituted(
        one.expr, range_s=filled.range_s, interval_s=filled.step_s, scrape_s=filled.step_s
    )
    if one.kind in (Kind.INSTANT, Kind.VARIABLE):
        return at_once(filled.url, expr, filled.end)
    return over_time(filled.url, expr, filled.start, filled.end, filled.step_s)


@EVERY
def test_prometheus_answers_it_with_data(filled: Filled, one: Expression) -> None:
    series = ask(filled, one)
    if one.kind is Kind.ANNOTATION:
        assert one.title in MAY_BE_EMPTY
        return
    assert series, one.expr
    assert any(math.isfinite(value) for found in series for _, value in found.points)


def value_of(filled: Filled, dashboard: str, title: str) -> float:
    (one,) = (one for one in ALL if (one.dashboard, one.title) == (dashboard, title))
    (series,) = ask(filled, one)
    return series.last


@pytest.mark.parametrize(
    ("title", "count"),
    [("Transactions", "events"), ("Alerts", "alerts"), ("Value at risk", "value")],
)
def test_totals_are_those_that_were_counted(filled: Filled, title: str, count: str) -> None:
    found = value_of(filled, "Fraud overview", title)
    assert found == pytest.approx(getattr(filled.totals, count), rel=0.02)


def test_shares_and_means_are_those_that_were_counted(filled: Filled) -> None:
    share = value_of(filled, "Fraud overview", "Alert share")
    assert share == pytest.approx(filled.totals.alerts / filled.totals.events, rel=1e-9)
    letters = value_of(filled, "Pipeline", "Dead letters")
    assert letters == pytest.approx(filled.totals.rejected, rel=0.02)


def test_shares_of_a_whole_add_up_to_one(filled: Filled) -> None:
    for dashboard, title, ref in (
        ("Fraud overview", "Browsers", "C"),
        ("Fraud overview", "Sources", "C"),
        ("Model", "Share of decisions", "A"),
    ):
        (one,) = (
            one for one in ALL if (one.dashboard, one.title, one.ref) == (dashboard, title, ref)
        )
        assert sum(series.last for series in ask(filled, one)) == pytest.approx(1, abs=1e-6)
    bands = [ask(filled, one) for one in ALL if one.title == "Share of scores by band"]
    assert len(bands) == 4
    assert sum(series.last for (series,) in bands) == pytest.approx(1, abs=1e-6)


def test_a_choice_narrows_what_is_asked(filled: Filled) -> None:
    (one,) = (
        one
        for one in ALL
        if (one.dashboard, one.title) == ("Geography", "Alerts in these countries")
    )

    def asked(values: dict[str, str]) -> float:
        expr = substituted(one.expr, range_s=filled.range_s, scrape_s=filled.step_s, values=values)
        (series,) = at_once(filled.url, expr, filled.end)
        return series.last

    assert 0 < asked({"country": "unknown"}) < asked({})


@pytest.mark.parametrize(
    ("expr", "filled_in"),
    [
        ('up{job=~"$job"}', 'up{job=~".+"}'),
        ('up{job=~"${job:regex}"}', 'up{job=~".+"}'),
        ("rate(a[$__rate_interval])", "rate(a[240s])"),
        ("rate(a[$__interval])", "rate(a[60s])"),
        ("increase(a[$__range])", "increase(a[3600s])"),
    ],
)
def test_variables_are_filled_in(expr: str, filled_in: str) -> None:
    assert substituted(expr) == filled_in


def test_the_interval_of_rates_follows_samples_and_points() -> None:
    assert substituted("$__rate_interval", interval_s=300, scrape_s=15) == "315s"
    assert substituted("$__rate_interval", interval_s=60, scrape_s=300) == "1200s"
    assert substituted("$job $instance", values={"job": "a|b"}) == "a|b .+"


def test_a_variable_of_grafana_that_is_not_filled_in_is_an_error() -> None:
    with pytest.raises(ValueError, match="__user"):
        substituted('up{user=~"${__user}"}')


def test_a_bound_that_no_bucket_has_is_an_error() -> None:
    metric = Metric("sizes", MetricKind.HISTOGRAM, "", (), (1, 2))
    with pytest.raises(ValueError, match="no bucket 3"):
        at_most(3, metric)


def test_a_wrong_query_and_a_missing_server_are_clear(filled: Filled) -> None:
    with pytest.raises(QueryError, match="parse error"):
        at_once(filled.url, "sum(", filled.end)
    with pytest.raises(QueryError, match="no answer"):
        at_once("http://127.0.0.1:1", "up", 0)
    with pytest.raises(QueryError, match="like http://"):
        at_once("127.0.0.1:9090", "up", 0)
