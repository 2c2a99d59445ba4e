from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from model.exploration.finding import percent
from model.exploration.shares import rank_correlation, separation, share_of

NUMBERS = st.lists(st.integers(-5, 5), min_size=2, max_size=40)


def test_wilson_interval_of_nothing_in_ten() -> None:
    share = share_of(0, 10)
    assert share is not None
    assert (share.value, share.low) == (0.0, 0.0)
    assert share.high == pytest.approx(0.27753, abs=1e-5)  # z² / (10 + z²)


@given(st.integers(1, 5_000), st.data())
def test_an_interval_holds_its_share(total: int, data: st.DataObject) -> None:
    share = share_of(data.draw(st.integers(0, total)), total)
    assert share is not None
    assert 0 <= share.low <= share.value + 1e-12
    assert share.value - 1e-12 <= share.high <= 1


def test_no_events_have_no_share() -> None:
    assert share_of(0, 0) is None


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-1, 1)), min_size=1, max_size=40))
def test_separation_is_the_roc_auc_of_labelled_events(rows: list[tuple[int, int]]) -> None:
    values = np.array([value for value, _ in rows], np.float64)
    label = np.array([one for _, one in rows], np.int8)
    found = separation(values, label)
    known = label >= 0
    if len(set(label[known].tolist())) < 2:
        assert found is None
    else:
        assert found == pytest.approx(roc_auc_score(label[known], values[known]))


@given(NUMBERS, st.randoms(use_true_random=False))
def test_rank_correlation_leaves_out_what_is_unknown(first: list[int], random: object) -> None:
    second = list(first)
    random.shuffle(second)  # type: ignore[attr-defined]
    one, two = np.array([*first, 9, np.nan]), np.array([*second, np.nan, 9])
    found = rank_correlation(one, two)
    if len(set(first)) == 1:
        assert found is None
    else:
        assert found == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 %"), (1.0, "100 %"), (0.00001, "under 0.01 %"), (0.99999, "over 99.9 %"),
     (0.0021, "0.21 %"), (0.0461, "4.6 %")],
)  # fmt: skip
def test_a_share_is_never_rounded_to_none_or_all(value: float, text: str) -> None:
    assert percent(value) == text
