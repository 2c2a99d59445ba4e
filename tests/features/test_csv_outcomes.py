"""Files of outcomes: what is accepted, what is set aside, and why."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ConfigError, DataError
from features.csv_source import (
    OUTCOMES,
    detect_kind,
    read_ip_ranges,
    read_outcomes,
    read_transactions,
)
from features.csv_source.moments import NO_TIME
from tests.features.csv_files import HEADER, ROW

NOON = int(datetime(2026, 1, 2, 12, tzinfo=UTC).timestamp() * 1000)


def file(folder: Path, *lines: str, header: str = "event_id,label,labelled_at,source") -> Path:
    path = folder / "outcomes.csv"
    path.write_text("\n".join((header, *lines, "")), encoding="utf-8")
    return path


def rejected(folder: Path) -> dict[int, tuple[str, str]]:
    with (folder / "rejects.csv").open(newline="") as lines:
        return {
            int(one["line"]): (one["field"], one["reason"].partition(":")[0])
            for one in csv.DictReader(lines)
        }


def test_outcomes_are_read_with_when_and_by_whom(tmp_path: Path) -> None:
    path = file(tmp_path, "a,1,2026-01-02 12:00:00,bank", "b,0,,", "a,0,2026-01-03,analyst")
    found = read_outcomes(path, rejects=tmp_path / "rejects.csv")
    assert found.event_id == ["a", "b", "a"]
    assert found.label.tolist() == [1, 0, 0]
    assert found.labelled_ms.tolist() == [NOON, NO_TIME, NOON + 12 * 3_600_000]
    assert found.source == ["bank", None, "analyst"]
    assert found.line.tolist() == [2, 3, 4]
    assert (found.report.labelled, found.report.fraud, found.report.rejected) == (3, 1, 0)
    assert found.report.kind == detect_kind(path) == OUTCOMES
    assert not (tmp_path / "rejects.csv").exists()


def test_two_columns_are_enough_and_zones_are_heeded(tmp_path: Path) -> None:
    bare = read_outcomes(file(tmp_path, "1.0,x", "false,y", header="Label,EVENT_ID"))
    assert (bare.event_id, bare.label.tolist()) == (["x", "y"], [1, 0])
    assert set(bare.labelled_ms.tolist()) == {NO_TIME}
    local = file(tmp_path, "a,1,01/13/2026 09:00,x")
    assert read_outcomes(local, tz="Asia/Tokyo").labelled_ms.tolist() == [
        int(datetime(2026, 1, 13, tzinfo=UTC).timestamp() * 1000)
    ]


def test_what_cannot_be_used_is_set_aside_with_its_line(tmp_path: Path) -> None:
    path = file(
        tmp_path,
        "a,1,2026-01-02,",
        ",1,,",
        "c,maybe,,",
        "d,,,",
        "e,0,2026-02-30,",
        "f,0,soon,",
        "g,0,2026-01-02T12:00:01Z,",
        "h,1,2026-01-01,",
        "h,0,2026-01-01,",
        f"{'i' * 257},0,,",
        "k,0,2026-01-01",
    )
    found = read_outcomes(path, rejects=tmp_path / "rejects.csv", before_ms=NOON + 1000)
    assert found.event_id == ["a"]
    assert rejected(tmp_path) == {
        3: ("event_id", "missing_field"),
        4: ("label", "bad_label"),
        5: ("label", "missing_field"),
        6: ("labelled_at", "bad_time"),
        7: ("labelled_at", "bad_time"),
        8: ("labelled_at", "future_time"),
        9: ("label", "contradiction"),
        10: ("label", "contradiction"),
        11: ("event_id", "bad_text"),
        12: ("", "too_few_fields"),
    }
    assert found.report.reasons["contradiction"] == 2


def test_the_same_outcome_twice_is_no_contradiction(tmp_path: Path) -> None:
    found = read_outcomes(file(tmp_path, "a,1,2026-01-01,x", "a,1,2026-01-01,y"))
    assert found.event_id == ["a", "a"]


def test_other_files_are_named(tmp_path: Path) -> None:
    outcomes = file(tmp_path, "a,1,,")
    with pytest.raises(DataError, match="fraudstream labels"):
        read_transactions(outcomes)
    with pytest.raises(DataError, match="fraudstream labels"):
        read_ip_ranges(outcomes)
    shop = tmp_path / "shop.csv"
    shop.write_text(f"{HEADER}\n{ROW}\n")
    with pytest.raises(DataError, match="is not outcomes of events: no column event_id, label"):
        read_outcomes(shop)
    with pytest.raises(DataError, match="nothing to read"):
        read_outcomes(file(tmp_path))
    with pytest.raises(
        DataError, match=r"The first, line 2: event_id=.. is empty: every line needs it"
    ):
        read_outcomes(file(tmp_path, ",1,,"), rejects=tmp_path / "rejects.csv")
    with pytest.raises(ConfigError, match="no_such"):
        read_outcomes(tmp_path / "no_such.csv")


#: Texts that stand for nothing in CSV files.
NOTHING = {"na", "n/a", "nan", "null", "none", "\\n", "<na>"}
IDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1)


@given(
    rows=st.lists(
        st.tuples(
            IDS.map(str.strip).filter(lambda one: one and one.casefold() not in NOTHING),
            st.sampled_from([0, 1]),
            st.integers(0, 10**12),
        ),
        min_size=1,
        max_size=20,
        unique_by=lambda one: one[0],
    )
)
def test_what_was_written_is_what_is_read(
    rows: list[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("outcomes") / "o.csv"
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(("event_id", "label", "labelled_at"))
        for event_id, label, ms in rows:
            moment = datetime.fromtimestamp(ms / 1000, UTC)
            writer.writerow((event_id, label, moment.isoformat(timespec="milliseconds")))
    found = read_outcomes(path)
    wanted = [(one, label, ms) for one, label, ms in rows]
    labels, times = found.label.tolist(), found.labelled_ms.tolist()
    assert list(zip(found.event_id, labels, times, strict=True)) == wanted
