"""Metrics of a file's past equal a count of its events one by one, at every step."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from core import metrics as declared
from core.names import Decision, Severity
from features.batch import AMOUNT_SCALE, EventBatch, order_keys
from features.declared import BROWSERS, COUNTRIES, OTHER, SOURCES
from stream.history import PAD_STEPS, STEP_MS, STEP_S, Columns, Family, Series, Steps, families
from stream.history_rules import in_order, recorded_text, stretches, widened
from stream.metrics import WorkerMetrics
from stream.openmetrics_history import END, HISTORY_JOB, target_labels, write_families
from stream.outcomes import Scored

START_MS = 1_420_070_400_000  # 2015-01-01T00:00:00Z
LATER_MS = START_MS + 10_000 * STEP_MS
MODEL = ("boosting", "v7")


class Event(NamedTuple):
    at_ms: int
    country: int
    browser: int
    source: int
    users: int
    score: float
    decision: Decision
    severity: Severity
    amount: int


EVENTS = st.lists(
    st.builds(
        Event,
        # Many of them lie on a step, or just beside one.
        st.one_of(
            st.integers(0, 6 * STEP_MS),
            st.integers(0, 900).map(lambda steps: steps * STEP_MS),
            st.integers(1, 900).map(lambda steps: steps * STEP_MS - 1),
        ).map(lambda ms: START_MS + ms),
        st.sampled_from((0, 5, 77, len(COUNTRIES) - 1)),
        st.integers(0, len(BROWSERS) - 1),
        st.integers(0, len(SOURCES) - 1),
        st.integers(-1, 600),
        st.floats(0, 1, width=32),
        st.sampled_from(Decision),
        st.sampled_from(Severity),
        st.integers(0, 10_000_000),
    ),
    min_size=1,
    max_size=25,
)


def scored(events: list[Event]) -> Scored:
    """The events as a micro-batch."""
    names = [f"e{number}" for number in range(len(events))]

    def text(value: str) -> str | None:
        return {"unknown": None, OTHER: "Lynx"}.get(value, value)

    batch = EventBatch(
        profile="ecommerce",
        event_id=names,
        order_id=order_keys(names),
        time_ms=np.array([one.at_ms for one in events], np.int64),
        amount=np.array([one.amount for one in events], np.int64),
        text={
            "user_id": list(names),
            "device_id": list(names),
            "browser": [text(BROWSERS[one.browser]) for one in events],
            "source": [text(SOURCES[one.source]) for one in events],
            "sex": [None] * len(events),
            "ip_address": [None] * len(events),
        },
        number={"signup_ms": np.zeros(len(events)), "age": np.zeros(len(events))},
    )
    return Scored(
        batch=batch,
        country=np.array([one.country for one in events], np.int16),
        matrix=np.zeros((len(events), 1), np.float32),
        device_users=np.array([one.users for one in events], np.int64),
        score=np.array([one.score for one in events], np.float32),
        decision=[one.decision for one in events],
        severity=[one.severity for one in events],
        threshold=np.zeros(len(events)),
        reasons=[None] * len(events),
        origin=[("csv", 0, 0)] * len(events),
        scored_at="",
        control=np.zeros(len(events), np.bool_),
    )


def history(*batches: list[Event], before_ms: int = LATER_MS) -> tuple[list[Family], Steps]:
    columns = Columns("ecommerce")
    for events in batches:
        columns.add(scored(events))
    return families(columns, MODEL, before_ms)


def all_series(found: list[Family]) -> dict[tuple[str, ...], Series]:
    return {
        (one.name, *(value for _, value in one.labels)): one
        for family in found
        for group in family.groups
        for one in group
    }


def counted(events: list[Event]) -> dict[tuple[str, ...], float]:
    """Every series that is not 0, by a loop over events."""
    found: dict[tuple[str, ...], float] = defaultdict(float)
    for one in events:
        alert = one.decision != Decision.ALLOW
        found[declared.TRANSACTIONS.name, "ecommerce", one.decision] += 1
        for column, place in (
            ("country", COUNTRIES[one.country]),
            ("browser", BROWSERS[one.browser]),
            ("source", SOURCES[one.source]),
        ):
            found[f"fraudstream_{column}_transactions_total", "ecommerce", place] += 1
            found[f"fraudstream_{column}_alerts_total", "ecommerce", place] += alert
        if alert:
            found[declared.ALERTS.name, "ecommerce", one.severity] += 1
            found[declared.ALERT_VALUE.name, "ecommerce"] += one.amount / AMOUNT_SCALE
        observed: list[tuple[declared.Metric, float]] = [(declared.SCORE, one.score)]
        if one.users >= 0:
            observed.append((declared.DEVICE_USERS, one.users))
        for metric, value in observed:
            found[f"{metric.family}_count", "ecommerce"] += 1
            found[f"{metric.family}_sum", "ecommerce"] += value
            for bound in (*metric.buckets, float("inf")):
                text = "+Inf" if bound == float("inf") else str(float(bound))
                found[f"{metric.family}_bucket", "ecommerce", text] += value <= bound
    return {name: value for name, value in found.items() if value}


def at(series: dict[tuple[str, ...], Series], step: int) -> dict[tuple[str, ...], float]:
    return {
        name: one.at(step)
        for name, one in series.items()
        if one.at(step) and one.name != declared.MODEL_INFO.name
    }


@given(EVENTS, EVENTS)
def test_at_every_step_all_events_before_it_are_counted(one: list[Event], two: list[Event]) -> None:
    found, steps = history(one, two)
    series, events = all_series(found), one + two
    interesting = {event.at_ms // STEP_MS + ahead for event in events for ahead in (0, 1)}
    for step in (int(steps[0]), *sorted(interesting), int(steps[-1])):
        past = [event for event in events if event.at_ms < step * STEP_MS]
        assert at(series, step) == pytest.approx(counted(past), rel=1e-9)
    for name, value in at(series, int(steps[-1])).items():
        if not name[0].endswith(("_sum", "value_total")):
            assert value == counted(events)[name]


@given(EVENTS)
def test_the_last_values_are_those_a_worker_shows(events: list[Event]) -> None:
    worker = WorkerMetrics("ecommerce")
    batch = scored(events)
    worker.show_model(*MODEL, trained_at_s=0.0)
    worker.observe_scored(
        {
            "country": batch.country,
            "browser": np.array([one.browser for one in events], np.int16),
            "source": np.array([one.source for one in events], np.int16),
        },
        batch.device_users,
        batch.score,
        batch.decision,
        batch.severity,
        batch.batch.amount / AMOUNT_SCALE,
    )
    found, steps = history(events)
    series = all_series(found)
    ours = {family.metric.family for family in found}
    shown = {
        (sample.name, *sample.labels.values()): sample.value
        for family in worker.registry.collect()
        if family.name in ours
        for sample in family.samples
    }
    # Countries that never occur are the only series that a worker has and history has not.
    absent = {name for name in shown.keys() - series.keys() if "_country_" in name[0]}
    assert all(shown[name] == 0 for name in absent)
    assert shown.keys() - absent == series.keys()
    last = {name: series[name].at(int(steps[-1])) for name in series}
    assert last == pytest.approx({name: shown[name] for name in series}, rel=1e-5)


@given(EVENTS)
def test_counters_only_grow_and_begin_at_zero(events: list[Event]) -> None:
    found, steps = history(events)
    for one in all_series(found).values():
        assert (np.diff(one.steps) > 0).all()
        assert (np.diff(one.values, prepend=0) >= 0).all()
        assert one.at(int(steps[0])) == (one.name == declared.MODEL_INFO.name)


def parsed(text: str) -> list[tuple[str, dict[str, str], float, int]]:
    """Name, labels, value and time of every sample, by the rules of the format."""
    found = []
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = re.fullmatch(r"(\w+)\{(.*)\} (\S+) (\d+)", line)
        assert match is not None, line
        labels = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match[2])
        plain = {name: re.sub(r"\\(.)", r"\1", value) for name, value in labels}
        found.append((match[1], plain, float(match[3]), int(match[4])))
    return found


@given(EVENTS)
def test_text_says_the_same_at_every_step(events: list[Event]) -> None:
    found, steps = history([events[0]._replace(at_ms=START_MS), *events])
    steps = steps[PAD_STEPS - 1 : PAD_STEPS + 9]
    file = io.StringIO()
    samples = write_families(file, found, target_labels('a "b"\\.csv'), steps)
    series, read = all_series(found), 0
    for name, labels, value, time_s in parsed(file.getvalue()):
        assert labels.pop("job") == HISTORY_JOB
        assert labels.pop("instance") == 'a "b"\\.csv'
        assert value == series[(name, *labels.values())].at(time_s // STEP_S)
        read += 1
    assert read == samples == len(series) * len(steps)


@given(EVENTS)
def test_text_is_openmetrics(events: list[Event]) -> None:
    found, steps = history(events)
    file = io.StringIO()
    # One moment: from the second on, the library's parser takes parts of a histogram for repeats.
    samples = write_families(file, found, target_labels('a "b"\\.csv'), steps[-1:])
    file.write(END)
    read = list(
        text_string_to_metric_families(file.getvalue())  # type: ignore[no-untyped-call]
    )
    assert [(family.name, family.type) for family in read] == [
        (family.metric.family, family.metric.kind) for family in found
    ]
    assert sum(len(family.samples) for family in read) == samples


def test_midnights_enclose_exactly_a_day() -> None:
    day = 86_400_000
    event = Event(START_MS, 0, 0, 0, 1, 0.5, Decision.ALLOW, Severity.LOW, 1)
    at_ms = [START_MS - 1, START_MS, START_MS + day - 1, START_MS + day]
    found, _ = history([event._replace(at_ms=one) for one in at_ms])
    series = all_series(found)[declared.TRANSACTIONS.name, "ecommerce", Decision.ALLOW]
    midnight = START_MS // STEP_MS
    assert series.at(midnight + day // STEP_MS) - series.at(midnight) == 2


def test_there_are_samples_from_a_day_before_to_a_day_after_an_event_and_none_in_long_gaps() -> (
    None
):
    event = Event(START_MS, 0, 0, 0, 1, 0.5, Decision.BLOCK, Severity.LOW, 1)
    far = 400 * PAD_STEPS
    _, steps = history(
        [event, event._replace(at_ms=START_MS + far * STEP_MS)], before_ms=START_MS * 2
    )
    first = START_MS // STEP_MS + 1
    expected = [
        (first - PAD_STEPS, first + PAD_STEPS),
        (first + far - PAD_STEPS, first + far + PAD_STEPS),
    ]
    assert stretches(steps) == expected
    near = event._replace(at_ms=START_MS + 2 * PAD_STEPS * STEP_MS)
    assert len(stretches(history([event, near])[1])) == 1


def test_what_is_too_new_is_left_out() -> None:
    event = Event(START_MS, 0, 0, 0, 1, 0.5, Decision.BLOCK, Severity.LOW, 1)
    before = START_MS + 7 * STEP_MS
    found, steps = history([event, event._replace(at_ms=before)], before_ms=before)
    assert steps[-1] * STEP_MS == before
    assert all_series(found)[declared.ALERTS.name, "ecommerce", Severity.LOW].at(2**40) == 1
    assert history([event], before_ms=START_MS)[0] == []
    assert families(Columns("banking"), MODEL, before)[0] == []


def test_banking_has_no_series_that_it_has_nothing_for() -> None:
    columns = Columns("banking")
    event = Event(START_MS, 0, 0, 0, -1, 0.5, Decision.BLOCK, Severity.LOW, 1)
    batch = scored([event])
    number = {f"v{place}": np.zeros(1) for place in range(1, 29)}
    columns.add(
        replace(
            batch,
            batch=replace(batch.batch, profile="banking", text={"card_id": [None]}, number=number),
        )
    )
    names = {family.metric for family in families(columns, MODEL, LATER_MS)[0]}
    assert names == {
        declared.TRANSACTIONS, declared.ALERTS, declared.ALERT_VALUE, declared.SCORE,
        declared.MODEL_INFO,
    }  # fmt: skip


@dataclass(frozen=True)
class Rule:
    name: str
    query: str


def test_rules_come_after_those_they_read_and_without_input_not_at_all() -> None:
    rules = [
        Rule("a:base", "avg_over_time(a:ratio[1d] offset 1h)"),
        Rule("a:ratio", "a:part / (a:all > 0)"),
        Rule("a:part", "sum(increase(part_total[1h]))"),
        Rule("a:all", "sum(increase(all_total[1h]))"),
        Rule("b:lag", "sum(lag)"),
        Rule("b:high", "b:lag > 1"),
        Rule("c:one", "c:two"),
        Rule("c:two", "c:one + all_total"),
    ]
    rounds = in_order(rules, {"part_total", "all_total"})
    assert [sorted(rule.name for rule in some) for some in rounds] == [
        ["a:all", "a:part"],
        ["a:ratio"],
        ["a:base"],
    ]


def test_windows_are_widened_and_subqueries_left_alone() -> None:
    assert widened("rate(a[5m]) / b[1h30m] + max_over_time(c[1d:5m])") == (
        "rate(a[5m1s]) / b[1h30m1s] + max_over_time(c[1d:5m])"
    )


def test_recorded_series_carry_the_rules_labels_and_the_file() -> None:
    text = recorded_text(
        "a:b",
        (("view", "x"),),
        target_labels("f.csv"),
        {"__name__": "gone", "job": HISTORY_JOB, "profile": "banking"},
        [(300.0, "1.5"), (600.0, "NaN")],
    )
    labels = f'{{job="{HISTORY_JOB}",profile="banking",view="x",instance="f.csv"}}'
    assert text.splitlines() == [f"a:b{labels} 1.5 300", f"a:b{labels} NaN 600"]
    for one, two in pairwise(text.splitlines()):
        assert one.rpartition(" ")[2] < two.rpartition(" ")[2]
