from __future__ import annotations

import gzip
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ConfigError, DataError
from features.csv_source import read_transactions
from producer.sample import SampleOptions, write_sample
from producer.sample.ecommerce import Shop
from producer.sample.slices import generate

ECOMMERCE_HEADER = (
    "user_id,signup_time,purchase_time,purchase_value,device_id,source,browser,sex,age,"
    "ip_address,class,labelled_at"
)
BANKING_HEADER = ",".join(
    ["Time", *(f"V{i}" for i in range(1, 29)), "Amount", "Class", "card_id", "labelled_at"]
)
PROFILES = ("ecommerce", "banking")


def made(path: Path, **options: object) -> bytes:
    write_sample(path, SampleOptions(**options))  # type: ignore[arg-type]
    return path.read_bytes()


@pytest.mark.parametrize("profile", PROFILES)
def test_equal_options_give_equal_bytes(tmp_path: Path, profile: str) -> None:
    first = made(tmp_path / "a.csv", profile=profile, rows=3_000, seed=5)
    second = made(tmp_path / "b.csv", profile=profile, rows=3_000, seed=5)
    assert first == second


@pytest.mark.parametrize("profile", PROFILES)
def test_another_seed_gives_other_rows(tmp_path: Path, profile: str) -> None:
    first = made(tmp_path / "a.csv", profile=profile, rows=500, seed=5).splitlines()
    second = made(tmp_path / "b.csv", profile=profile, rows=500, seed=6).splitlines()
    assert len(set(first[1:]) & set(second[1:])) < 5


@given(
    profile=st.sampled_from(PROFILES),
    rows=st.integers(1, 2_000),
    seed=st.integers(0, 2**63 - 1),
    chunk=st.integers(1, 3_000),
    rate=st.floats(0, 0.3),
    days=st.floats(0.05, 400),
    seasonality=st.floats(0, 1),
)
@settings(max_examples=25)
def test_any_sample_has_its_rows_and_rate_in_order_whatever_the_chunks(
    tmp_path_factory: pytest.TempPathFactory,
    profile: str,
    rows: int,
    seed: int,
    chunk: int,
    rate: float,
    days: float,
    seasonality: float,
) -> None:
    folder = tmp_path_factory.mktemp("any")
    options = {
        "profile": profile,
        "rows": rows,
        "seed": seed,
        "fraud_rate": rate,
        "days": days,
        "seasonality": seasonality,
    }
    whole = made(folder / "whole.csv", **options)
    assert made(folder / "chunks.csv", **options, chunk_rows=chunk) == whole
    table = pd.read_csv(folder / "whole.csv")
    assert len(table) == rows
    if profile == "ecommerce":
        time = pd.to_datetime(table["purchase_time"])
        start = pd.Timestamp("2025-01-01")
        assert (pd.to_datetime(table["signup_time"]) <= time).all()
    else:
        start = pd.Timestamp("2013-09-01")
        time = start + pd.to_timedelta(table["Time"], unit="s")
    assert time.is_monotonic_increasing
    assert time.min() >= start
    assert time.max() < start + pd.Timedelta(days=days) + pd.Timedelta(seconds=1)
    assert table["class" if profile == "ecommerce" else "Class"].sum() == round(rows * rate)
    assert (pd.to_datetime(table["labelled_at"]) > time).all()


@pytest.mark.parametrize("profile", PROFILES)
def test_a_sample_of_several_slices_is_in_order_and_complete(tmp_path: Path, profile: str) -> None:
    path = tmp_path / "s.csv"
    whole = made(path, profile=profile, rows=80_000)
    assert made(tmp_path / "c.csv", profile=profile, rows=80_000, chunk_rows=10_007) == whole
    table = pd.read_csv(path)
    assert len(table) == 80_000
    assert table["purchase_time" if profile == "ecommerce" else "Time"].is_monotonic_increasing
    rate = {"ecommerce": 0.04, "banking": 0.005}[profile]
    assert table["class" if profile == "ecommerce" else "Class"].sum() == round(80_000 * rate)


@pytest.mark.parametrize("profile", PROFILES)
def test_gz_holds_the_same_text_and_is_as_reproducible(tmp_path: Path, profile: str) -> None:
    plain = made(tmp_path / "s.csv", profile=profile, rows=40_000)
    packed = made(tmp_path / "s.csv.gz", profile=profile, rows=40_000)
    other = made(tmp_path / "other.csv.gz", profile=profile, rows=40_000, chunk_rows=999)
    assert gzip.decompress(packed) == plain
    assert other == packed


def test_columns_are_those_of_the_files_imitated_then_the_label_time(tmp_path: Path) -> None:
    shop = made(tmp_path / "e.csv", rows=10).decode().splitlines()
    bank = made(tmp_path / "b.csv", profile="banking", rows=10).decode().splitlines()
    assert shop[0] == ECOMMERCE_HEADER
    assert bank[0] == BANKING_HEADER
    assert len(shop) == len(bank) == 11


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("profile", "original"),
    [("ecommerce", "Fraud_Data.csv"), ("banking", "creditcard_first_170000.csv.gz")],
)
def test_the_real_files_columns_come_first(
    tmp_path: Path, real_data: Path, profile: str, original: str
) -> None:
    write_sample(tmp_path / "s.csv", SampleOptions(profile=profile, rows=10))
    real = list(pd.read_csv(real_data / original, nrows=1, encoding="utf-8-sig").columns)
    assert list(pd.read_csv(tmp_path / "s.csv").columns)[: len(real)] == real


@pytest.mark.parametrize("profile", PROFILES)
def test_the_reader_takes_every_row_unrejected(tmp_path: Path, profile: str) -> None:
    path = tmp_path / "s.csv.gz"
    summary = write_sample(path, SampleOptions(profile=profile, rows=20_000))
    data = read_transactions(path, profile)
    assert len(data.batch) == 20_000
    assert int((np.asarray(data.label) == 1).sum()) == summary.fraud_rows


def test_the_summary_says_what_is_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    start = datetime(2030, 5, 1, tzinfo=UTC)
    seen: list[int] = []
    options = SampleOptions(rows=40_000, fraud_rate=0.1, days=10, start=start)
    summary = write_sample(path, options, seen.append)
    table = pd.read_csv(path, parse_dates=["purchase_time"])
    assert summary.rows == len(table) == sum(summary.by_mechanism.values())
    assert summary.fraud_rows == table["class"].sum() == 4_000
    assert summary.first_time == table["purchase_time"].iloc[0].tz_localize("UTC")
    assert summary.last_time == table["purchase_time"].iloc[-1].tz_localize("UTC")
    assert start <= summary.first_time < summary.last_time < start + timedelta(days=10)
    assert seen == sorted(seen)
    assert seen[-1] == 40_000


def test_memory_does_not_grow_with_the_rows() -> None:
    def peak(rows: int) -> int:
        options = SampleOptions(rows=rows)
        scene = Shop(options)
        tracemalloc.start()
        for _ in generate(scene, options):
            pass
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(600_000) < 1.5 * peak(100_000)


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "s.csv"
    path.write_text("old")

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_sample(path, SampleOptions(rows=100), interrupt)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(DataError, match=r"s\.csv: No space left on device: free some space"):
        write_sample(tmp_path / "s.csv", SampleOptions(rows=100), full)
    assert list(tmp_path.iterdir()) == []


def test_a_target_that_cannot_be_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder or device"):
        write_sample(tmp_path, SampleOptions(rows=1))
    with pytest.raises(ConfigError, match="is a folder or device"):
        write_sample(Path("/dev/null"), SampleOptions(rows=1))
    with pytest.raises(ConfigError, match="does not exist: create it first"):
        write_sample(tmp_path / "no" / "s.csv", SampleOptions(rows=1))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rows": 0}, r"--rows 0 is out of range: choose 1 to 5e\+08"),
        ({"seed": -1}, "--seed -1"),
        ({"fraud_rate": 0.31}, "--fraud-rate 0.31"),
        ({"fraud_rate": float("nan")}, "--fraud-rate nan"),
        ({"days": 0}, "--days 0"),
        ({"seasonality": 1.5}, "--seasonality 1.5"),
        ({"profile": "shop"}, "profile 'shop' is unknown"),
        (
            {"profile": "banking", "start": datetime(2013, 8, 31, tzinfo=UTC)},
            "choose a later start",
        ),
    ],
)
def test_options_out_of_range_are_refused_by_name(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SampleOptions(**options)  # type: ignore[arg-type]
