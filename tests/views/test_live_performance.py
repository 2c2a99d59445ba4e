"""How good alerts were: equal to what other libraries make of the same events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import average_precision_score

from core.names import DAY_MS
from core.settings import Settings
from tests.views.read_model import PROFILE, START_MS, Message, Topic, label, read_model, score, take
from views import scorecard
from views.live_performance import (
    Interval,
    Performance,
    Version,
    mature_to,
    performance,
    wilson,
)
from views.periods import Bucket, Span
from views.store import Scorecards, SpanError

DAY = START_MS // DAY_MS
Event = dict[str, Any]


@st.composite
def some_events(draw: st.DrawFn) -> list[Event]:
    return [
        {
            "day": draw(st.integers(0, 3)),
            "version": draw(st.sampled_from(["v1", "v2"])),
            "score": float(np.float32(draw(st.floats(0, 1, width=32)))),
            "decision": draw(st.sampled_from(["allow", "review", "block"])),
            "amount": draw(st.sampled_from([0.0, 0.0001, 12.5])),
            "label": draw(st.sampled_from([None, 0, 1])),
        }
        for _ in range(draw(st.integers(0, 40)))
    ]


def cards_of(events: Sequence[Event], last_day: int = 3) -> Scorecards:
    """Scorecards of events, one after another."""
    cards: dict[tuple[int, str], Any] = {}
    for one in events:
        card = cards.setdefault((DAY + one["day"], one["version"]), scorecard.empty())
        control = one.get("control", False)
        for counter, sum_ in scorecard.marks(
            alert=one["decision"] != "allow",
            stratum=scorecard.stratum_of(blocked=one["decision"] == "block", control=control),
            label=one["label"],
            score=one["score"],
            amount=round(one["amount"] * 10_000),
            weight=one.get("weight", 1),
        ):
            card[counter] += sum_
    return Scorecards((DAY + last_day) * DAY_MS + 5, cards)


@given(events=some_events())
def test_figures_are_those_of_the_events(events: list[Event]) -> None:
    found = performance(cards_of(events), 1, Bucket.DAY)
    mature = [one for one in events if one["day"] < 2]
    assert found.mature == len(mature)
    assert found.not_mature == len(events) - len(mature)
    assert found.labelled == sum(one["label"] is not None for one in mature)
    for version in found.versions:
        mine = [one for one in mature if one["version"] == version.version]
        known = [one for one in mine if one["label"] is not None]
        alerts = [one["label"] for one in known if one["decision"] != "allow"]
        fraud = [one["decision"] != "allow" for one in known if one["label"]]
        figures = version.figures
        assert (figures.events, figures.labelled) == (len(mine), len(known))
        assert figures.alerts == sum(one["decision"] != "allow" for one in mine)
        share_is(figures.precision, sum(alerts), len(alerts))
        share_is(figures.recall, sum(fraud), len(fraud))
        tp, wrong = sum(fraud), len(alerts) - sum(alerts) + len(fraud) - sum(fraud)
        if tp + wrong:
            assert figures.f1 is not None
            assert figures.f1.value == 2 * tp / (2 * tp + wrong)
            assert figures.f1.low <= figures.f1.value <= figures.f1.high
        caught = sum(round(one["amount"] * 10_000) for one in known
                     if one["label"] and one["decision"] != "allow")  # fmt: skip
        assert figures.value_caught == caught / 10_000
        assert (version.average_precision is None) == (not fraud)
        if version.average_precision is not None:
            scores = np.array([one["score"] for one in known], np.float32)
            lower = scorecard.scores_of_bins()[scorecard.bins_of(scores)]
            wanted = average_precision_score([one["label"] for one in known], lower)
            assert version.average_precision.value == pytest.approx(wanted, abs=1e-12)
            assert figures.average_precision == version.average_precision.value
            low, high = version.average_precision.low, version.average_precision.high
            assert 0 <= low <= version.average_precision.value <= high <= 1
        assert sum(band.labelled for band in version.calibration) == len(known)
        for band in version.calibration:
            inside = [one for one in known if in_band(one["score"], band.above, band.up_to)]
            assert band.labelled == len(inside)
            assert band.fraud.value == np.mean([one["label"] for one in inside])
            mean = float(np.mean([one["score"] for one in inside]))
            assert band.mean_score == pytest.approx(mean, abs=1e-6)


def in_band(value: float, above: float, up_to: float) -> bool:
    narrow = np.float32(value)
    return bool((np.float32(above) < narrow or (above == 0 == narrow)) and narrow <= up_to)


def share_is(found: Interval | None, part: int, whole: int) -> None:
    assert (found is None) == (whole == 0)
    if found is not None:
        assert found.value == part / whole
        wanted = binomtest(part, whole).proportion_ci(0.95, "wilson")
        assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


@given(events=some_events())
def test_columns_and_single_events_make_the_same_scorecard(events: list[Event]) -> None:
    found = sum(cards_of(events).cards.values(), scorecard.empty())
    decision = np.array([one["decision"] for one in events], str)
    wanted = scorecard.scorecard(
        decision != "allow",
        np.where(decision == "block", scorecard.Stratum.BLOCKED, scorecard.Stratum.OTHER),
        np.array([-1 if one["label"] is None else one["label"] for one in events], np.int8),
        np.array([one["score"] for one in events], np.float32),
        np.array([round(one["amount"] * 10_000) for one in events], np.int64),
    )
    np.testing.assert_array_equal(found, wanted)


@given(events=some_events(), bucket=st.sampled_from([Bucket.DAY, Bucket.WEEK, Bucket.MONTH]))
def test_steps_add_up_to_the_versions(events: list[Event], bucket: Bucket) -> None:
    found = performance(cards_of(events), 0, bucket)
    for version in found.versions:
        rows = [one.figures for one in found.rows if one.version == version.version]
        for name in ("events", "alerts", "true_positives", "false_negatives"):
            total = sum(getattr(one, name) for one in rows)
            assert total == getattr(version.figures, name)
    starts = [(one.start_ms, one.version) for one in found.rows]
    assert starts == sorted(set(starts))


def control_world(size: int, share: float, seed: int) -> tuple[list[Event], list[Event]]:
    """The truth of events, and what is known of them: blocked ones have no label, unless they were
    let through as controls."""
    random = np.random.default_rng(seed)
    truth, known = [], []
    for _ in range(size):
        value = float(np.float32(random.beta(0.6, 2)))
        decision = "block" if value > 0.7 else "review" if value > 0.4 else "allow"
        one = {
            "day": 0, "version": "v1", "score": value, "decision": decision, "amount": 10.0,
            "label": int(random.random() < value),
        }  # fmt: skip
        truth.append(one)
        if decision == "block" and random.random() < share:
            known.append(one | {"decision": "review", "control": True, "weight": 1 / share})
        else:
            known.append(one | ({"label": None} if decision == "block" else {}))
    return truth, known


def only(found: Performance) -> Version:
    (version,) = found.versions
    return version


def test_control_events_stand_for_all_that_is_blocked() -> None:
    names = ("precision", "recall", "f1", "average_precision")
    inside = dict.fromkeys(names, 0)
    off, off_without = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for seed in range(_WORLDS):
        truth, known = control_world(4_000, 0.1, seed)
        right, found, without = (
            only(performance(cards_of(events), 1, Bucket.DAY))
            for events in (truth, known, [one for one in known if not one.get("control")])
        )
        assert (found.figures.weighted, without.figures.weighted) == (True, False)
        for name in names:
            wanted, estimate, naive = (figure(one, name) for one in (right, found, without))
            inside[name] += estimate.low <= wanted.value <= estimate.high
            off[name] += (estimate.value - wanted.value) / _WORLDS
            off_without[name] += (naive.value - wanted.value) / _WORLDS
        # Fewer labels, so less is known.
        assert width(figure(found, "precision")) > width(figure(right, "precision"))
    # 95 % of them would be; it is no accident that they are not fewer.
    assert min(inside.values()) >= 0.9 * _WORLDS
    # Without bias, and without the weights with one.
    assert max(map(abs, off.values())) < 0.02
    assert min(map(abs, off_without.values())) > 0.03


_WORLDS = 20


def figure(version: Version, name: str) -> Interval:
    found = version.average_precision if name == "average_precision" else getattr(
        version.figures, name
    )  # fmt: skip
    assert found is not None
    return found


def width(one: Interval) -> float:
    return one.high - one.low


def test_a_labelled_blocked_event_is_left_out_where_controls_stand_for_it() -> None:
    _, known = control_world(2_000, 0.1, 4)
    more = [
        *known,
        {"day": 0, "version": "v1", "score": 0.9, "decision": "block", "amount": 1.0, "label": 0},
    ]
    before, after = (only(performance(cards_of(one), 1, Bucket.DAY)) for one in (known, more))
    assert after.figures.precision == before.figures.precision
    assert after.figures.false_positives == before.figures.false_positives + 1


@given(part=st.integers(0, 500), more=st.integers(0, 500))
def test_intervals_of_shares_are_wilsons(part: int, more: int) -> None:
    whole = part + more
    if whole:
        wanted = binomtest(part, whole).proportion_ci(0.95, "wilson")
        found = wilson(part, whole, whole)
        assert found == pytest.approx((wanted.low, wanted.high), abs=1e-12)
        assert 0 <= found[0] <= part / whole <= found[1] <= 1


@pytest.mark.parametrize(
    ("last_ms", "days", "end_day"),
    [
        (0, 0, 1),
        (0, 30, -30),
        (DAY_MS - 1, 1, -1),
        (40 * DAY_MS, 30, 10),
        (41 * DAY_MS - 1, 30, 10),
    ],
)
def test_mature_is_what_lies_whole_days_back(last_ms: int, days: int, end_day: int) -> None:
    assert mature_to(last_ms, days) == end_day * DAY_MS
    if days:  # the latest mature event is at least so old
        assert last_ms - (mature_to(last_ms, days) - 1) >= days * DAY_MS


def test_nothing_gives_nothing() -> None:
    assert performance(Scorecards(None, {}), 30, Bucket.DAY) == Performance(None, 0, 0, 0, (), ())


@given(data=st.data())
@examples(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_and_repeats_make_the_same_of_control_events(
    settings: Settings, data: st.DataObject
) -> None:
    messages: list[Message] = []
    wanted: list[Event] = []
    for number in range(data.draw(st.integers(1, 6))):
        control = data.draw(st.booleans())
        decision = "review" if control else data.draw(st.sampled_from(["allow", "block"]))
        value = data.draw(st.sampled_from([0.1, 0.55, 0.9]))
        says = data.draw(st.sampled_from([None, 0, 1]))
        of = score(
            f"e{number}", START_MS, score=value, decision=decision, amount=2.0, control=control
        )
        messages += [Message("scores", of | ({"control_weight": 12.5} if control else {}))] * 2
        if says is not None:
            messages += [
                Message("labels", label(f"e{number}", 1 - says, START_MS + 5)),
                Message("labels", label(f"e{number}", says, START_MS + 9)),
            ] * data.draw(st.integers(1, 2))
        wanted.append(
            {"day": 0, "version": "v1", "score": value, "decision": decision, "amount": 2.0,
             "label": says, "control": control, "weight": 12.5}
        )  # fmt: skip
    shuffled = data.draw(st.permutations(messages))
    with read_model(settings) as (intake, store):
        take(intake, Topic("x", list(shuffled)).all)
        found = store.scorecards(PROFILE, Span())
    (card,) = found.cards.values()
    np.testing.assert_array_equal(card, next(iter(cards_of(wanted).cards.values())))


def test_a_span_is_of_whole_days(settings: Settings) -> None:
    with read_model(settings) as (intake, store):
        take(intake, Topic("x", [Message("scores", score("a", START_MS))]).all)
        day = START_MS // DAY_MS * DAY_MS
        assert list(store.scorecards(PROFILE, Span(day, day + DAY_MS)).cards) == [(DAY, "v1")]
        assert not store.scorecards(PROFILE, Span(day + DAY_MS)).cards
        assert not store.scorecards(PROFILE, Span(None, day)).cards
        with pytest.raises(SpanError, match="is within a day, and how good alerts were"):
            store.scorecards(PROFILE, Span(day + 1))


def test_the_latest_labels_of_an_event_are_remembered_in_any_order(settings: Settings) -> None:
    labels = [Message("labels", label("a", n % 2, START_MS + n * 1_000)) for n in range(14)]
    order = np.random.default_rng(1).permutation(14).tolist()
    messages = [labels[row] for row in order]
    messages.insert(5, Message("scores", score("a", START_MS)))
    with read_model(settings) as (intake, store):
        take(intake, Topic("x", [*messages, *messages]).all)
        assert [one.labelled_ms - START_MS for one in store.said(PROFILE, "a")] == [
            n * 1_000 for n in range(13, 3, -1)
        ]
        assert {one.source for one in store.said(PROFILE, "a")} == {"test"}
        assert store.said(PROFILE, "b") == []
