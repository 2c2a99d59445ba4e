"""Day and month order is decided by the whole file, or refused; zones are applied."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError, DataError
from features.csv_source import CsvData, read_transactions
from tests.features.csv_files import ROW, ecommerce_file, ms, with_value


def read(folder: Path, *times: str, signup: str = "2015-02-24", **options: str) -> CsvData:
    """A file of one row per purchase time."""
    rows = [with_value("purchase_time", time, with_value("signup_time", signup)) for time in times]
    path = ecommerce_file(folder, *rows)
    return read_transactions(path, rejects=folder / "rejects.csv", **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dates")


def test_one_value_over_twelve_decides_for_the_file(folder: Path) -> None:
    us = read(folder, "1/2/2015 10:00", "2/24/2015 22:55")
    assert us.report.date_order == "mdy"
    assert us.batch.time_ms.tolist() == [ms("2015-01-02T10:00"), ms("2015-02-24T22:55")]
    eu = read(folder, "1/2/2015 10:00", "24/2/2015 22:55")
    assert eu.report.date_order == "dmy"
    assert eu.batch.time_ms.tolist() == [ms("2015-02-01T10:00"), ms("2015-02-24T22:55")]


def test_a_value_of_another_column_decides_too(folder: Path) -> None:
    data = read(folder, "1/2/2015 10:00", signup="24/12/2014")
    assert data.batch.time_ms.tolist() == [ms("2015-02-01T10:00")]


def test_a_file_that_leaves_the_order_open_is_refused_with_the_remedy(folder: Path) -> None:
    with pytest.raises(DataError, match=r"'1/2/2015'.*--date-order mdy, dmy or ymd"):
        read(folder, "1/2/2015 10:00", "3/4/2015 10:00")


@pytest.mark.parametrize(("order", "day"), [("mdy", "2015-01-02"), ("dmy", "2015-02-01")])
def test_the_remedy_works(folder: Path, order: str, day: str) -> None:
    data = read(folder, "1/2/2015 10:00", date_order=order)
    assert data.batch.time_ms.tolist() == [ms(f"{day}T10:00")]


def test_dates_that_mean_the_same_in_both_orders_need_no_decision(folder: Path) -> None:
    data = read(folder, "1/1/2015 10:00", "5/5/2015 10:00")
    assert data.batch.time_ms.tolist() == [ms("2015-01-01T10:00"), ms("2015-05-05T10:00")]


def test_a_file_that_contradicts_itself_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match=r"contradict.*'24/2/2015'.*'2/24/2015'.*--date-order"):
        read(folder, "2/24/2015 10:00", "24/2/2015 10:00")


def test_with_an_order_given_dates_of_the_other_order_are_set_aside(folder: Path) -> None:
    data = read(folder, "2/24/2015 10:00", "24/2/2015 10:00", date_order="mdy")
    (bad,) = data.report.first_rejects
    assert (bad.line, bad.field, bad.value) == (3, "purchase_time", "24/2/2015 10:00")
    assert data.line.tolist() == [2]


def test_dates_of_rejected_lines_do_not_leave_the_order_open(folder: Path) -> None:
    rows = (ROW, with_value("user_id", "", with_value("signup_time", "8/11/2015 19:00")))
    data = read_transactions(ecommerce_file(folder, *rows), rejects=folder / "rejects.csv")
    assert data.report.accepted == 1


def test_dates_of_rejected_lines_decide_where_others_do_not(folder: Path) -> None:
    row = with_value("signup_time", "8/11/2015 19:00")
    cut = with_value("user_id", "", with_value("signup_time", "8/31/2015 19:00"))
    data = read_transactions(ecommerce_file(folder, row, cut), rejects=folder / "rejects.csv")
    assert data.batch.number["signup_ms"].tolist() == [ms("2015-08-11T19:00")]


def test_years_of_two_digits_at_the_end(folder: Path) -> None:
    us = read(folder, "2/24/15 22:55", "12/31/69 0:00", signup="1/1/15")
    assert us.batch.time_ms.tolist() == [ms("2015-02-24T22:55")]
    assert us.report.first_rejects[0].value == "12/31/69 0:00"  # 1969 is before our time
    days = [f"{day}/2/15" for day in range(1, 29)]
    assert read(folder, *days).batch.time_ms[-1] == ms("2015-02-28T00:00")


def test_years_of_two_digits_in_front(folder: Path) -> None:
    days = [f"15/2/{day}" for day in range(1, 29)]
    assert read(folder, *days).batch.time_ms[-1] == ms("2015-02-28T00:00")
    with pytest.raises(DataError, match="--date-order"):
        read(folder, "15/2/14 10:00")
    assert read(folder, "15/2/14", date_order="ymd").batch.time_ms.tolist() == [ms("2015-02-14")]
    assert read(folder, "15/2/14", date_order="dmy").batch.time_ms.tolist() == [ms("2014-02-15")]


@pytest.mark.parametrize(
    ("written", "time"),
    [
        ("2015-02-24 22:55:49", "2015-02-24T22:55:49"),
        ("2015-02-24T22:55:49Z", "2015-02-24T22:55:49"),
        ("2015-02-24 22:55:49 UTC", "2015-02-24T22:55:49"),
        ("2015-02-24T22:55:49.123456+01:00", "2015-02-24T21:55:49.123"),
        ("2015-02-24T22:55:49.9999-0330", "2015-02-25T02:25:49.999"),
        ("2015-02-24  22:55", "2015-02-24T22:55:00"),
        ("2015/2/4 2:05", "2015-02-04T02:05:00"),
        ("2/24/2015 12:05 AM", "2015-02-24T00:05:00"),
        ("2/24/2015 12:05:01 p.m.", "2015-02-24T12:05:01"),
        ("24.02.2015 22:55", "2015-02-24T22:55:00"),
        ("2015-02-24", "2015-02-24T00:00:00"),
    ],
)
def test_formats(folder: Path, written: str, time: str) -> None:
    assert read(folder, written).batch.time_ms.tolist() == [ms(time)]


@pytest.mark.parametrize(
    "written",
    ["2015-02-30 10:00", "2015-13-01 10:00", "2015-02-24 24:00", "2015-02-24 22:60",
     "2015-02-24 22:55:60", "2015-02-24 13:00 PM", "24-Feb-2015", "20150224", "1424818549",
     "42059.95", "2/30/2015 10:00", "13/13/2015 10:00", "1969-12-31 23:59:59", "2201-01-01 00:00",
     "0000-00-00 00:00:00", "2015-02-24 22:55+25:00", "yesterday", "2015-02-24 2", "２０15-02-24"],
)  # fmt: skip
def test_what_is_no_time_sets_the_line_aside(folder: Path, written: str) -> None:
    data = read(folder, "2/24/2015 10:00", written, "2015-02-24 10:00")
    (bad,) = data.report.first_rejects
    assert (bad.line, bad.field, bad.value, str(bad.code)) == (
        3, "purchase_time", written, "bad_time",
    )  # fmt: skip
    assert data.batch.time_ms.tolist() == [ms("2015-02-24T10:00")] * 2


def test_dates_without_time_are_midnight_and_counted(folder: Path) -> None:
    data = read(folder, "2015-02-24", signup="2015-02-24 00:00")
    assert data.report.repairs["date_without_time"] == 1


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1)),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
)
def test_times_without_zone_are_in_the_zone_given(folder: Path, local: datetime, tz: str) -> None:
    written = local.isoformat(sep=" ", timespec="milliseconds")
    data = read(folder, written, f"{written}Z", tz=tz)
    local = datetime.fromisoformat(written)
    there = local.replace(tzinfo=ZoneInfo(tz)) - datetime(1970, 1, 1, tzinfo=UTC)
    here = local.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    expected = [round(there.total_seconds() * 1000), round(here.total_seconds() * 1000)]
    np.testing.assert_array_equal(data.batch.time_ms, expected)


def test_times_at_a_clock_change_are_counted(folder: Path) -> None:
    times = ("2015-03-29 02:30", "2015-10-25 02:30", "2015-07-01 02:30")
    data = read(folder, *times, tz="Europe/Berlin")
    assert data.report.repairs["clock_change"] == 2
    assert data.batch.time_ms.tolist() == [
        ms("2015-03-29T01:30"), ms("2015-10-25T00:30"), ms("2015-07-01T00:30"),
    ]  # fmt: skip


def test_unknown_zones_and_orders_are_wrong_use(folder: Path) -> None:
    with pytest.raises(ConfigError, match="Atlantis"):
        read(folder, "2015-02-24", tz="Atlantis")
    with pytest.raises(ConfigError, match="America"):
        read(folder, "2015-02-24", tz="America")
    with pytest.raises(ConfigError, match="ydm"):
        read(folder, "2015-02-24", date_order="ydm")
