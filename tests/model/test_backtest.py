"""Two ways to decide, held against each other: every figure against one counted by hand."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.names import DAY_MS
from model.backtest.backtest import Backtest, Subject, Verdicts, backtest, decision_codes
from model.backtest.report import DAYS, card_of, plots_of
from model.card.html import page_of

DECISIONS = ("allow", "review", "block")


def subject(labels: list[int], amounts: list[int], customers: list[int]) -> Subject:
    n = len(labels)
    return Subject(
        "ecommerce",
        [f"e{number}" for number in range(n)],
        np.array(customers, np.int64),
        np.arange(n, dtype=np.int64) * DAY_MS // 2,
        np.array(amounts, np.int64) * 10_000,
        np.array(labels, np.int8),
    )


def verdicts(title: str, decisions: list[str], rules: list[list[str]] | None = None) -> Verdicts:
    codes = decision_codes(decisions)
    scores = (0.1 + 0.4 * codes).astype(np.float32)
    return Verdicts(title, scores, codes, rules or [[] for _ in decisions], frozenset({"quiet"}))


@pytest.fixture(scope="module")
def found() -> Backtest:
    return backtest(
        subject([1, 1, 0, 0, 0, -1, 1, 0], [5, 7, 11, 2, 3, 13, 40, 6], [1, 2, 3, 3, 4, 5, 6, -1]),
        verdicts(
            "old", ["block", "allow", "review", "allow", "allow", "review", "allow", "review"]
        ),
        verdicts(
            "new",
            ["block", "review", "allow", "allow", "review", "block", "allow", "review"],
            [["ring"], ["ring", "quiet"], [], [], [], [], [], []],
        ),
    )


def test_each_side_is_counted(found: Backtest) -> None:
    old, new = found.against, found.candidate
    assert (found.events, found.labelled) == (8, 7)
    assert (old.alerts.events, old.alerts.fraud, old.alerts.honest) == (4, 1, 2)
    assert (new.alerts.events, new.alerts.fraud, new.alerts.honest) == (5, 2, 2)
    assert (old.alerts.amount, new.alerts.amount) == (35.0, 34.0)
    assert (old.blocked, new.blocked) == (1, 2)
    assert (old.customers, new.customers) == (3, 4)  # one event names nobody
    assert (old.bothered, new.bothered) == (1, 1)
    assert (old.value_caught, old.value_missed) == (5.0, 47.0)
    assert (new.value_caught, new.value_missed) == (12.0, 40.0)
    assert (old.most_alerts_a_day, new.most_alerts_a_day) == (1, 2)


def test_differences_are_counted_and_shown_with_the_largest_amounts_first(found: Backtest) -> None:
    assert {name: group.events for name, group in found.overlap.items()} == {
        "both": 3, "only_against": 1, "only_candidate": 2, "neither": 2,
    }  # fmt: skip
    assert found.changes["review"] == {"allow": 1, "review": 1, "block": 1}
    assert [one.event_id for one in found.examples["only_candidate"]] == ["e1", "e4"]
    assert [one.event_id for one in found.examples["only_against"]] == ["e2"]
    (changed,) = found.examples["changed"]
    assert (changed.event_id, changed.against, changed.candidate) == ("e5", "review", "block")
    assert (changed.label, changed.amount) == (None, 13.0)
    assert found.examples["only_candidate"][0].candidate_rules == ["ring", "quiet"]


def test_rules_are_counted_those_in_shadow_too(found: Backtest) -> None:
    assert [(one.side, one.rule, one.shadow, one.hits.events) for one in found.rules] == [
        ("new", "ring", False, 2),
        ("new", "quiet", True, 1),
    ]


def test_figures_are_of_the_labelled_events_alone(found: Backtest) -> None:
    assert found.metrics is not None
    assert found.metrics.paired
    precision, recall = (found.metrics.metrics[name] for name in ("precision", "recall"))
    assert precision.first.value == pytest.approx(1 / 3, abs=1e-6)
    assert precision.second.value == pytest.approx(2 / 4)
    assert recall.first.value == pytest.approx(1 / 3, abs=1e-6)
    assert recall.second.value == pytest.approx(2 / 3, abs=1e-6)


def test_without_labels_nothing_is_said_of_right_and_wrong() -> None:
    one = verdicts("old", ["review", "allow"])
    found = backtest(subject([-1, -1], [1, 2], [1, 1]), one, one)
    assert found.metrics is None
    assert found.candidate.bothered is None
    assert found.candidate.value_missed is None
    page = page_of(card_of(found, "file.csv"), plots_of(found), "")
    assert "There is none" in page
    assert "customers bothered" not in page


def test_the_report_shows_what_was_found_and_lets_nothing_of_a_file_be_a_tag() -> None:
    decisions = ["block", "allow"]
    hostile = subject([1, 0], [1, 2], [1, 2])
    hostile.event_id[0] = "<script>alert(1)</script>"  # type: ignore[index]
    found = backtest(hostile, verdicts("old", decisions[::-1]), verdicts("new", decisions))
    plots = plots_of(found)
    assert plots[DAYS].startswith(b"\x89PNG")
    page = page_of(card_of(found, "<b>.csv"), plots, "made by a test")
    assert "&lt;script&gt;alert(1)" in page
    assert "<script" not in page
    assert "<b>" not in page
    assert "made by a test" in page


@given(
    st.lists(
        st.tuples(
            st.sampled_from(DECISIONS), st.sampled_from(DECISIONS), st.integers(-1, 1)
        ),
        min_size=1,
        max_size=40,
    )
)  # fmt: skip
def test_every_event_is_in_one_group_and_sides_change_places(
    rows: list[tuple[str, str, int]],
) -> None:
    n = len(rows)
    events = subject([label for *_, label in rows], [3] * n, list(range(n)))
    old, new = verdicts("a", [row[0] for row in rows]), verdicts("b", [row[1] for row in rows])
    found, turned = backtest(events, old, new, n), backtest(events, new, old, n)
    assert sum(group.events for group in found.overlap.values()) == n
    pairs = Counter((row[0], row[1]) for row in rows)
    assert all(
        found.changes[one][other] == pairs[one, other] == turned.changes[other][one]
        for one in DECISIONS
        for other in DECISIONS
    )
    assert found.overlap["only_against"] == turned.overlap["only_candidate"]
    assert len(found.examples["changed"]) == pairs["review", "block"] + pairs["block", "review"]
    assert sum(day["candidate"] for day in found.days) == found.candidate.alerts.events
