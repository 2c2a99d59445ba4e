"""Each trap is planted in an otherwise quiet file and must be found there, and only there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from features.batch import EventBatch, order_keys
from model.exploration.finding import Finding, Weight
from model.exploration.identity_traps import bursts, duplicates, repeats_of
from model.exploration.summary import time_course
from model.exploration.time_traps import clocks, order_of_events, rate_over_time, ties
from model.exploration.value_traps import class_findings, constants
from tests.model.events import joined, renamed
from tests.model.exploration.made import events, explored, finding, quiet


def with_rings(size: int, pause_ms: int) -> tuple[EventBatch, NDArray[np.int8]]:
    """Three rings of ``size`` on one device each with one amount, all fraud."""
    batch, label = quiet()
    time, amount, device = batch.time_ms.copy(), batch.amount.copy(), batch.text["device_id"][:]
    for first in (100, 200, 300):
        ring = slice(first, first + size)
        time[ring] = time[first] + np.arange(size) * pause_ms
        amount[ring], label[ring] = amount[first], 1
        device[ring] = [device[first]] * size
    text = {**batch.text, "device_id": device}
    return replace(batch, time_ms=time, amount=amount, text=text), label


def test_a_quiet_file_has_no_trap_but_that_nobody_comes_back(tmp_path: Path) -> None:
    found = explored(*quiet(), tmp_path)
    assert [one.code for one in found.of_weight(Weight.TRAP)] == [
        "repeats_of_user_id", "repeats_of_device_id", "repeats_of_ip_address",
    ]  # fmt: skip
    assert {"bursts", "rate_over_time", "order_of_events", "duplicates", "ties"} <= {
        one.code for one in found.of_weight(Weight.CLEAR)
    }


def test_bursts_are_counted_with_their_share_of_fraud() -> None:
    found = bursts(events(*with_rings(5, 20_000)))
    assert found.weight is Weight.TRAP
    figures = found.figures
    assert (figures["bursts"], figures["events"], figures["largest"]) == (3, 15, 5)
    assert figures["fraud_share_inside"] == 1.0
    _, label = with_rings(5, 20_000)
    assert figures["share_of_all_fraud"] == pytest.approx(15 / (label == 1).sum())
    # Five events are all on one side of a 70/30 split with probability .7⁵ + .3⁵.
    assert figures["bursts_split_by_random_70_30"] == pytest.approx(3 * (1 - 0.7**5 - 0.3**5))


@pytest.mark.parametrize(("size", "pause_ms"), [(2, 1_000), (5, 60_001)])
def test_a_pair_or_a_slow_series_is_no_burst(size: int, pause_ms: int) -> None:
    assert bursts(events(*with_rings(size, pause_ms))).weight is Weight.CLEAR


def test_amounts_must_be_equal_in_a_burst() -> None:
    batch, label = with_rings(5, 1_000)
    batch = replace(batch, amount=np.arange(len(batch), dtype=np.int64) * 10_000)
    assert bursts(events(batch, label)).weight is Weight.CLEAR


def test_repeats_are_counted_with_what_a_random_split_divides() -> None:
    batch, label = quiet()
    again = renamed(batch.take(range(4)), "again-")
    both = joined(batch, again), np.append(label, [1 - label[0], *label[1:4]]).astype(np.int8)
    found = duplicates(made := events(*both), repeats_of(made))
    assert found.weight is Weight.TRAP
    assert (found.figures["repeats"], found.figures["groups"]) == (4, 4)
    assert found.figures["groups_split_by_random_70_30"] == pytest.approx(4 * 0.42)
    assert found.figures["groups_with_both_labels"] == 1


ROWS = st.tuples(
    st.integers(0, 2),
    st.integers(0, 1),
    st.sampled_from("ab"),
    st.sampled_from([np.nan, 0.0, -0.0, 30.0]),
)


@given(st.lists(ROWS, min_size=1, max_size=25))
def test_groups_of_equal_events_follow_the_rule_of_training(
    rows: list[tuple[int, int, str, float]],
) -> None:
    base = quiet()[0].take([0] * len(rows))
    names = [f"e{row:03d}" for row in range(len(rows))]
    batch = replace(
        base,
        event_id=names,
        order_id=order_keys(names),
        time_ms=base.time_ms + np.array([1_000 * one[0] for one in rows]),
        amount=np.array([10_000 * one[1] for one in rows]),
        text={**base.text, "browser": [one[2] for one in rows]},
        number={**base.number, "age": np.array([one[3] for one in rows])},
    )
    found = repeats_of(events(batch, np.zeros(len(rows), np.int8)))
    # Each group has one event that repeats none.
    fresh = found.group[~found.repeat]
    assert len(np.unique(fresh)) == len(fresh) == found.group.max() + 1


def test_a_running_number_is_a_clock_and_a_random_one_is_not() -> None:
    batch, label = quiet()

    def found(users: list[str | None]) -> Finding:
        return clocks(events(replace(batch, text={**batch.text, "user_id": users}), label))

    running = found([str(70_000 + 3 * row) for row in range(len(batch))])
    assert "user_id" in running.title
    assert "user_id never falls" in running.text
    mixed = np.random.default_rng(1).permutation(len(batch)).tolist()
    assert "user_id" not in found([str(one) for one in mixed]).title


def test_a_wave_of_fraud_at_the_beginning_is_dated_and_makes_time_tell() -> None:
    batch, label = quiet()
    label[:90] = 1  # six days of forty
    made = events(batch, label)
    found = rate_over_time(made, time_course(made.time_ms, made.label))
    assert found is not None
    assert found.weight is Weight.TRAP
    assert found.figures["changed_at"] == "2015-01-07T00:00:00.000Z"
    assert found.figures["fraud_share_before"] == 1.0
    order = order_of_events(made)
    assert order is not None
    assert order.weight is Weight.TRAP


def test_a_strict_earlier_would_hide_rings_of_one_minute() -> None:
    found = ties(events(*with_rings(5, 0)))
    assert found.weight is Weight.TRAP
    assert (found.figures["tied_events"], found.figures["hidden_predecessors"]) == (15, 12)


@pytest.mark.parametrize(
    ("label", "title"),
    [(-1, "no labels"), (0, "are honest"), (1, "are fraud")],
)
def test_one_class_or_none_is_said(label: int, title: str, tmp_path: Path) -> None:
    batch, _ = quiet(50)
    made = events(batch, np.full(50, label, np.int8))
    assert title in class_findings(made).title


def test_constant_and_empty_columns_are_named() -> None:
    batch, label = quiet()
    batch.text["browser"], batch.text["sex"] = ["Chrome"] * 600, [None] * 600
    found = constants(events(batch, label))
    assert (found.figures["constant"], found.figures["empty"]) == ("browser, country", "sex")


def test_reserved_addresses_have_no_country(tmp_path: Path) -> None:
    batch, label = quiet()
    addresses = ["240.0.0.1"] * 60 + batch.text["ip_address"][60:]
    found = explored(replace(batch, text={**batch.text, "ip_address": addresses}), label, tmp_path)
    assert finding(found, "addresses").figures["share"] == pytest.approx(0.1)
    assert finding(found, "addresses").figures["reserved"] == 60


def test_signups_after_the_purchase_are_counted(tmp_path: Path) -> None:
    batch, label = quiet()
    signup = batch.number["signup_ms"].copy()
    signup[:7] = batch.time_ms[:7] + 3_600_000
    found = explored(replace(batch, number={**batch.number, "signup_ms": signup}), label, tmp_path)
    assert finding(found, "signup_after_purchase").figures["events"] == 7


def test_one_event_alone_is_explored(tmp_path: Path) -> None:
    batch, label = quiet()
    found = explored(batch.take([0]), label[:1], tmp_path)
    assert found.classes.honest + found.classes.fraud == 1
