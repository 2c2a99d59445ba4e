"""Rules of single values that messages and CSV files share: times, amounts, addresses."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from decimal import ROUND_FLOOR, Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import RejectedEvent
from core.names import RejectCode
from features.batch import MAX_AMOUNT
from features.profiles import BANKING_EPOCH_MS
from features.rules_of_fields import (
    all_dotted_ipv4,
    amount_in_units,
    amounts_in_units,
    ip_text,
    shown,
)
from features.rules_of_times import END_TIME_MS, banking_time, written_time, written_times
from tests.features.written_events import addresses
from tests.features.written_events import written_times as ways_to_write


def refused_as(code: RejectCode) -> AbstractContextManager[object]:
    return pytest.raises(RejectedEvent, check=lambda error: error.code == code)


@given(written=ways_to_write())
def test_a_time_is_read_in_every_way_of_writing_it(written: tuple[str, int]) -> None:
    text, time_ms = written
    assert written_time("purchase_time", text) == time_ms


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("1970-01-01T00:00:00.000Z", 0),
        ("1969-12-31T23:00:00-01:00", 0),
        ("2200-12-31T23:59:59.999Z", END_TIME_MS - 1),
        ("2201-01-01T00:30:00.000+01:00", END_TIME_MS - 1_800_000),
        ("2015-02-24 22:55", 1_424_818_500_000),
        ("2015-02-24T22:55:49.9999999Z", 1_424_818_549_999),
        ("2016-02-29T00:00:00Z", 1_456_704_000_000),
    ],
)
def test_times_at_the_edges(text: str, time_ms: int) -> None:
    assert written_time("signup_time", text) == time_ms


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "today", "NaT", "2015", "2015-02", "2015-02-24", "20150224T225549Z", "22:55:49",
        "2015-02-29T00:00:00Z", "2015-13-01T00:00:00Z", "2015-00-10T00:00:00Z",
        "2015-02-24T24:00:00Z", "2015-02-24T22:60:00Z", "2015-02-24T22:55:60Z",
        "2015-02-24T22:55:49.Z", "2015-02-24T22:55:49 Z", "2015-02-24t22:55:49z",
        "2015-02-24T22:55:49.000z", "2015-02-24T22:55:49+24:00", "2015-02-24T22:55:49+01:60",
        "2/24/2015 22:55", "2015-W09-2T22:55:49Z", "2015-055T22:55:49Z", " 2015-02-24T22:55:49Z",
        "2015-02-24T22:55:49Z ", "2015-02-24T22:55:49Z\n", "2015-02-24x22:55:49.000Z",
        "２０15-02-24T22:55:49Z", "0000-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z",
        "2201-01-01T00:00:00.000Z", "9999-12-31T23:59:59Z", "1970-01-01T00:30:00+01:00",
        "-015-02-24T22:55:49.000Z", "2015-02-24T22:55:49.1234567890Z", "1424818549",
        "2015-02-24T22:55:49.00 Z", "2015-02-24T22:55:49.-10Z",
    ],
)  # fmt: skip
def test_what_is_no_time_between_1970_and_2200_is_refused(text: str) -> None:
    with refused_as(RejectCode.BAD_TIME):
        written_time("purchase_time", text)
    assert written_times([text]) is None


looks = st.from_regex(
    re.compile(
        r"[012]\d{3}-[01]\d-[0-3]\d[T x][0-2]\d:[0-6]\d:[0-6]\d([.,]\d{1,7})?(Z|\+00:00|z)?",
        re.ASCII,
    ),
    fullmatch=True,
)


@given(texts=st.lists(looks, min_size=1, max_size=4))
def test_a_column_of_times_reads_what_each_alone_reads(texts: list[str]) -> None:
    column = written_times(texts)
    if column is not None:
        assert column.tolist() == [written_time("time", text) for text in texts]


@pytest.mark.parametrize("zone", ["", "Z", "+00:00"])
@pytest.mark.parametrize("fraction", ["", ".123", ".123999"])
def test_the_common_ways_are_read_by_the_column(fraction: str, zone: str) -> None:
    texts = [f"2015-02-{day:02d}T22:55:49{fraction}{zone}" for day in range(1, 29)]
    column = written_times(texts)
    assert column is not None
    assert column.tolist() == [written_time("time", text) for text in texts]


@given(millis=st.integers(0, END_TIME_MS - 1 - BANKING_EPOCH_MS))
def test_seconds_with_three_decimals_keep_their_millisecond(millis: int) -> None:
    assert banking_time("time", millis / 1000) == BANKING_EPOCH_MS + millis


@given(micros=st.integers(-(10**15), 10**15))
def test_seconds_are_floored_to_the_millisecond(micros: int) -> None:
    seconds = Decimal(micros).scaleb(-6)
    floored = int((seconds * 1000).to_integral_value(ROUND_FLOOR))
    assert banking_time("time", float(seconds)) == BANKING_EPOCH_MS + floored


@pytest.mark.parametrize(
    "seconds", [-1_377_993_600.001, -(10**10), 1e10, 1e300, 10**12, float("nan")]
)
def test_seconds_outside_1970_to_2200_are_refused(seconds: float) -> None:
    with refused_as(RejectCode.BAD_TIME):
        banking_time("time", seconds)


def test_seconds_before_the_epoch_of_the_profile_are_times_too() -> None:
    assert banking_time("time", -1_377_993_600) == 0
    assert banking_time("time", -0.0005) == BANKING_EPOCH_MS - 1


@given(units=st.integers(0, 10_000 * MAX_AMOUNT))
def test_amounts_of_four_decimals_are_exact(units: int) -> None:
    assert amount_in_units("amount", units / 10_000) == units


@given(values=st.lists(st.floats() | st.integers(-1, 10**14).map(lambda units: units / 10_000)))
def test_a_column_of_amounts_is_judged_like_each_alone(values: list[float]) -> None:
    units, fits = amounts_in_units(np.array(values, np.float64))
    for value, unit, fit in zip(values, units.tolist(), fits.tolist(), strict=True):
        if fit:
            assert amount_in_units("amount", value) == unit
        else:
            with refused_as(RejectCode.OUT_OF_RANGE):
                amount_in_units("amount", value)


@given(pair=addresses())
def test_addresses_become_canonical(pair: tuple[str | int | None, str | None]) -> None:
    written, canonical = pair
    assert ip_text("ip_address", written) == canonical
    assert ip_text("ip_address", canonical) == canonical


@pytest.mark.parametrize(
    "text",
    ["x", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.04", " 1.2.3.4", "1.2.3.4\n",
     "1.2.3.4/32", "1.2.3.4,5.6.7.8", "732758368", "732758368.79972", "::ffff:1.2.3", ":::",
     "1::2::3", "fe80::1%eth0", "g::1", "0x7f000001", "１.2.3.4", "1.2.3.-4", "+1.2.3.4",
     "a" * 10_000],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with refused_as(RejectCode.BAD_IP):
        ip_text("ip_address", text)
    assert not all_dotted_ipv4([text])
    assert not all_dotted_ipv4(["1.2.3.4", text])


@given(texts=st.lists(st.text("0123456789.,", max_size=16) | st.ip_addresses(v=4).map(str)))
def test_a_column_of_addresses_is_judged_like_each_alone(texts: list[str]) -> None:
    if all_dotted_ipv4(texts):
        assert [ip_text("ip_address", text) for text in texts] == texts


def test_a_long_column_of_addresses_is_judged_at_once() -> None:
    assert all_dotted_ipv4(["255.249.199.99"] * 20_000)


@given(value=st.text() | st.integers() | st.floats() | st.lists(st.text()))
def test_shown_values_are_short_and_printable(value: object) -> None:
    assert len(shown(value)) <= 80
    shown(value).encode()
