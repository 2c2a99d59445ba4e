"""What the worker's page says equals a count of the events one by one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from core import metrics as declared
from core.names import Decision, RejectCode, Severity
from features.declared import BROWSERS, COUNTRIES, SOURCES
from stream.batch_counter import BatchCounter
from stream.metrics import WorkerMetrics

Event = tuple[int, int, int, int, float, Decision, Severity, int]
EVENTS = st.lists(
    st.tuples(
        st.integers(0, len(COUNTRIES) - 1),
        st.integers(0, len(BROWSERS) - 1),
        st.integers(0, len(SOURCES) - 1),
        st.integers(-1, 600),
        st.floats(0, 1, width=32),
        st.sampled_from(Decision),
        st.sampled_from(Severity),
        st.integers(0, 10_000),
    ),
    max_size=30,
)


def observe(metrics: WorkerMetrics, events: list[Event]) -> None:
    columns: Any = zip(*events, strict=True) if events else ([] for _ in range(8))
    country, browser, source, users, score, decision, severity, amount = map(list, columns)
    metrics.observe_scored(
        {
            "country": np.array(country, np.int16),
            "browser": np.array(browser, np.int16),
            "source": np.array(source, np.int16),
        },
        np.array(users, np.int64),
        np.array(score, np.float32),
        decision,
        severity,
        np.array(amount, np.float64),
    )


def samples(metrics: WorkerMetrics) -> dict[tuple[str, ...], float]:
    """(name, label values …) → value, of all that is not 0."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.value and not sample.name.startswith("process_")
    }


@given(st.lists(EVENTS, max_size=4))
def test_batches_are_counted_as_their_events_one_by_one(batches: list[list[Event]]) -> None:
    metrics = WorkerMetrics("ecommerce")
    expected: Counter[tuple[str, ...]] = Counter()
    for events in batches:
        observe(metrics, events)
        for country, browser, source, users, score, decision, severity, amount in events:
            places = (COUNTRIES[country], BROWSERS[browser], SOURCES[source])
            kinds = ("country", "browser", "source")
            for kind, place in zip(kinds, places, strict=True):
                expected[f"fraudstream_{kind}_transactions_total", "ecommerce", place] += 1
                if decision != Decision.ALLOW:
                    expected[f"fraudstream_{kind}_alerts_total", "ecommerce", place] += 1
            expected[declared.TRANSACTIONS.name, "ecommerce", decision] += 1
            if decision != Decision.ALLOW:
                expected[declared.ALERTS.name, "ecommerce", severity] += 1
                expected[declared.ALERT_VALUE.name, "ecommerce"] += amount
            expected["fraudstream_score_count", "ecommerce"] += 1
            expected["fraudstream_score_bucket", "ecommerce", "0.5"] += score <= 0.5
            expected["fraudstream_device_users_count", "ecommerce"] += users >= 0
            expected["fraudstream_device_users_bucket", "ecommerce", "5.0"] += 0 <= users <= 5
    found = samples(metrics)
    assert {name: found.get(name, 0) for name in expected} == dict(expected)
    totals = {name for name in found if name[0].endswith("_total")}
    assert totals <= expected.keys()


def test_series_with_a_known_set_of_values_begin_at_zero() -> None:
    """One that appeared with its first event would lose that event to ``rate``."""
    there = {
        (sample.name, *sample.labels.values())
        for family in WorkerMetrics("ecommerce").registry.collect()
        for sample in family.samples
    }
    for decision in Decision:
        assert (declared.TRANSACTIONS.name, "ecommerce", decision) in there
    for severity in Severity:
        assert (declared.ALERTS.name, "ecommerce", severity) in there
    for code in RejectCode:
        assert (declared.REJECTED.name, code) in there
    for country in COUNTRIES:
        assert (declared.COUNTRY_ALERTS.name, "ecommerce", country) in there
    for stage in declared.STAGES:
        assert ("fraudstream_stage_seconds_count", stage) in there


def test_banking_has_no_metric_that_it_has_nothing_for() -> None:
    names = {family.name for family in WorkerMetrics("banking").registry.collect()}
    assert not names & {
        one.family
        for one in (
            declared.COUNTRY_ALERTS, declared.BROWSER_ALERTS, declared.SOURCE_ALERTS,
            declared.DEVICE_USERS,
        )
    }  # fmt: skip
    assert declared.SCORE.family in names


def test_a_code_outside_of_the_set_is_refused() -> None:
    counter = BatchCounter(
        declared.BROWSER_ALERTS, {"profile": "ecommerce"}, "browser", BROWSERS, CollectorRegistry()
    )
    with pytest.raises(ValueError, match="broadcast"):
        counter.count(np.array([len(BROWSERS)]))


def test_the_age_of_the_commit_counts_only_while_events_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1_000.0
    monkeypatch.setattr("stream.metrics.time.monotonic", lambda: now)
    metrics = WorkerMetrics("ecommerce")

    def age() -> float:
        return samples(metrics).get((declared.COMMITTED_AGE.name,), 0.0)

    assert age() == 0
    metrics.note_lag("transactions", 0, 5)
    now += 30
    assert age() == 30
    metrics.note_commit()
    now += 7
    assert age() == 7
    metrics.note_lag("transactions", 0, 0)
    assert age() == 0
    now += 3_600
    metrics.note_lag("transactions", 1, 1)
    assert age() == 0, "nothing waited in that hour"
    now += 2
    assert age() == 2
    metrics.forget_partitions()
    assert age() == 0


def test_another_model_takes_the_place_of_the_one_before() -> None:
    metrics = WorkerMetrics("banking")
    metrics.show_model("banking", "v1", 100.0)
    metrics.show_model("banking", "v2", 200.0)
    shown = {name: value for name, value in samples(metrics).items() if "_model_" in name[0]}
    assert shown == {
        (declared.MODEL_INFO.name, "banking", "v2", "champion"): 1,
        (declared.MODEL_TRAINED.name, "banking", "v2", "champion"): 200.0,
    }


@pytest.mark.parametrize(
    ("accept", "content_type", "ends"),
    [
        ("application/openmetrics-text;version=1.0.0;q=0.5", "application/openmetrics-text", True),
        ("text/plain", "text/plain", False),
        ("", "text/plain", False),
    ],
)
def test_the_page_is_openmetrics_for_those_who_ask(
    accept: str, content_type: str, ends: bool
) -> None:
    page, kind = WorkerMetrics("ecommerce").exposition(accept)
    assert kind.startswith(content_type)
    assert page.endswith(b"# EOF\n") is ends
