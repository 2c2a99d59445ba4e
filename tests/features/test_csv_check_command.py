"""``fraudstream data check`` on each kind of file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cli.data_check import check
from core.errors import ConfigError, DataError
from tests.features.csv_files import (
    BANKING_HEADER,
    BANKING_ROW,
    IP_HEADER,
    ROW,
    ecommerce_file,
    with_value,
)

app = typer.Typer()
app.command()(check)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_transactions_are_summed_up(tmp_path: Path, here: Path) -> None:
    fraud = with_value("class", "1", with_value("purchase_time", "2015-12-31 23:59:59"))
    path = ecommerce_file(tmp_path, ROW, fraud, with_value("age", "\x1b[31mold"))
    text = run(str(path))
    for expected in ("accepted", "2015-12-31T23:59:59.000Z", "50.00%", "ip float", "wrong_type"):
        assert expected in text
    assert "events.rejects.csv" in text
    assert "\x1b[31mold" not in text
    assert (here / "events.rejects.csv").exists()


def test_the_result_as_json(tmp_path: Path, here: Path) -> None:
    path = ecommerce_file(tmp_path, ROW, with_value("class", "1"), "1,2")
    result = json.loads(run(str(path), "--json"))
    assert (result["kind"], result["accepted"], result["rejected"]) == ("ecommerce", 2, 1)
    assert (result["labelled"], result["fraud"], result["fraud_share"]) == (2, 1, 0.5)
    assert result["repairs"] == {"ip_float": 2}
    assert result["rejected_by_reason"] == {"too_few_fields": 1}
    assert result["first_rejects"][0]["line"] == 4
    assert result["first_time"] == "2015-04-18T02:47:11.000Z"
    assert result["rejects_file"] == "events.rejects.csv"


def test_banking_files(tmp_path: Path, here: Path) -> None:
    path = ecommerce_file(tmp_path, BANKING_ROW, header=BANKING_HEADER)
    result = json.loads(run(str(path), "--profile", "banking", "--json"))
    assert (result["kind"], result["accepted"], result["rejects_file"]) == ("banking", 1, None)
    assert not list(here.iterdir())


def test_tables_of_ip_ranges(tmp_path: Path, here: Path) -> None:
    rows = ("0,2147483647,Australia", "2147483648,2147483649,European Union", "5,4,China")
    path = ecommerce_file(tmp_path, *rows, header=IP_HEADER)
    result = json.loads(run(str(path), "--json", "--rejects", "bad.csv"))
    assert (result["kind"], result["accepted"], result["rejected"]) == ("ip_table", 2, 1)
    assert result["countries"] == 1
    assert result["ipv4_share"] == pytest.approx(0.5)
    assert result["no_single_country"] == {"European Union": 1}
    assert (here / "bad.csv").exists()
    assert "European Union (1)" in run(str(path))


def test_zone_and_date_order_reach_the_reader(tmp_path: Path) -> None:
    path = ecommerce_file(tmp_path, with_value("purchase_time", "1/2/2015 10:00"))
    with pytest.raises(DataError, match="--date-order"):
        run(str(path))
    result = json.loads(run(str(path), "--date-order", "dmy", "--tz", "Asia/Tokyo", "--json"))
    assert result["first_time"] == "2015-02-01T01:00:00.000Z"
    assert result["date_order"] == "dmy"


def test_options_that_say_nothing_about_a_table_are_wrong_use(tmp_path: Path) -> None:
    path = ecommerce_file(tmp_path, "1,2,France", header=IP_HEADER)
    with pytest.raises(ConfigError, match="leave --tz and --date-order out"):
        run(str(path), "--tz", "Asia/Tokyo")
