"""Compaction as a function of a log."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.batch import EventBatch
from features.compaction import compacted
from features.declared import CAP, HORIZON_MS, LOOK_BACK_MS, SLACK
from features.entry import ENTRY_BYTES, pack_entries
from tests.features.events import START, arrivals, make_batch


def entries(batch: EventBatch) -> np.ndarray:
    return pack_entries(batch, np.zeros(len(batch), np.int16))


def plain_batch(ids: list[str], time: list[int]) -> EventBatch:
    n = len(ids)
    return make_batch(ids, time, [10_000] * n, ["u"] * n, ["d"] * n, [None] * n)


def test_order_of_arrival_is_kept_and_repeats_and_the_too_old_are_dropped() -> None:
    ids = ["late", "old", "a", "b", "a", "kept"]
    newest = START + 60
    border = newest - LOOK_BACK_MS - HORIZON_MS
    log = entries(plain_batch(ids, [START + 50, border, START, newest, START, border + 1]))
    assert compacted(log.tobytes()) == log[[0, 2, 3, 5]].tobytes()


def test_newest_cap_and_slack_by_event_order_are_kept() -> None:
    n = CAP + SLACK + 100
    order = np.random.default_rng(3).permutation(n)
    log = entries(plain_batch([f"{i:05d}" for i in order], [START + int(i) // 4 for i in order]))
    assert compacted(log.tobytes()) == log[order >= 100].tobytes()


@given(batch=arrivals(), cuts=st.lists(st.integers(1, 48), max_size=3))
def test_compacting_early_or_late_gives_the_same_log(batch: EventBatch, cuts: list[int]) -> None:
    log = entries(batch).tobytes()
    result, start = b"", 0
    for cut in sorted(cuts):
        result = compacted(result + log[start * ENTRY_BYTES : cut * ENTRY_BYTES])
        start = cut
    assert compacted(result + log[start * ENTRY_BYTES :]) == compacted(log)


@given(seed=st.integers(0, 2**32), cut=st.floats(0.01, 1))
def test_compacting_a_long_log_early_or_late_gives_the_same_log(seed: int, cut: float) -> None:
    rng = np.random.default_rng(seed)
    number = rng.integers(0, CAP + SLACK + 300, 2 * (CAP + SLACK))  # with many repeats
    log = entries(plain_batch([str(i) for i in number], [START + int(i) // 3 for i in number]))
    at = int(cut * len(log))
    early = compacted(log[:at].tobytes())
    assert compacted(early + log[at:].tobytes()) == compacted(log.tobytes())
