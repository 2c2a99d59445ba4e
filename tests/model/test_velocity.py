"""The streaming state earns its keep: device and IP windows find what the sign-up lag would."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.velocity import average_precision, is_lag, is_place
from features.countries import load_country_table
from features.csv_source import read_transactions
from features.declared import declared_features
from model.fitting.dataset import make_dataset
from producer.sample import SampleOptions, write_sample


def gain(csv: Path, ip_table: Path | None, split: str, folder: Path) -> tuple[float, float]:
    """Average precision without the sign-up lag: without device and IP windows, and with them."""
    data = read_transactions(csv, "ecommerce", rejects=folder / "rejects.csv")
    dataset = make_dataset(data.batch, data.label, load_country_table(ip_table))
    no_lag = tuple(one for one in declared_features("ecommerce") if not is_lag(one))
    bare = tuple(one for one in no_lag if not is_place(one))
    without, with_them = (average_precision(dataset, split, 42, kept) for kept in (bare, no_lag))
    assert without.value is not None
    assert with_them.value is not None
    return without.value, with_them.value


def test_device_and_ip_windows_raise_average_precision_on_a_sample(tmp_path: Path) -> None:
    csv = tmp_path / "sample.csv"
    write_sample(csv, SampleOptions(profile="ecommerce", rows=20_000, seed=5))
    without, with_them = gain(csv, None, "time", tmp_path)
    assert with_them > without + 0.1


@pytest.mark.realdata
def test_device_and_ip_windows_find_the_attack(real_data: Path, tmp_path: Path) -> None:
    table = real_data / "IpAddress_to_Country.csv"
    without, with_them = gain(real_data / "Fraud_Data.csv", table, "attack", tmp_path)
    assert with_them > without + 0.1
