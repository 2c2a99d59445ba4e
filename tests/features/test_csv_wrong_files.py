"""A file that cannot be what it was given for is one clear error."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
from pathlib import Path

import pytest

from core.errors import ConfigError, DataError
from features.csv_source import detect_kind, read_ip_ranges, read_transactions
from tests.features.csv_files import (
    BANKING_HEADER,
    BANKING_ROW,
    HEADER,
    IP_HEADER,
    ROW,
    ecommerce_file,
    saved,
)


@pytest.fixture
def banking(tmp_path: Path) -> Path:
    return ecommerce_file(tmp_path, BANKING_ROW, header=BANKING_HEADER)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return ecommerce_file(tmp_path, "16777216.0,16777471,Australia", header=IP_HEADER)


def test_kinds_are_told_by_the_header(tmp_path: Path) -> None:
    for header, kind in (
        (HEADER, "ecommerce"),
        (BANKING_HEADER, "banking"),
        (IP_HEADER, "ip_table"),
    ):
        assert detect_kind(ecommerce_file(tmp_path, header=header)) == kind
        odd = f"\n \r\n{header.upper().replace(',', ' ; ')}\r\n"
        assert detect_kind(saved(tmp_path, codecs.BOM_UTF8 + odd.encode())) == kind
        assert detect_kind(saved(tmp_path, gzip.compress(odd.encode("utf-16")))) == kind


def test_missing_and_found_columns_are_listed(tmp_path: Path) -> None:
    path = ecommerce_file(tmp_path, header=HEADER.replace("user_id", "customer"))
    with pytest.raises(DataError, match=r"e-commerce.*no column user_id; found customer, signup"):
        read_transactions(path)


def test_another_kind_of_file_is_told_with_its_use(banking: Path) -> None:
    with pytest.raises(DataError, match=r"no column user_id.*card transactions: use --profile ban"):
        read_transactions(banking, "ecommerce")
    with pytest.raises(DataError, match=r"not a table of IP ranges.*use --profile banking"):
        read_ip_ranges(banking)


def test_a_table_in_the_place_of_transactions_is_told(table: Path) -> None:
    with pytest.raises(DataError, match="FRAUDSTREAM_IP_TABLE"):
        read_transactions(table)
    with pytest.raises(DataError, match="FRAUDSTREAM_IP_TABLE"):
        read_transactions(table, "banking")


def test_a_header_with_a_column_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column age 2 times"):
        read_transactions(ecommerce_file(tmp_path, f"{ROW},40", header=f"{HEADER},Age"))


@pytest.mark.parametrize(
    "content", [b"", b"\n\r\n \n", codecs.BOM_UTF8, gzip.compress(b"", mtime=0)]
)
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match="is empty"):
        read_transactions(saved(tmp_path, content))


def test_a_header_without_lines_is_refused(tmp_path: Path) -> None:
    for header, read in ((HEADER, read_transactions), (IP_HEADER, read_ip_ranges)):
        with pytest.raises(DataError, match="no line below"):
            read(saved(tmp_path, header))


def test_a_file_without_a_usable_line_tells_the_first_fault_and_keeps_all(tmp_path: Path) -> None:
    rejects = tmp_path / "r.csv"
    with pytest.raises(DataError, match=r"none of its 2 data lines.*line 2: 1 fields.*r\.csv"):
        read_transactions(ecommerce_file(tmp_path, "1", "2"), rejects=rejects)
    assert len(rejects.read_text().splitlines()) == 3


def test_a_gzip_file_cut_in_its_first_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="breaks off"):
        read_transactions(saved(tmp_path, gzip.compress(HEADER.encode())[:12]))


def test_archives_and_spreadsheets_are_named(tmp_path: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        writer.writestr("Fraud_Data.csv", HEADER)
    with pytest.raises(DataError, match="zip archive or a spreadsheet"):
        read_transactions(saved(tmp_path, archive.getvalue()))
    with pytest.raises(DataError, match="Parquet"):
        detect_kind(saved(tmp_path, b"PAR1" + bytes(100)))


def test_text_that_is_no_csv_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="first line must hold the column names"):
        read_transactions(saved(tmp_path, b"<!DOCTYPE html>\n<html></html>\n"))
    with pytest.raises(DataError, match="NUL bytes"):
        read_transactions(saved(tmp_path, HEADER.encode("utf-16-le")))


def test_a_file_without_line_ends_does_not_fill_the_memory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="line of more than 8 MiB"):
        read_transactions(saved(tmp_path, b"x" * (9 << 20)))


def test_names_that_cannot_be_opened_are_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_transactions(tmp_path / "no.csv")
    with pytest.raises(ConfigError, match="is a folder"):
        detect_kind(tmp_path)
    with pytest.raises(ConfigError, match="cannot be opened"):
        read_transactions(tmp_path / ("x" * 300))
    with pytest.raises(ConfigError, match="profile 'insurance' is unknown"):
        read_transactions(ecommerce_file(tmp_path, ROW), "insurance")
