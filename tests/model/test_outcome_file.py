"""Outcomes come back as they were stored, in the same bytes each time, and say nobody's name."""

from __future__ import annotations

import io
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ModelError
from model.metrics import Outcomes
from model.outcome_file import decode_outcomes, encode_outcomes

WHERE = "v1/outcomes.npz"
EVENTS = st.lists(
    st.tuples(
        st.booleans(),
        st.floats(0, 1, width=32),
        st.booleans(),
        st.booleans(),
        st.integers(15_000, 21_000),
    ),
    min_size=1,
    max_size=40,
)


def outcomes_of(
    events: list[tuple[bool, float, bool, bool, int]], with_day: bool = True
) -> Outcomes:
    fraud, score, flagged, blocked, day = zip(*events, strict=True)
    return Outcomes(
        np.array(fraud),
        np.array(score, np.float32),
        np.array(flagged),
        np.array(blocked),
        np.array(day, np.int64) if with_day else None,
    )


def some() -> dict[str, Outcomes]:
    events = [(True, 0.75, True, False, 17_000), (False, 0.25, False, False, 17_002)]
    return {"random": outcomes_of(events), "time": outcomes_of(events[1:])}


def rewritten(**changed: np.ndarray | None) -> bytes:
    """The file of ``some`` with other arrays in it."""
    with np.load(io.BytesIO(encode_outcomes(some()))) as archive:
        arrays = {name: archive[name] for name in archive.files} | changed
    buffer = io.BytesIO()
    np.savez(buffer, **{name: column for name, column in arrays.items() if column is not None})
    return buffer.getvalue()


@given(st.dictionaries(st.sampled_from(["random", "time", "attack"]), EVENTS), st.booleans())
def test_outcomes_come_back_with_days_from_the_first(
    events: dict[str, list[tuple[bool, float, bool, bool, int]]], with_day: bool
) -> None:
    stored = {split: outcomes_of(one, with_day) for split, one in events.items()}
    found = decode_outcomes(encode_outcomes(stored), WHERE)
    assert list(found) == list(stored)
    first = min((event[-1] for one in events.values() for event in one), default=0)
    for split, before in stored.items():
        after = found[split]
        for name in ("fraud", "score", "flagged", "blocked"):
            one, other = getattr(before, name), getattr(after, name)
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)
        if before.day is None:
            assert after.day is None
        else:
            assert after.day is not None
            assert after.day.dtype == np.int64
            assert np.array_equal(after.day, before.day - first)


def test_the_same_outcomes_give_the_same_bytes_at_another_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = encode_outcomes(some())
    later, local = time.time() + 400 * 86_400, time.localtime
    monkeypatch.setattr(time, "time", lambda: later)
    monkeypatch.setattr(time, "localtime", lambda at=later: local(at))
    assert encode_outcomes(some()) == before


def test_no_date_is_in_the_file() -> None:
    shifted = {
        split: Outcomes(one.fraud, one.score, one.flagged, one.blocked, one.day + 365)
        for split, one in some().items()
        if one.day is not None
    }
    assert encode_outcomes(shifted) == encode_outcomes(some())


def one_array() -> bytes:
    """What ``np.save`` writes, which is no archive."""
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    return buffer.getvalue()


def encrypted() -> bytes:
    """An archive whose list of members says that they are encrypted."""
    raw = bytearray(encode_outcomes(some()))
    raw[raw.index(b"PK\x01\x02") + 8] |= 1
    return bytes(raw)


@pytest.mark.parametrize(
    "raw", [b"", b"nonsense", encode_outcomes(some())[:200], one_array(), encrypted()]
)
def test_what_is_no_archive_is_refused(raw: bytes) -> None:
    with pytest.raises(ModelError, match=rf"{WHERE}: it is no archive.*fraudstream train CSV"):
        decode_outcomes(raw, WHERE)


@given(st.data())
def test_a_damaged_byte_is_refused_or_changes_nothing(data: st.DataObject) -> None:
    raw = bytearray(encode_outcomes(some()))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = decode_outcomes(bytes(raw), WHERE)
    except ModelError:
        return
    assert {split: len(one.fraud) for split, one in found.items()} == {"random": 2, "time": 1}
    for split, one in some().items():
        assert np.array_equal(found[split].score, one.score)


def test_pickled_objects_are_refused_and_not_opened() -> None:
    class Opened:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return pytest.fail, ("it was unpickled",)

    with pytest.raises(ModelError, match="it is no archive of arrays"):
        decode_outcomes(rewritten(random_score=np.array([Opened()], object)), WHERE)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"random_flagged": None}, "'random_flagged' is missing"),
        ({"random_score": np.zeros(2)}, "'random_score' is float64 of shape"),
        ({"time_fraud": np.zeros((1, 1), bool)}, r"'time_fraud' is bool of shape \(1, 1\)"),
        ({"time_day": np.zeros(3, np.int32)}, "the columns of 'time' differ in length"),
        ({"user_id": np.zeros(2)}, "'user_id' belongs to no split"),
    ],
)
def test_other_arrays_are_refused(changed: dict[str, np.ndarray | None], why: str) -> None:
    with pytest.raises(ModelError, match=why):
        decode_outcomes(rewritten(**changed), WHERE)
