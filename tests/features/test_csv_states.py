"""The same transactions in any state of repair are the same batch."""

from __future__ import annotations

import csv
import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.batch import EventBatch
from features.csv_source import CsvData, read_transactions
from features.validation import decode, to_batch
from producer.encode import encode_events
from tests.features.csv_files import (
    BANKING_HEADER,
    BANKING_ROW,
    DATE_FORMATS,
    HEADER,
    IP_FORMATS,
    ROW,
    Purchase,
    Style,
    packed,
    purchases_csv,
    saved,
)

#: A day over 12, so that every format tells day and month apart; years apart enough from days.
FIRST = Purchase("first", 23_743_355, 23_819_687, 340_000, "DEVICE", "SEO", 39, 732_758_368, 0)
_minutes = st.integers(22_616_640, 24_192_000)  # 2013 to 2015
purchases = st.lists(
    st.builds(
        Purchase,
        user=st.text("abc019", min_size=1, max_size=5),
        signup_minute=_minutes,
        purchase_minute=_minutes,
        units=st.integers(0, 10**13),
        device=st.sampled_from(["A, Inc.", 'say "hi"', "Müller; Söhne", "日本", "tab\u00a0space"]),
        source=st.sampled_from(["SEO", "Ads", None]),
        age=st.none() | st.integers(0, 150),
        ip=st.none() | st.integers(0, 2**32 - 1),
        label=st.sampled_from([0, 1]),
    ),
    max_size=5,
).map(lambda more: [FIRST, *more])
styles = st.builds(
    Style,
    date=st.sampled_from(sorted(DATE_FORMATS)),
    ip=st.sampled_from(sorted(IP_FORMATS)),
    delimiter=st.sampled_from([",", ";", "\t"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be"]),
    compressed=st.booleans(),
    capitals=st.booleans(),
    last_line_end=st.booleans(),
    missing=st.sampled_from(["", " ", "NA", "NULL", "nan", "None"]),
    decimals=st.integers(4, 12),
    backwards=st.booleans(),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("states")


def read(path: Path, **options: str) -> CsvData:
    return read_transactions(path, rejects=path.with_suffix(".rejects"), **options)  # type: ignore[arg-type]


def assert_same_events(one: EventBatch, other: EventBatch) -> None:
    assert one.text == other.text
    np.testing.assert_array_equal(one.time_ms, other.time_ms)
    np.testing.assert_array_equal(one.amount, other.amount)
    for name, column in one.number.items():
        np.testing.assert_array_equal(column, other.number[name])


@given(purchases, styles)
def test_the_way_a_file_is_written_does_not_change_its_events(
    folder: Path, meant: list[Purchase], style: Style
) -> None:
    plain = read(saved(folder, purchases_csv(meant, Style())))
    found = read(saved(folder, purchases_csv(meant, style), "styled.csv"))
    assert_same_events(found.batch, plain.batch)
    np.testing.assert_array_equal(found.label, plain.label)
    np.testing.assert_array_equal(found.line, plain.line)
    assert found.report.rejected == 0


@given(purchases, styles)
def test_events_are_what_the_file_means(folder: Path, meant: list[Purchase], style: Style) -> None:
    found = read(saved(folder, purchases_csv(meant, style)))
    batch = found.batch
    assert batch.text["user_id"] == [one.user for one in meant]
    assert batch.text["device_id"] == [one.device for one in meant]
    assert batch.text["source"] == [one.source for one in meant]
    assert batch.text["ip_address"] == [
        None if one.ip is None else IP_FORMATS["dotted"](one.ip) for one in meant
    ]
    assert batch.amount.tolist() == [one.units for one in meant]
    assert batch.time_ms.tolist() == [one.purchase_minute * 60_000 for one in meant]
    assert batch.number["signup_ms"].tolist() == [one.signup_minute * 60_000 for one in meant]
    ages = [np.nan if one.age is None else one.age for one in meant]
    np.testing.assert_array_equal(batch.number["age"], ages)
    assert found.label.tolist() == [one.label for one in meant]
    assert found.line.tolist() == list(range(2, len(meant) + 2))


@given(purchases, styles)
def test_what_can_be_read_can_be_replayed(
    folder: Path, meant: list[Purchase], style: Style
) -> None:
    batch = read(saved(folder, purchases_csv(meant, style))).batch
    now = np.full(len(batch), batch.time_ms.max())
    decoded = decode("ecommerce", encode_events(batch), now, 0)
    assert decoded.rejected == {}
    received = to_batch("ecommerce", [event for event in decoded.event if event is not None])
    assert received.event_id == batch.event_id
    assert_same_events(received, batch)


def test_ids_hold_the_hash_of_the_decompressed_file_and_the_line(tmp_path: Path) -> None:
    content = f"{HEADER}\n{ROW}\n\n{ROW}\n".encode()
    expected = hashlib.sha256(content).hexdigest()
    for path in (
        saved(tmp_path, content),
        saved(tmp_path, gzip.compress(content), "events.csv.gz"),
        saved(tmp_path, gzip.compress(content), "gzip-in-all-but-name.csv"),
    ):
        data = read(path)
        assert data.report.sha256 == expected
        assert data.batch.event_id == [
            f"ecommerce-{expected[:8]}-000000000002",
            f"ecommerce-{expected[:8]}-000000000004",
        ]


def test_gzip_of_several_members_is_one_file(tmp_path: Path) -> None:
    parts = [f"{HEADER}\n{ROW[:20]}", f"{ROW[20:]}\n", f"{ROW}\n"]
    path = saved(tmp_path, b"".join(gzip.compress(part.encode()) for part in parts))
    assert read(path).report.accepted == 2


def test_the_report_says_how_the_file_was_written(tmp_path: Path) -> None:
    style = Style(line_end="\r\n", encoding="utf-8-sig", delimiter=";", date="us", compressed=True)
    report = read(saved(tmp_path, purchases_csv([FIRST], style))).report
    assert report.encoding == "utf-8 with byte order mark"
    assert (report.line_ends, report.delimiter, report.compressed) == ("crlf", ";", True)
    assert report.date_order == "mdy"
    assert report.repairs == {"date_mdy": 2, "ip_integer": 1}
    assert (report.first_ms, report.last_ms) == (FIRST.purchase_minute * 60_000,) * 2


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_banking_files_too(tmp_path: Path, line_end: str, encoding: str) -> None:
    text = line_end.join((BANKING_HEADER, BANKING_ROW, BANKING_ROW.replace("406", "1e+05"), ""))
    data = read(saved(tmp_path, packed(text, Style(encoding=encoding))))
    assert data.report.kind == "banking"
    assert data.batch.time_ms.tolist() == [1_377_994_006_000, 1_378_093_600_000]
    assert data.batch.amount.tolist() == [1_496_200, 1_496_200]
    assert data.batch.number["v1"].tolist() == [-1.5, -1.5]
    assert data.batch.number["v28"].tolist() == [27 / 8 - 1.5] * 2


def test_a_file_with_decimal_commas_is_the_same_as_one_with_points(tmp_path: Path) -> None:
    plain = f"{BANKING_HEADER}\n{BANKING_ROW}\n"
    commas = plain.replace(",", ";").replace(".", ",")
    found = read(saved(tmp_path, commas, "commas.csv"))
    assert_same_events(found.batch, read(saved(tmp_path, plain)).batch)
    assert found.report.repairs["decimal_comma"] > 0


def test_a_thousands_comma_is_not_taken_for_a_decimal_one(tmp_path: Path) -> None:
    rows = [ROW.replace(",", ";").replace(";34;", ";1,234;"), ROW.replace(",", ";")]
    data = read(saved(tmp_path, "\n".join([HEADER.replace(",", ";"), *rows]) + "\n"))
    assert data.batch.amount.tolist() == [340_000]
    assert [bad.field for bad in data.report.first_rejects] == ["purchase_value"]
