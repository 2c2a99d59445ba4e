"""Whatever happens to a file's bytes: a batch and an account of every line, or one error."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import FraudstreamError
from features.csv_source import read_ip_ranges, read_transactions
from tests.features.csv_files import (
    BANKING_HEADER,
    BANKING_ROW,
    HEADER,
    IP_HEADER,
    ROW,
    saved,
    with_value,
)

T = TypeVar("T")

_ECOMMERCE = "\n".join(
    (HEADER, ROW, with_value("signup_time", "2/24/2015 22:55"), with_value("age", ""), ROW, "")
).encode()
_BANKING = "\n".join((BANKING_HEADER, BANKING_ROW, BANKING_ROW, "")).encode()
_TABLE = (
    f"{IP_HEADER}\n16777216.0,16777471,Australia\n16777472,16777727,China\n"
    "1.68E+07,16778239,China\n::1,::ff,France\n"
).encode()
_PIECES = st.sampled_from(
    [b'"', b"\n", b"\r", b",", b";", b"\t", b"\0", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"\x85",
     b"\x1f\x8b", b"1e999", b"-1", b"NaN", b"2015-13-01", b"31/12/2015", b"12/31/15 ", b"9" * 30,
     b"\xe2\x80\xa8", b"\x1c", b"E+09", b"::", b"%", b"inf", b"_"]
) | st.binary(max_size=4)  # fmt: skip
edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), _PIECES | st.just(b"")), min_size=1, max_size=6
)


def mutilated(content: bytes, changes: list[tuple[float, int, bytes]]) -> bytes:
    for at, length, piece in changes:
        start = int(at * len(content))
        content = content[:start] + piece + content[start + length :]
    return content


def data_lines(content: bytes) -> int:
    """Lines below the first that are not blank."""
    lines = [line.decode("utf-8", "replace") for line in content.splitlines()]
    return max(sum(bool(line.strip()) for line in lines) - 1, 0)


def outcome(read: Callable[[], T]) -> T | FraudstreamError:
    try:
        return read()
    except FraudstreamError as error:
        return error


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mutilated")


@given(st.sampled_from([_ECOMMERCE, _BANKING]), edits, st.booleans())
def test_every_line_of_a_mutilated_file_is_accounted_for(
    folder: Path, content: bytes, changes: list[tuple[float, int, bytes]], compressed: bool
) -> None:
    content = mutilated(content, changes)
    path = saved(folder, gzip.compress(content) if compressed else content)
    data = outcome(lambda: read_transactions(path, rejects=folder / "rejects.csv"))
    if isinstance(data, FraudstreamError):
        assert str(path) in str(data)
        return
    report = data.report
    assert len(data.batch) == len(data.line) == len(data.label) == report.accepted
    assert sorted({*data.line.tolist(), *(bad.line for bad in report.first_rejects)})[0] > 1
    if report.encoding == "utf-16":
        return
    if b'"' in content.split(b"\n", 1)[-1]:
        assert report.data_lines <= data_lines(content)
    else:
        assert report.data_lines == data_lines(content)


@given(edits)
def test_every_line_of_a_mutilated_ip_table_is_accounted_for(
    folder: Path, changes: list[tuple[float, int, bytes]]
) -> None:
    content = mutilated(_TABLE, changes)
    path = saved(folder, content, "table.csv")
    table = outcome(lambda: read_ip_ranges(path))
    if isinstance(table, FraudstreamError):
        assert str(path) in str(table)
        return
    ranges = table.ranges
    assert len(ranges) == table.report.accepted
    for one, after in pairwise(ranges):
        assert (one.version, one.upper) < (after.version, after.lower)
    if b'"' not in content and table.report.encoding != "utf-16":
        assert table.report.data_lines == data_lines(content)


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_mutilated_gzip_file_is_read_whole_or_warned_of_or_refused(
    folder: Path, at: int, piece: bytes
) -> None:
    packed = gzip.compress(_BANKING, mtime=0)
    at %= len(packed)
    path = saved(folder, packed[:at] + piece + packed[at + len(piece) :], "damaged.csv.gz")
    data = outcome(lambda: read_transactions(path, rejects=folder / "rejects.csv"))
    if isinstance(data, FraudstreamError):
        assert str(path) in str(data)
    elif data.report.accepted < 2:
        assert data.report.warnings
