"""``fraudstream features``: the Parquet file, as pandas and others see it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from cli.feature_file import features
from core.errors import ConfigError, DataError
from core.names import PROFILES
from features.countries import load_country_table
from features.csv_source import read_transactions
from features.declared import declared_features, feature_hash, feature_names
from features.offline import compute_features
from producer.sample import SampleOptions, write_sample
from tests.features.csv_files import (
    BANKING_HEADER,
    BANKING_ROW,
    IP_HEADER,
    ROW,
    ecommerce_file,
    saved,
    with_value,
)

app = typer.Typer()
app.command()(features)
ROWS = 700


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A CSV file of each profile."""
    folder = tmp_path_factory.mktemp("samples")
    paths = {profile: folder / f"{profile}.csv" for profile in PROFILES}
    for profile, path in paths.items():
        write_sample(path, SampleOptions(profile=profile, rows=ROWS, fraud_rate=0.1, days=2))
    return paths


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def written(csv: Path, out: Path, *arguments: str | Path) -> pd.DataFrame:
    run(csv, "--out", out, *arguments)
    return pd.read_parquet(out)


@pytest.mark.parametrize("profile", PROFILES)
def test_columns_are_id_line_model_input_and_names(
    samples: dict[str, Path], profile: str, tmp_path: Path
) -> None:
    frame = written(samples[profile], tmp_path / "f.parquet")
    declared = declared_features(profile)
    categories = [one.name for one in declared if one.categories]
    assert list(frame.columns) == [
        "event_id",
        "row",
        *feature_names(profile),
        *(f"{name}_name" for name in categories),
    ]
    assert frame["row"].dtype == np.int64
    for one in declared:
        assert frame[one.name].dtype == (np.int16 if one.categories else np.float32)
    for name in ("event_id", *(f"{name}_name" for name in categories)):
        assert pd.api.types.is_string_dtype(frame[name]), name


@pytest.mark.parametrize("profile", PROFILES)
def test_the_model_input_is_that_of_the_offline_computation_bit_for_bit(
    samples: dict[str, Path], profile: str, tmp_path: Path
) -> None:
    frame = written(samples[profile], tmp_path / "f.parquet")
    data = read_transactions(samples[profile])
    table = compute_features(data.batch, load_country_table(None))
    # Nulls would be NaN here too, so that there are none is checked in the schema's test.
    found = frame[frame.columns[2 : 2 + len(table.names)]].to_numpy(np.float32)
    np.testing.assert_array_equal(found.view(np.uint32), table.matrix.view(np.uint32))
    assert np.isnan(found).any()
    assert frame["event_id"].tolist() == data.batch.event_id
    assert frame["row"].tolist() == list(range(2, ROWS + 2))


def test_names_are_those_of_the_codes(samples: dict[str, Path], tmp_path: Path) -> None:
    frame = written(samples["ecommerce"], tmp_path / "f.parquet")
    for one in declared_features("ecommerce"):
        if one.categories:
            names = [one.categories[code] for code in frame[one.name]]
            assert frame[f"{one.name}_name"].tolist() == names
    assert set(frame["browser_name"]) >= {"Chrome", "FireFox", "Safari"}
    assert frame["country_name"].nunique() > 5


def test_lines_count_rejected_and_blank_ones_and_unknowns_are_nan(tmp_path: Path) -> None:
    no_age, no_sex = with_value("age", ""), with_value("sex", "")
    rows = (ROW, with_value("age", "old"), "", no_age, "1,2,3", no_sex)
    frame = written(ecommerce_file(tmp_path, *rows), tmp_path / "f.parquet")
    assert frame["row"].tolist() == [2, 5, 7]
    assert np.isnan(frame["age"]).tolist() == [False, True, False]
    assert frame["sex_name"].tolist() == ["M", "M", "unknown"]
    assert frame["device_count_1m"].tolist() == [0, 1, 2]
    assert np.isnan(frame["device_seconds_since_previous"]).tolist() == [True, False, False]


def test_rows_stay_in_file_order_whatever_their_times(tmp_path: Path) -> None:
    days = (9, 3, 7)
    rows = [with_value("purchase_time", f"2015-04-0{day} 10:00:00") for day in days]
    frame = written(ecommerce_file(tmp_path, *rows), tmp_path / "f.parquet")
    assert frame["row"].tolist() == [2, 3, 4]
    assert frame["user_count_30d"].tolist() == [2, 0, 1]


def test_schema_says_what_the_columns_are_and_where_they_come_from(
    samples: dict[str, Path], tmp_path: Path
) -> None:
    path = tmp_path / "f.parquet"
    written(samples["ecommerce"], path)
    schema, countries = pq.read_schema(path), load_country_table(None)
    about = {key.decode(): value.decode() for key, value in schema.metadata.items()}
    assert about == {
        "fraudstream.profile": "ecommerce",
        "fraudstream.feature_hash": feature_hash("ecommerce", countries.digest),
        "fraudstream.ip_table_digest": countries.digest,
        "fraudstream.ip_table_source": countries.source,
        "fraudstream.input_sha256": read_transactions(samples["ecommerce"]).report.sha256,
    }
    for one in declared_features("ecommerce"):
        field = schema.field(one.name)
        assert field.metadata[b"meaning"].decode() == one.meaning
        assert field.metadata[b"unit"].decode() == one.unit
        assert field.metadata[b"entity"].decode() == one.entity
        assert field.metadata[b"window"].decode() == one.window
        if one.categories:
            assert tuple(json.loads(field.metadata[b"categories"])) == one.categories
    assert not any(field.nullable for field in schema)


def test_names_are_dictionaries_on_disk(samples: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "f.parquet"
    written(samples["ecommerce"], path)
    group = pq.read_metadata(path).row_group(0)
    columns = {group.column(i).path_in_schema: group.column(i) for i in range(group.num_columns)}
    assert "RLE_DICTIONARY" in columns["country_name"].encodings
    assert {column.compression for column in columns.values()} == {"ZSTD"}


def test_the_same_file_gives_the_same_bytes(samples: dict[str, Path], tmp_path: Path) -> None:
    first, again = tmp_path / "f.parquet", tmp_path / "again.parquet"
    run(samples["ecommerce"], "--out", first)
    run(samples["ecommerce"], "--out", again)
    assert first.read_bytes() == again.read_bytes()


def test_row_groups_hold_no_more_than_their_share(
    samples: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written(samples["ecommerce"], tmp_path / "f.parquet")
    monkeypatch.setattr("features.feature_file.CHUNK_ROWS", 300)
    parts = written(samples["ecommerce"], tmp_path / "parts.parquet")
    pd.testing.assert_frame_equal(whole, parts, check_exact=True)
    groups = pq.read_metadata(tmp_path / "parts.parquet")
    assert [groups.row_group(i).num_rows for i in range(groups.num_row_groups)] == [300, 300, 100]


def test_gzip_gives_the_same_and_the_name_follows_the_input(
    samples: dict[str, Path], here: Path
) -> None:
    packed = saved(here, gzip.compress(samples["ecommerce"].read_bytes()), "events.csv.gz")
    run(packed)
    run(samples["ecommerce"])
    assert (here / "events.features.parquet").read_bytes() == (
        here / "ecommerce.features.parquet"
    ).read_bytes()


def test_banking_knows_no_ip_table(tmp_path: Path) -> None:
    csv = ecommerce_file(tmp_path, BANKING_ROW, BANKING_ROW, header=BANKING_HEADER)
    frame = written(csv, tmp_path / "f.parquet", "--profile", "banking")
    assert frame["vector_count_1m"].tolist() == [0, 1]
    assert np.isnan(frame["card_count_1m"]).all()
    metadata = pq.read_schema(tmp_path / "f.parquet").metadata
    assert metadata[b"fraudstream.ip_table_digest"] == b""


def test_your_own_ip_table_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = tmp_path / "ranges.csv"
    table.write_text(f"{IP_HEADER}\n732758000,732759000,Chad\n")
    monkeypatch.setenv("FRAUDSTREAM_IP_TABLE", str(table))
    csv = ecommerce_file(tmp_path, ROW)
    assert written(csv, tmp_path / "f.parquet")["country_name"].tolist() == ["TD"]
    with pytest.raises(ConfigError, match="would overwrite"):
        run(csv, "--out", table)


def test_zone_and_date_order_reach_the_reader(tmp_path: Path) -> None:
    csv = ecommerce_file(tmp_path, with_value("purchase_time", "1/2/2015 10:00"))
    with pytest.raises(DataError, match="--date-order"):
        run(csv)
    frame = written(csv, tmp_path / "f.parquet", "--date-order", "dmy", "--tz", "Asia/Tokyo")
    assert frame["hour"].tolist() == [1]
    assert frame["weekday"].tolist() == [6]


def test_summary_for_people_and_as_json(tmp_path: Path, here: Path) -> None:
    csv = ecommerce_file(tmp_path, ROW, "1,2")
    text = run(csv)
    assert "events.features.parquet" in text
    assert "events.rejects.csv" in text
    found: dict[str, Any] = json.loads(run(csv, "--out", "f.parquet", "--json"))
    assert (found["rows"], found["rejected"], found["file"]) == (1, 1, "f.parquet")
    assert found["bytes"] == (here / "f.parquet").stat().st_size
    assert found["feature_count"] == len(feature_names("ecommerce"))
    assert found["feature_hash"] == feature_hash("ecommerce", load_country_table(None).digest)
    assert found["rejects_file"] == "events.rejects.csv"


def test_the_input_and_the_rejects_are_not_overwritten(tmp_path: Path, here: Path) -> None:
    csv = ecommerce_file(tmp_path, ROW, "1,2")
    before = csv.read_bytes()
    (here / "link.csv").symlink_to(csv)
    for out in (csv, tmp_path / "here" / ".." / csv.name, here / "link.csv"):
        with pytest.raises(ConfigError, match=r"would overwrite .*: choose another name"):
            run(csv, "--out", out)
    with pytest.raises(ConfigError, match=r"would overwrite events\.rejects\.csv"):
        run(csv, "--out", "events.rejects.csv")
    with pytest.raises(ConfigError, match=r"would overwrite bad\.csv"):
        run(csv, "--out", "bad.csv", "--rejects", "bad.csv")
    assert csv.read_bytes() == before


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (".", ConfigError, "is a folder or device"),
        ("/dev/null", ConfigError, "is a folder or device"),
        ("nowhere/f.parquet", ConfigError, "does not exist: create it first"),
        ("f" * 300, DataError, "cannot write f.*: .*choose another --out"),
    ],
)
def test_a_place_that_cannot_be_written_is_said_before_anything_is_read(
    out: str, error: type[Exception], message: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def read(*_: object, **__: object) -> None:
        raise AssertionError("the file was read")

    monkeypatch.setattr("features.csv_source.read_transactions", read)
    with pytest.raises(error, match=message):
        run(ecommerce_file(tmp_path, ROW), "--out", out)


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_run_cut_short_leaves_the_old_file_and_nothing_else(
    fault: BaseException,
    samples: dict[str, Path],
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (here / "f.parquet").write_text("old")
    calls = []
    write_table = pq.ParquetWriter.write_table

    def failing(self: Any, *arguments: Any) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise fault
        write_table(self, *arguments)

    monkeypatch.setattr("features.feature_file.CHUNK_ROWS", 300)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", failing)
    expected = DataError if isinstance(fault, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        features(samples["ecommerce"], out=Path("f.parquet"))
    assert (here / "f.parquet").read_text() == "old"
    assert [path.name for path in here.iterdir()] == ["f.parquet"]


def test_a_table_of_ip_ranges_has_no_features(tmp_path: Path, here: Path) -> None:
    with pytest.raises(DataError):
        run(ecommerce_file(tmp_path, "1,2,France", header=IP_HEADER))
    assert not list(here.iterdir())
