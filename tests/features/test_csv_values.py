"""What the values of a line may be, and what sets the line aside."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.batch import MAX_AMOUNT
from features.csv_source import CsvData, read_transactions
from features.profiles import BANKING_EPOCH_MS
from tests.features.csv_files import (
    BANKING_HEADER,
    BANKING_ROW,
    COLUMNS,
    HEADER,
    ROW,
    banking_row,
    ecommerce_file,
    saved,
    with_value,
)


def read(folder: Path, *rows: str, header: str = HEADER) -> CsvData:
    path = ecommerce_file(folder, *rows, header=header)
    return read_transactions(path, rejects=folder / "rejects.csv")


def reject(folder: Path, *rows: str, header: str = HEADER) -> tuple[str, str, str]:
    """Field, value and code of the one reject among ``rows``."""
    (bad,) = read(folder, *rows, header=header).report.first_rejects
    return bad.field, bad.value, str(bad.code)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("values")


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("732758368.79972", "43.173.1.96"),
        ("732758368.8", "43.173.1.96"),
        ("732758368.9999999999999999", "43.173.1.96"),
        ("732758368", "43.173.1.96"),
        ("7.3275836879972E+08", "43.173.1.96"),
        ("43.173.1.96", "43.173.1.96"),
        ("4294967295.9", "255.255.255.255"),
        ("1", "0.0.0.1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("::ffff:43.173.1.96", "43.173.1.96"),
        ("", None),
        ("NA", None),
    ],
)
def test_addresses_in_every_notation(folder: Path, written: str, address: str | None) -> None:
    data = read(folder, with_value("ip_address", written))
    assert data.batch.text["ip_address"] == [address]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("4294967296", "out_of_range"),
        ("4294967296.5", "out_of_range"),
        ("-1", "out_of_range"),
        ("9" * 5000, "out_of_range"),
        ("7.33E+08", "bad_ip"),
        ("1e-5", "bad_ip"),
        ("256.1.1.1", "bad_ip"),
        ("fe80::1%eth0", "bad_ip"),
        ("here", "bad_ip"),
    ],
)
def test_addresses_that_cannot_be_set_the_line_aside(folder: Path, written: str, code: str) -> None:
    field, value, found = reject(folder, ROW, with_value("ip_address", written))
    assert (field, value, found) == ("ip_address", written[:500], code)


@given(st.integers(0, MAX_AMOUNT * 10_000), st.integers(0, 12), st.sampled_from(["", "+", "00"]))
def test_amounts_are_read_exactly(folder: Path, units: int, zeros: int, front: str) -> None:
    text = f"{front}{Decimal(units).scaleb(-4):.4f}{'0' * zeros}"
    data = read(folder, with_value("purchase_value", text))
    assert data.batch.amount.tolist() == [units]


@pytest.mark.parametrize(
    ("written", "units"), [("1e+05", 10**9), ("34.", 340_000), (".5", 5_000), ("2.5E-3", 25)]
)
def test_amounts_with_exponents_and_bare_points(folder: Path, written: str, units: int) -> None:
    data = read(folder, with_value("purchase_value", written))
    assert data.batch.amount.tolist() == [units]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("34.00001", "out_of_range"),
        ("1." + "0" * 60 + "1", "out_of_range"),
        ("1e-999999999", "out_of_range"),
        ("-0.01", "out_of_range"),
        ("1000000000.0001", "out_of_range"),
        ("1e999999999999999999999", "wrong_type"),
        ("NaN", "missing_field"),
        ("", "missing_field"),
        ("inf", "wrong_type"),
        ("1_000", "wrong_type"),
        ("$34", "wrong_type"),
        ("３４", "wrong_type"),
    ],
)
def test_amounts_that_cannot_be_set_the_line_aside(folder: Path, written: str, code: str) -> None:
    field, _, found = reject(folder, ROW, with_value("purchase_value", written))
    assert (field, found) == ("purchase_value", code)


@given(
    st.floats(-1e15, 1e15, exclude_min=True, exclude_max=True)
    | st.floats(-5e-324, 5e-324)
    | st.floats(1, 2).map(lambda value: value * 1e-300)
)
def test_components_are_read_as_python_reads_them(folder: Path, value: float) -> None:
    for text in (repr(value), f"{value:.25e}", f"{value:.13f}"):
        path = saved(folder, f"{BANKING_HEADER}\n{banking_row('V7', text)}\n", "banking.csv")
        found = read_transactions(path).batch.number["v7"]
        assert found.tobytes() == np.array([float(text)]).tobytes()


@pytest.mark.parametrize(
    ("written", "code"),
    [("1e15", "out_of_range"), ("-1e400", "out_of_range"), ("nan", "missing_field"),
     ("", "missing_field"), ("1_0", "wrong_type"), ("0x1p3", "wrong_type")],
)  # fmt: skip
def test_components_that_cannot_be_set_the_line_aside(
    folder: Path, written: str, code: str
) -> None:
    rows = (BANKING_ROW, banking_row("V7", written))
    field, _, found = reject(folder, *rows, header=BANKING_HEADER)
    assert (field, found) == ("v7", code)


@pytest.mark.parametrize(
    ("written", "millis"),
    [("0", 0), ("1e+05", 100_000_000), ("100000.0", 100_000_000), ("1.001", 1_001),
     ("0.9999", 999), ("-5", -5_000), ("2013-09-01 00:00:01.5", 1_500),
     ("2013-09-01T02:00:00+02:00", 0), ("9/1/2013 0:01", 60_000)],
)  # fmt: skip
def test_banking_times_are_seconds_or_dates(folder: Path, written: str, millis: int) -> None:
    rows = (banking_row("Time", written), banking_row("Time", "9/13/2013 0:00"))
    data = read(folder, *rows, header=BANKING_HEADER)
    assert data.batch.time_ms[0] == BANKING_EPOCH_MS + millis


@pytest.mark.parametrize(
    ("written", "code"),
    [("1e300", "bad_time"), ("-1e10", "bad_time"), ("soon", "bad_time"), ("", "missing_field")],
)
def test_banking_times_that_cannot_be_set_the_line_aside(
    folder: Path, written: str, code: str
) -> None:
    rows = (BANKING_ROW, banking_row("Time", written))
    field, _, found = reject(folder, *rows, header=BANKING_HEADER)
    assert (field, found) == ("time", code)


@pytest.mark.parametrize(
    ("written", "years"), [("39", 39.0), ("39.0", 39.0), ("0", 0.0), ("150", 150.0), ("", math.nan)]
)
def test_ages(folder: Path, written: str, years: float) -> None:
    data = read(folder, with_value("age", written))
    np.testing.assert_array_equal(data.batch.number["age"], [years])


@pytest.mark.parametrize("written", ["-1", "151", "old", "1e400"])
def test_ages_that_cannot_be_set_the_line_aside(folder: Path, written: str) -> None:
    assert reject(folder, ROW, with_value("age", written))[0] == "age"


@pytest.mark.parametrize(
    ("written", "label"),
    [("1", 1), ("0", 0), ('"1"', 1), ("1.0", 1), ("TRUE", 1), ("false", 0), ("", -1), ("NA", -1)],
)
def test_labels(folder: Path, written: str, label: int) -> None:
    assert read(folder, with_value("class", written)).label.tolist() == [label]


def test_a_label_that_is_none_sets_the_line_aside(folder: Path) -> None:
    assert reject(folder, ROW, with_value("class", "2")) == ("class", "2", "bad_label")


@pytest.mark.parametrize("field", COLUMNS[:5])
@pytest.mark.parametrize("written", ["", "NULL", "\u00a0"])
def test_a_required_value_that_is_missing_sets_the_line_aside(
    folder: Path, field: str, written: str
) -> None:
    assert reject(folder, ROW, with_value(field, written)) == (field, written, "missing_field")


def test_a_line_with_several_faults_is_one_reject(folder: Path) -> None:
    bad = with_value("ip_address", "x", with_value("age", "x", with_value("user_id", "")))
    data = read(folder, ROW, bad)
    assert (data.report.accepted, data.report.rejected) == (1, 1)


def test_a_sign_up_after_the_purchase_is_kept(folder: Path) -> None:
    data = read(folder, with_value("signup_time", "2016-01-01 00:00:00"))
    assert data.batch.number["signup_ms"][0] > data.batch.time_ms[0]


def test_repeated_rows_are_kept(folder: Path) -> None:
    assert len(read(folder, ROW, ROW, ROW).batch) == 3


def test_optional_columns_that_are_absent_are_one_warning_and_unknown(folder: Path) -> None:
    row = ",".join(ROW.split(",")[:5])
    data = read(folder, row, header=",".join(COLUMNS[:5]))
    assert data.batch.text["browser"] == [None]
    assert np.isnan(data.batch.number["age"]).all()
    assert data.label.tolist() == [-1]
    (warning,) = data.report.warnings
    assert (
        warning == "no column source, browser, sex, age, ip_address, class: unknown for every event"
    )


def test_the_time_a_label_became_known_is_read_where_there_is_one(folder: Path) -> None:
    rows = (f"{ROW},2015-05-01 00:00:00", f"{ROW},")
    data = read(folder, *rows, header=f"{HEADER},labelled_at")
    np.testing.assert_array_equal(data.labelled_ms, [1_430_438_400_000.0, math.nan])
    assert data.report.warnings == ()


def test_cards_are_read_where_there_are_any(folder: Path) -> None:
    rows = (f"{BANKING_ROW},card-7", f"{BANKING_ROW},")
    data = read(folder, *rows, header=f"{BANKING_HEADER},card_id")
    assert data.batch.text["card_id"] == ["card-7", None]


class TestOwnEventIds:
    header = f"event_id,{HEADER}"

    def test_they_are_taken_as_they_are(self, folder: Path) -> None:
        data = read(folder, f"b-1,{ROW}", f"a-1,{ROW}", header=self.header)
        assert data.batch.event_id == ["b-1", "a-1"]

    def test_one_that_is_missing_sets_the_line_aside(self, folder: Path) -> None:
        rows = (f"a,{ROW}", f",{ROW}")
        assert reject(folder, *rows, header=self.header) == ("event_id", "", "missing_field")

    def test_the_same_event_again_is_kept(self, folder: Path) -> None:
        # Written otherwise, and labelled meanwhile, it is still the same event.
        again = with_value("class", "1", with_value("ip_address", "43.173.1.96"))
        data = read(folder, f"a,{ROW}", f"a,{again}", header=self.header)
        assert data.batch.event_id == ["a", "a"]

    @pytest.mark.parametrize(
        ("field", "value"),
        [("purchase_value", "35"), ("purchase_time", "2015-04-18 02:47:12"), ("age", ""),
         ("device_id", "OTHER"), ("signup_time", "2015-02-24 22:55:48")],
    )  # fmt: skip
    def test_another_event_of_the_same_id_is_set_aside(
        self, folder: Path, field: str, value: str
    ) -> None:
        rows = (f"a,{ROW}", f"b,{ROW}", f"a,{with_value(field, value)}", f"a,{ROW}")
        data = read(folder, *rows, header=self.header)
        (bad,) = data.report.first_rejects
        assert (bad.line, bad.field, bad.value) == (4, "event_id", "a")
        assert str(bad.code) == "duplicate_conflict"
        assert data.line.tolist() == [2, 3, 5]
