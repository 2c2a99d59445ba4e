"""``/fraud_geography`` against a join of addresses and ranges by pandas alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pycountry
import pytest

from features.country_names import country_code
from producer.sample import SampleOptions, write_sample
from tests.views.world import counted_by, world_of

#: Names as such tables spell them.
NAMES = {"United States": "US", "Korea Republic of": "KR", "Japan": "JP", "European Union": None}


def bounds(ranges: Path) -> pd.DataFrame:
    """The whole lines of a table, with the lower bounds that a spreadsheet has rounded mended."""
    table = pd.read_csv(ranges, dtype=str, encoding="utf-8-sig")
    if not ranges.read_bytes().endswith(b"\n"):
        table = table.iloc[:-1]  # it is cut short
    upper = table["upper_bound_ip_address"].astype(float).astype("int64")
    lower = table["lower_bound_ip_address"]
    mended = upper.shift(fill_value=0) + 1
    rounded = lower.str.contains("E")
    lower = lower.astype(float).astype("int64").where(~rounded, mended)
    return pd.DataFrame({"lower": lower, "upper": upper, "named": table["country"]})


def joined(addresses: pd.Series[Any], ranges: Path) -> pd.Series[Any]:
    """The name of each address's range; ``unknown`` where there is none."""
    # A fraction is what is left of an address that went through a float.
    asked = pd.DataFrame({"ip": pd.to_numeric(addresses).astype(float)}).dropna()
    asked["ip"] = asked["ip"].astype("int64")
    asked = asked.reset_index().sort_values("ip", kind="stable")
    table = bounds(ranges).sort_values("lower")
    found = pd.merge_asof(asked, table, left_on="ip", right_on="lower").set_index("index")
    return found["named"].where(found["ip"] <= found["upper"]).reindex(addresses.index)


def code_of(name: str) -> str:
    """By pycountry where it has just this name."""
    try:
        return str(pycountry.countries.lookup(name).alpha_2)
    except LookupError:
        return country_code(name) or "unknown"


def assert_countries(path: Path, ranges: Path, folder: Path, code: Any) -> int:
    """Every country's counts are those of the join; returns how many countries there are."""
    world = world_of(path, folder, ip_table=ranges)
    names = joined(world.table["ip_address"].replace("", np.nan), ranges)
    codes = names.map({name: code(name) for name in names.dropna().unique()}).fillna("unknown")
    response = world.client().get("/fraud_geography?limit=1000")
    assert response.status_code == 200
    found = {
        one["country"]: {name: one[name] for name in ("transactions", "alerts", "fraud")}
        for one in response.get_json()
    }
    assert found == counted_by(world.table, codes)
    return len(found)


def test_countries_of_a_generated_file_are_those_of_a_join(tmp_path: Path) -> None:
    path, ranges = tmp_path / "sample.csv", tmp_path / "ranges.csv"
    write_sample(path, SampleOptions(rows=1_500, fraud_rate=0.2))
    sample = pd.read_csv(path)
    # Ranges between the sample's own addresses, which lie on edges too; every fifth is missing.
    edges = np.sort(sample["ip_address"].dropna().astype("int64").unique())[::7]
    table = pd.DataFrame(
        {
            "lower_bound_ip_address": edges[:-1],
            "upper_bound_ip_address": edges[1:] - 1,
            "country": np.resize(list(NAMES), len(edges) - 1),
        }
    )
    table[np.arange(len(table)) % 5 != 2].to_csv(ranges, index=False)
    # As spreadsheets leave them.
    sample["ip_address"] += 0.4
    sample.to_csv(path, index=False)
    assert assert_countries(path, ranges, tmp_path, lambda name: NAMES[name] or "unknown") == 4


@pytest.mark.realdata
def test_countries_of_the_real_file_are_those_of_a_join(tmp_path: Path, real_data: Path) -> None:
    ranges = real_data / "IpAddress_to_Country.csv"
    assert assert_countries(real_data / "Fraud_Data.csv", ranges, tmp_path, code_of) > 100
