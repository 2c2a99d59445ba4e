"""Order keys of event ids."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from features.batch import ORDER_BYTES, order_key, order_keys

IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)


@given(IDS)
def test_one_key_and_a_column_of_keys_agree(event_id: str) -> None:
    assert order_keys([event_id])[0] == order_key(event_id)


@given(IDS, IDS)
def test_ids_that_fit_are_ordered_as_their_bytes(left: str, right: str) -> None:
    raw_left, raw_right = left.encode(), right.encode()
    if max(len(raw_left), len(raw_right)) <= ORDER_BYTES:
        assert (order_key(left) < order_key(right)) == (raw_left < raw_right)


@given(IDS, IDS)
def test_different_ids_have_different_keys(left: str, right: str) -> None:
    assert (order_key(left) == order_key(right)) == (left == right)
