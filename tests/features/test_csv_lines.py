"""Cut, broken and odd lines: each is accepted or set aside with its number and reason."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from core.errors import ConfigError, DataError
from features.csv_source import CsvData, read_transactions
from features.csv_source.report import default_rejects_path
from tests.features.csv_files import HEADER, ROW, ecommerce_file, saved, with_value


def read(path: Path) -> CsvData:
    return read_transactions(path, rejects=path.parent / "rejects.csv")


def rejects(data: CsvData) -> list[tuple[int, str, str]]:
    return [(bad.line, bad.field, str(bad.code)) for bad in data.report.first_rejects]


@pytest.mark.parametrize("length", range(1, len(ROW) - 2))
def test_a_cut_last_line_is_set_aside(tmp_path: Path, length: int) -> None:
    data = read(saved(tmp_path, f"{HEADER}\n{ROW}\n{ROW[:length]}"))
    assert data.report.accepted == 1
    assert [line for line, _, _ in rejects(data)] == [3]


def test_a_cut_last_line_filled_up_with_commas_is_set_aside(tmp_path: Path) -> None:
    data = read(ecommerce_file(tmp_path, ROW, "393385,8/11/2015 19:00,,,,,,,,,"))
    assert rejects(data) == [(3, "purchase_time", "missing_field")]


def test_lines_with_too_few_or_too_many_fields_are_set_aside(tmp_path: Path) -> None:
    data = read(ecommerce_file(tmp_path, "1,2", ROW, f"{ROW},more"))
    assert rejects(data) == [(2, "", "too_few_fields"), (4, "", "too_many_fields")]
    assert data.line.tolist() == [3]


def test_empty_fields_too_many_at_the_end_of_a_line_are_dropped(tmp_path: Path) -> None:
    data = read(ecommerce_file(tmp_path, f"{ROW},,,", ROW))
    assert data.report.rejected == 0
    assert data.report.repairs["extra_empty_fields"] == 1


def test_blank_lines_count_as_lines_but_not_as_data(tmp_path: Path) -> None:
    data = read(saved(tmp_path, f"\n\r\n{HEADER}\n\n{ROW}\n  \n{ROW}\n\n\n"))
    assert data.line.tolist() == [5, 7]
    assert data.report.data_lines == 2
    assert data.report.repairs["blank_line"] == 6


def test_a_line_of_delimiters_is_set_aside_and_not_dropped(tmp_path: Path) -> None:
    data = read(ecommerce_file(tmp_path, ROW, "," * 10))
    assert rejects(data) == [(3, "user_id", "missing_field")]


def test_line_numbers_stay_right_after_a_quoted_line_end(tmp_path: Path) -> None:
    quoted = with_value("source", '"SEO\nor\n\nAds"')
    data = read(ecommerce_file(tmp_path, ROW, quoted, "1,2", ROW))
    assert data.line.tolist() == [2, 8]
    assert rejects(data) == [(3, "source", "bad_text"), (7, "", "too_few_fields")]


def test_a_quoted_line_end_in_a_column_that_is_not_read_does_no_harm(tmp_path: Path) -> None:
    path = ecommerce_file(tmp_path, f'{ROW},"a\nb"', f"{ROW},c", header=f"{HEADER},remark")
    data = read(path)
    assert data.line.tolist() == [2, 4]
    assert data.report.ignored == ("remark",)


def test_an_open_quote_costs_one_line_and_not_the_rest_of_the_file(tmp_path: Path) -> None:
    broken = with_value("device_id", '"QVPSP')
    data = read(ecommerce_file(tmp_path, ROW, broken, *[ROW] * 100))
    assert data.report.accepted == 101
    assert rejects(data) == [(3, "", "open_quote")]


@pytest.mark.parametrize("field", ["device_id", "source", "browser"])
def test_an_open_quote_does_not_swallow_lines_up_to_the_next_quote(
    tmp_path: Path, field: str
) -> None:
    broken = with_value("device_id", '"QVPSP')
    data = read(ecommerce_file(tmp_path, broken, ROW, ROW, with_value(field, 'QVPSP"')))
    assert rejects(data) == [(2, "", "open_quote")]
    assert data.line.tolist() == [3, 4, 5]


def test_an_open_quote_in_the_last_line_is_set_aside(tmp_path: Path) -> None:
    data = read(saved(tmp_path, f'{HEADER}\n{ROW}\n"{ROW}'))
    assert rejects(data) == [(3, "", "open_quote")]


def test_a_quote_within_a_text_is_part_of_it(tmp_path: Path) -> None:
    data = read(ecommerce_file(tmp_path, with_value("device_id", '5"disk')))
    assert data.batch.text["device_id"] == ['5"disk']


def test_lines_that_are_not_utf8_are_read_as_windows_1252(tmp_path: Path) -> None:
    rows = [with_value("device_id", name).encode(code) for name, code in
            (("Müller", "cp1252"), ("Müller", "utf-8"), ("€uro", "cp1252"))]  # fmt: skip
    data = read(saved(tmp_path, b"\n".join((HEADER.encode(), *rows, b""))))
    assert data.batch.text["device_id"] == ["Müller", "Müller", "€uro"]
    assert data.report.repairs["not_utf8"] == 2


def test_nul_bytes_and_control_characters_in_texts_set_the_line_aside(tmp_path: Path) -> None:
    bad = [with_value("device_id", f"A{letter}B") for letter in ("\0", "\x07", "\x85", "\x7f")]
    data = read(ecommerce_file(tmp_path, ROW, *bad))
    assert rejects(data) == [(line, "device_id", "bad_text") for line in (3, 4, 5, 6)]


def test_a_tail_of_nul_bytes_is_one_rejected_line(tmp_path: Path) -> None:
    data = read(saved(tmp_path, f"{HEADER}\n{ROW}\n" + "\0" * 4096))
    assert rejects(data) == [(3, "", "too_few_fields")]


def test_an_overlong_field_is_set_aside(tmp_path: Path) -> None:
    long = with_value("device_id", "A" * 257)
    longer = with_value("device_id", "A" * 200_000)
    data = read(ecommerce_file(tmp_path, long, longer, ROW))
    assert [line for line, _, _ in rejects(data)] == [2, 3]
    assert data.line.tolist() == [4]


def test_a_gzip_file_that_breaks_off_gives_its_whole_lines_and_a_warning(tmp_path: Path) -> None:
    rows = [with_value("user_id", f"{i * 7919 % 100_003}") for i in range(3_000)]
    whole = gzip.compress("\n".join((HEADER, *rows, "")).encode())
    data = read(saved(tmp_path, whole[: len(whole) // 2]))
    assert 0 < data.report.accepted < 3_000
    assert data.batch.text["user_id"] == [row.split(",")[0] for row in rows][: len(data.batch)]
    assert [code for _, _, code in rejects(data)] == ["cut_line"]
    assert "breaks off" in data.report.warnings[0]


def test_a_damaged_gzip_file_is_one_clear_error(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(f"{HEADER}\n{ROW}\n".encode()))
    whole[-6] ^= 0xFF  # the checksum
    with pytest.raises(DataError, match="damaged gzip file"):
        read(saved(tmp_path, bytes(whole)))


def test_a_last_line_without_end_is_read_and_pointed_out(tmp_path: Path) -> None:
    data = read(saved(tmp_path, f"{HEADER}\n{ROW}\n{ROW}"))
    assert data.report.accepted == 2
    assert any("no line end" in warning for warning in data.report.warnings)


def test_rejects_are_written_with_line_field_value_and_reason(tmp_path: Path) -> None:
    bad = with_value("age", '"=1+1, years"')
    data = read(ecommerce_file(tmp_path, ROW, bad, "1,2"))
    assert data.report.rejects_file is not None
    with data.report.rejects_file.open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["line", "field", "value", "reason"]
    assert rows[1][:3] == ["3", "age", "=1+1, years"]
    assert rows[1][3].startswith("wrong_type: is no number")
    assert rows[2][:3] == ["4", "", "1,2"]


def test_no_rejects_no_file(tmp_path: Path) -> None:
    data = read(ecommerce_file(tmp_path, ROW))
    assert data.report.rejects_file is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.csv"]


def test_rejects_go_by_default_to_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    read_transactions(ecommerce_file(tmp_path, ROW, "1,2"))
    assert [path.name for path in here.iterdir()] == ["events.rejects.csv"]
    assert default_rejects_path(Path("a/b.csv.gz")) == Path("b.rejects.csv")
    assert default_rejects_path(Path("notes.txt")) == Path("notes.txt.rejects.csv")


def test_rejects_never_overwrite_the_file_that_is_read(tmp_path: Path) -> None:
    path = ecommerce_file(tmp_path, ROW, "1,2")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="choose another name"):
        read_transactions(path, rejects=tmp_path / "." / "events.csv")
    assert path.read_bytes() == before


def test_rejects_that_cannot_be_written_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot write the rejected lines.*--rejects"):
        read_transactions(ecommerce_file(tmp_path, ROW, "1,2"), rejects=tmp_path / "no" / "r.csv")


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    full = Path("/dev/full")
    assert full.exists(), "this test needs Linux"
    with pytest.raises(DataError, match="No space left"):
        read_transactions(ecommerce_file(tmp_path, ROW, "1,2"), rejects=full)
