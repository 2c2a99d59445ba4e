"""A dataset sees only the past, drops repeats, and keeps the past of unlabelled events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.errors import DataError
from model.fitting.dataset import MIN_OF_EACH, make_dataset, share_of_time
from tests.model.events import DAY, SPAN, START, countries, joined, labelled_events, renamed


def test_rows_stand_in_event_order_with_their_labels() -> None:
    batch, label = labelled_events()
    data = make_dataset(batch, label, countries())
    order = batch.in_total_order()
    assert np.array_equal(data.time_ms, batch.time_ms[order])
    assert np.array_equal(data.fraud, label[order] == 1)
    amounts = (batch.amount[order] / 10_000).astype(np.float32)
    assert np.array_equal(data.column("purchase_value"), amounts)


def test_the_order_of_the_file_does_not_matter() -> None:
    batch, label = labelled_events()
    shuffled = np.random.default_rng(1).permutation(len(batch))
    one = make_dataset(batch, label, countries())
    other = make_dataset(batch.take(shuffled), label[shuffled], countries())
    assert one.matrix.tobytes() == other.matrix.tobytes()
    assert np.array_equal(one.fraud, other.fraud)


def test_rows_know_nothing_of_what_comes_later() -> None:
    batch, label = labelled_events()
    until = START + SPAN // 2
    whole = make_dataset(batch, label, countries())
    past = make_dataset(batch, label, countries(), until)
    assert 0 < len(past) < len(whole)
    assert past.time_ms.max() < until <= whole.time_ms[len(past)]
    assert past.matrix.tobytes() == whole.matrix[: len(past)].tobytes()


def test_features_do_not_depend_on_labels() -> None:
    batch, label = labelled_events()
    one = make_dataset(batch, label, countries())
    other = make_dataset(batch, np.roll(label, 7), countries())
    assert one.matrix.tobytes() == other.matrix.tobytes()
    assert not np.array_equal(one.fraud, other.fraud)


def test_repeats_under_another_id_are_dropped_before_anything_else() -> None:
    batch, label = labelled_events()
    repeated = joined(batch, renamed(batch.take(range(100)), "z"))
    data = make_dataset(repeated, np.concatenate([label, label[:100]]), countries())
    assert data.duplicates == 100
    assert data.matrix.tobytes() == make_dataset(batch, label, countries()).matrix.tobytes()


@pytest.mark.parametrize("column", ["user_id", "browser", "ip_address"])
def test_events_that_differ_in_one_field_are_no_repeats(column: str) -> None:
    batch, label = labelled_events()
    again = renamed(batch.take(range(10)), "z")
    again = replace(again, text={**again.text, column: ["other"] * 10})
    if column == "ip_address":
        again = replace(again, text={**again.text, column: ["9.9.9.9"] * 10})
    both = make_dataset(joined(batch, again), np.concatenate([label, label[:10]]), countries())
    assert both.duplicates == 0
    assert len(both) == len(batch) + 10


def test_events_without_a_label_give_history_but_no_rows() -> None:
    batch, label = labelled_events()
    some = label.copy()
    some[::3] = -1
    data = make_dataset(batch, some, countries())
    whole = make_dataset(batch, label, countries())
    kept = some[batch.in_total_order()] >= 0
    assert data.unlabelled == (some == -1).sum()
    assert data.matrix.tobytes() == np.ascontiguousarray(whole.matrix[kept]).tobytes()


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (-1, "none of the 1,200 events has a label"),
        (0, "all 1,200 labelled events are honest"),
        (1, "all 1,200 labelled events are fraud"),
    ],
)
def test_labels_of_one_kind_are_refused(label: int, message: str) -> None:
    batch, _ = labelled_events()
    with pytest.raises(DataError, match=message):
        make_dataset(batch, np.full(len(batch), label, np.int8), countries())


def test_too_few_of_a_class_are_refused() -> None:
    batch, label = labelled_events()
    label[:] = 0
    label[: MIN_OF_EACH - 1] = 1
    with pytest.raises(DataError, match=r"19 fraud and 1,181 honest events are too few"):
        make_dataset(batch, label, countries())


def test_too_early_an_end_is_named() -> None:
    batch, label = labelled_events()
    with pytest.raises(DataError, match="before --until"):
        make_dataset(batch, label, countries(), START)


def test_a_share_is_one_of_time_not_of_events() -> None:
    times = np.array([START, START + DAY, START + DAY, START + 10 * DAY])
    assert share_of_time(times, 0.6) == START + 6 * DAY
    with pytest.raises(DataError, match="no usable event"):
        share_of_time(times[:0], 0.6)
