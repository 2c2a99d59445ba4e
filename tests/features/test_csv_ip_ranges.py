"""Tables of IP ranges in every state of repair."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError
from features.csv_source import IpRange, IpRanges, read_ip_ranges
from tests.features.csv_files import IP_HEADER, Style, ecommerce_file, packed, saved


def read(folder: Path, *rows: str) -> IpRanges:
    return read_ip_ranges(ecommerce_file(folder, *rows, header=IP_HEADER), folder / "rejects.csv")


def rejects(table: IpRanges) -> list[tuple[int, str, str]]:
    return [(bad.line, bad.field, str(bad.code)) for bad in table.report.first_rejects]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ranges")


@pytest.mark.parametrize(
    ("lower", "upper"),
    [("16777216", "16777471"), ("16777216.0", "16777471.0"), ("1.6777216E+07", "16777471"),
     ("1.0.0.0", "1.0.0.255"), (" 16777216", '"16777471"')],
)  # fmt: skip
def test_bounds_in_every_notation(folder: Path, lower: str, upper: str) -> None:
    table = read(folder, f"{lower},{upper},Australia")
    assert table.ranges == (IpRange(4, 16_777_216, 16_777_471, "AU"),)


def test_ipv6_ranges_stand_beside_ipv4_ones(folder: Path) -> None:
    table = read(folder, "2001:db8::,2001:db8::ffff,DE", "1.0.0.0,1.0.0.255,AU")
    assert [(one.version, one.country) for one in table.ranges] == [(4, "AU"), (6, "DE")]
    assert table.ranges[1].upper - table.ranges[1].lower == 0xFFFF


@st.composite
def _adjacent(draw: st.DrawFn) -> list[tuple[int, int]]:
    """Ranges that follow each other, some with a gap before them."""
    at = draw(st.integers(0, 2**31))
    ranges = []
    for size in draw(st.lists(st.integers(1, 2**22), min_size=1, max_size=20)):
        ranges.append((at, at + size - 1))
        at += size + draw(st.sampled_from([0, 0, 0, 1000]))
    return ranges


def _as_spreadsheet(number: int) -> str:
    return f"{number:.2E}"


@given(_adjacent(), st.sets(st.integers(0, 19)), st.sampled_from(["E", "0", ".0"]))
def test_a_rounded_lower_bound_comes_back_from_the_line_before_or_is_set_aside(
    folder: Path, ranges: list[tuple[int, int]], damaged: set[int], way: str
) -> None:
    def written(row: int, lower: int) -> str:
        if row not in damaged:
            return str(lower)
        rounded = _as_spreadsheet(lower)
        return rounded if way == "E" else f"{int(float(rounded))}{way.removeprefix('0')}"

    plain = {IpRange(4, lower, upper, "FR") for lower, upper in ranges}
    rows = [f"{written(row, lower)},{upper},FR" for row, (lower, upper) in enumerate(ranges)]
    # One line before them is always good.
    table = read(folder, "::1,::2,FR", *rows)
    assert table.report.data_lines == len(ranges) + 1
    for row, (lower, upper) in enumerate(ranges):
        follows = row > 0 and ranges[row - 1][1] + 1 == lower
        if way == "E" and row in damaged and follows:
            assert IpRange(4, lower, upper, "FR") in table.ranges
    if not damaged.intersection(range(len(ranges))):
        assert set(table.ranges) == plain | {IpRange(6, 1, 2, "FR")}
    for one, after in pairwise(table.ranges):
        assert (one.version, one.upper) < (after.version, after.lower)


def test_a_rounded_lower_bound_is_repaired_and_counted(folder: Path) -> None:
    table = read(
        folder,
        "1535967232,1535999999,Austria",
        "1.54E+09,1536032767,Netherlands",
        "1536032768,1536036863,Latvia",
    )
    assert table.ranges[1] == IpRange(4, 1_536_000_000, 1_536_032_767, "NL")
    assert table.report.repairs == {"lower_bound": 1}


def test_a_rounded_lower_bound_that_was_written_out_is_repaired_too(folder: Path) -> None:
    rows = ("1535967232.0,1535999999,Austria", "1540000000.0,1536032767,Netherlands")
    assert read(folder, *rows).ranges[1].lower == 1_536_000_000


@pytest.mark.parametrize(
    "before", ["1435967232,1435999999,Austria", "x,y,Austria", "1,1.53E+09,Austria"]
)
def test_a_rounded_lower_bound_that_no_neighbour_gives_back_is_set_aside(
    folder: Path, before: str
) -> None:
    table = read(folder, "1,2,France", before, "1.54E+09,1536032767,Netherlands")
    assert (4, "lower_bound_ip_address", "bad_ip") in rejects(table)


def test_a_rounded_upper_bound_is_set_aside(folder: Path) -> None:
    table = read(folder, "1,2,France", "1535967232,1.54E+09,Austria")
    assert rejects(table) == [(3, "upper_bound_ip_address", "bad_ip")]


@pytest.mark.parametrize(
    "line",
    ["3349554944,3349555199,Can", "3349554944,3349555199,", "3349554944,3349555199", "33495549",
     "3349554944,,Canada", ",3349555199,Canada", "3349555199,3349554944,Canada",
     "3349554944.5,3349555199,Canada", "3349554944,4294967296,Canada", "1.2.3,1.2.4,Canada",
     "1.0.0.0,2001:db8::,Canada", "-1,5,Canada", "3349554944,3349555199,Narnia"],
)  # fmt: skip
def test_lines_that_are_no_range_are_set_aside(folder: Path, line: str) -> None:
    table = read(folder, "16777216,16777471,Australia", line)
    assert [number for number, _, _ in rejects(table)] == [3]
    assert len(table.ranges) == 1


def test_ranges_out_of_order_are_sorted_and_counted(folder: Path) -> None:
    table = read(folder, "30,39,FR", "10,19,DE", "20,29,IT")
    assert [one.country for one in table.ranges] == ["DE", "IT", "FR"]
    assert table.report.repairs["out_of_order"] == 1


def test_of_two_ranges_that_overlap_the_later_line_is_set_aside(folder: Path) -> None:
    table = read(folder, "50,60,FR", "1,100,DE", "70,80,IT", "80,90,ES", "60,60,GB")
    assert [one.country for one in table.ranges] == ["FR", "IT"]
    assert [line for line, _, code in rejects(table) if code == "overlap"] == [3, 5, 6]


def test_what_is_no_single_country_is_kept_as_unknown_and_reported(folder: Path) -> None:
    table = read(folder, "1,2,European Union", "3,4,France", "5,6,European Union")
    assert [one.country for one in table.ranges] == ["unknown", "FR", "unknown"]
    assert table.no_country == {"European Union": 2}
    assert table.report.warnings == ("no single country, kept as unknown: 'European Union'",)


def test_names_with_commas_and_quotes(folder: Path) -> None:
    rows = (
        '1,2,"Korea, Republic of"',
        '3,4,"Taiwan; Republic of China (ROC)"',
        '5,6,"Côte d\'Ivoire"',
    )
    assert [one.country for one in read(folder, *rows).ranges] == ["KR", "TW", "CI"]


def test_a_table_is_the_same_however_it_is_saved(tmp_path: Path) -> None:
    text = f"{IP_HEADER}\r\n1,2,Curaçao\r\n3,4,France\r\n"
    expected = (IpRange(4, 1, 2, "CW"), IpRange(4, 3, 4, "FR"))
    for style in (
        Style(encoding="utf-8-sig"), Style(encoding="utf-16"), Style(encoding="cp1252"),
        Style(compressed=True),
    ):  # fmt: skip
        assert read_ip_ranges(saved(tmp_path, packed(text, style))).ranges == expected


def test_rejects_are_written_only_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    path = ecommerce_file(tmp_path, "1,2,France", "x", header=IP_HEADER)
    assert read_ip_ranges(path).report.rejected == 1
    assert not list(here.iterdir())
    with pytest.raises(ConfigError, match="choose another name"):
        read_ip_ranges(path, path)
