"""The real files, for whoever has them; ``test_csv_lines`` and the others make such files."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.countries import load_country_table
from features.csv_source import read_ip_ranges, read_transactions
from features.declared import COUNTRIES

pytestmark = pytest.mark.realdata


def test_ecommerce_transactions(real_data: Path, tmp_path: Path) -> None:
    data = read_transactions(real_data / "Fraud_Data.csv", rejects=tmp_path / "rejects.csv")
    assert (data.report.accepted, data.report.rejected) == (30_189, 1)
    assert data.report.first_rejects[0].line == 30_191
    assert data.report.fraud == 2_867
    assert data.report.date_order == "mdy"
    assert data.report.encoding == "utf-8 with byte order mark"
    assert len(set(data.batch.text["user_id"])) == 30_189


def test_banking_transactions(real_data: Path, tmp_path: Path) -> None:
    path = real_data / "creditcard_first_170000.csv.gz"
    data = read_transactions(path, "banking", rejects=tmp_path / "rejects.csv")
    assert (data.report.accepted, data.report.rejected) == (170_000, 0)
    assert data.report.fraud == 360
    assert (data.batch.time_ms[1:] >= data.batch.time_ms[:-1]).all()
    assert not list(tmp_path.iterdir())


def test_table_of_ip_ranges(real_data: Path) -> None:
    table = read_ip_ranges(real_data / "IpAddress_to_Country.csv")
    assert (table.report.accepted, table.report.rejected) == (103_894, 1)
    assert table.report.repairs["lower_bound"] == 8
    assert table.no_country == {"European Union": 283}
    assert table.ranges[-1].upper == 3_349_554_943


def test_share_of_addresses_in_no_range(real_data: Path, tmp_path: Path) -> None:
    own = load_country_table(real_data / "IpAddress_to_Country.csv")
    data = read_transactions(real_data / "Fraud_Data.csv", rejects=tmp_path / "rejects.csv")
    codes = own.codes(data.batch.text["ip_address"])
    # 24.5 % lie in no range, and 0.1 % in one of the European Union.
    assert (codes == 0).mean() == pytest.approx(0.2462, abs=0.0001)
    assert (codes == COUNTRIES.index("US")).mean() == pytest.approx(0.35, abs=0.01)
