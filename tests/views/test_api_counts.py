"""Every endpoint that counts, against pandas over the file: equal, not close."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import pycountry
import pytest
from flask.testing import FlaskClient

from tests.views.world import FORMULA, World, counted, counted_by, world_of

COUNTS = ("transactions", "alerts", "fraud")
#: Path → field of the answer, column of the file.
LISTS = {
    "/fraud_geography": ("country", "country"),
    "/fraud_browsers": ("browser", "browser"),
    "/fraud_sources": ("source", "source"),
    "/fraud_sexes": ("sex", "sex"),
    "/fraud_ages": ("age", "age_band"),
}


@pytest.fixture(scope="module")
def client(world: World) -> FlaskClient:
    return world.client()


@pytest.fixture(scope="module")
def real(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("real")
    path = real_data / "Fraud_Data.csv"
    return world_of(path, folder, ip_table=real_data / "IpAddress_to_Country.csv")


def spans(table: pd.DataFrame) -> list[dict[str, str]]:
    """Everything, and pieces: cut on and between events, open at either end, empty."""
    times = table["time"].sort_values()
    third, two_thirds = times.iloc[len(times) // 3], times.iloc[2 * len(times) // 3]
    day = third.strftime("%Y-%m-%d")
    return [
        {},
        {"from": third.isoformat()},
        {"to": third.isoformat()},
        {"from": third.isoformat(), "to": two_thirds.isoformat()},
        {"from": third.tz_convert("Asia/Tokyo").isoformat(), "to": two_thirds.isoformat()},
        {"from": day},
        {"from": two_thirds.isoformat(), "to": third.isoformat()},
        {"from": "2199-01-01"},
    ]


def within(table: pd.DataFrame, span: dict[str, str]) -> pd.DataFrame:
    if "from" in span:
        table = table[table["time"] >= pd.to_datetime(span["from"], utc=True)]
    if "to" in span:
        table = table[table["time"] < pd.to_datetime(span["to"], utc=True)]
    return table


def ask(client: FlaskClient, path: str, **query: Any) -> Any:
    response = client.get(f"{path}?{urlencode(query)}")
    assert response.status_code == 200, response.get_data(as_text=True)
    return response.get_json()


def stamp(moment: pd.Timestamp) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def check_summary(client: FlaskClient, table: pd.DataFrame) -> None:
    for span in spans(table):
        rows = within(table, span)
        found = ask(client, "/summary", **span)
        labelled = rows[rows["label"].notna()]
        counts = counted(rows)
        assert found["total_transactions"] == counts["transactions"]
        assert found["total_alerts"] == counts["alerts"]
        assert found["total_fraud_cases"] == counts["fraud"]
        assert found["labelled_transactions"] == len(labelled)
        fraud = int((rows["label"] == 1).sum())
        caught = int(((rows["label"] == 1) & (rows["alert"] == 1)).sum())
        of_alerts = int(labelled["alert"].sum())
        for name, part, whole in (
            ("fraud_percentage", 100 * fraud, len(labelled)),
            ("alert_percentage", 100 * int(rows["alert"].sum()), len(rows)),
            ("precision", caught, of_alerts),
            ("recall", caught, fraud),
        ):
            assert found[name] == (part / whole if whole else None)
        units = (rows["amount"] * 10_000).round().astype(int)
        assert found["amount"] == int(units.sum()) / 10_000
        first, last = table["time"].min(), table["time"].max()
        begin = pd.to_datetime(span["from"], utc=True) if "from" in span else first
        end = pd.to_datetime(span["to"], utc=True) if "to" in span else last
        assert (found["from"], found["to"]) == (stamp(begin), stamp(end))


def check_lists(client: FlaskClient, table: pd.DataFrame) -> None:
    for path, (field, column) in LISTS.items():
        for span in spans(table):
            found = ask(client, path, **span, limit=1_000)
            rows = within(table, span)
            expected = counted_by(rows, rows[column])
            assert {one[field]: {name: one[name] for name in COUNTS} for one in found} == expected
            order = [
                (-one["alerts"], -(one["fraud"] or 0), -one["transactions"], one[field])
                for one in found
            ]
            assert order == sorted(order)
            assert ask(client, path, **span, limit=2) == found[:2]
            for one in found:
                if field == "country":
                    country = pycountry.countries.get(alpha_2=one["country"])
                    names = {"Unknown"} if country is None else set(dict(country).values())
                    assert one["name"] in names


def check_devices(client: FlaskClient, table: pd.DataFrame) -> None:
    for span in spans(table):
        rows = within(table, span)
        expected: list[dict[str, Any]] = []
        users = rows.groupby("device_id")["user_id"].nunique().to_dict()
        for device, counts in counted_by(rows, rows["device_id"]).items():
            if device != "unknown" and (counts["alerts"] or counts["fraud"]):
                expected.append({"device_id": device, "users": users[device], **counts})
        expected.sort(key=lambda one: (-one["alerts"], -(one["fraud"] or 0), one["device_id"]))
        found = ask(client, "/fraud_devices", **span, limit=1_000)
        kept = ("device_id", "users", *COUNTS)
        assert [{name: one[name] for name in kept} for one in found] == expected[:1_000]
        assert ask(client, "/fraud_devices", **span) == found[:10]


def check_trends(client: FlaskClient, table: pd.DataFrame, buckets: tuple[str, ...]) -> None:
    frequency = {"hour": "h", "day": "D", "week": "W-SUN", "month": "M"}
    for span in spans(table):
        rows = within(table, span)
        begin, end = table["time"].min(), table["time"].max()
        if "from" in span:
            begin = max(begin, pd.to_datetime(span["from"], utc=True))
        if "to" in span:
            last = pd.to_datetime(span["to"], utc=True) - pd.Timedelta("1ms")
            end = min(end, last)
        for bucket in buckets:
            found = ask(client, "/fraud_trends", **span, bucket=bucket)
            if begin > end:
                assert found == []
                continue
            naive = rows["time"].dt.tz_localize(None)
            periods = naive.dt.to_period(frequency[bucket])
            every = pd.period_range(
                begin.tz_localize(None), end.tz_localize(None), freq=frequency[bucket]
            )
            groups = counted_by(rows, periods)
            nothing = counted(rows.iloc[:0])
            expected = [
                {"bucket": stamp(one.start_time), **groups.get(one, nothing)} for one in every
            ]
            kept = ("bucket", *COUNTS)
            assert [{name: one[name] for name in kept} for one in found] == expected


CHECKS: dict[str, Callable[[FlaskClient, pd.DataFrame], None]] = {
    "summary": check_summary,
    "lists": check_lists,
    "devices": check_devices,
    "trends": lambda client, table: check_trends(client, table, ("hour", "day", "week", "month")),
}


@pytest.mark.parametrize("check", CHECKS)
def test_counts_are_those_of_the_file(world: World, client: FlaskClient, check: str) -> None:
    assert world.table["alert"].sum() > 50
    assert world.table["label"].isna().sum() > 100
    CHECKS[check](client, world.table)


@pytest.mark.realdata
@pytest.mark.parametrize("check", CHECKS)
def test_counts_are_those_of_the_real_file(real: World, check: str) -> None:
    CHECKS[check](real.client(), real.table)


def test_the_bucket_that_is_not_said_makes_some_hundred_steps(
    world: World, client: FlaskClient
) -> None:
    first = world.table["time"].min()
    assert len(ask(client, "/fraud_trends")) <= 400
    found = ask(
        client,
        "/fraud_trends",
        **{"from": first.isoformat(), "to": (first + pd.Timedelta("5D")).isoformat()},
    )
    assert 100 <= len(found) <= 121
    assert found[0]["bucket"].endswith(":00:00.000Z")


def test_without_a_model_alerts_are_null_and_counts_still_show(
    world: World, tmp_path: Path
) -> None:
    bare = world_of(world.path, tmp_path, with_model=False)
    client = bare.client()
    summary = ask(client, "/summary")
    assert summary["total_transactions"] == len(world.table)
    assert summary["total_fraud_cases"] == int((world.table["label"] == 1).sum())
    for name in ("total_alerts", "alert_percentage", "precision", "recall", "alert_amount"):
        assert summary[name] is None
    assert {one["alerts"] for one in ask(client, "/fraud_browsers")} == {None}
    assert {one["alerts"] for one in ask(client, "/fraud_trends")} == {None}
    assert ask(client, "/fraud_devices") != []
    assert ask(client, "/alerts") == {"alerts": [], "next_cursor": None}
    assert ask(client, "/models")["champion"] is None
    assert client.post("/predict", json={}).status_code == 501


def test_without_labels_fraud_is_null(world: World, tmp_path: Path) -> None:
    unlabelled = tmp_path / "unlabelled.csv"
    pd.read_csv(world.path, dtype=str).assign(**{"class": ""}).to_csv(unlabelled, index=False)
    client = world_of(unlabelled, tmp_path).client()
    summary = ask(client, "/summary")
    assert summary["total_fraud_cases"] is None
    assert summary["fraud_percentage"] is None
    assert summary["recall"] is None
    assert {one["fraud"] for one in ask(client, "/fraud_sources")} == {None}
    # Steps without a transaction have no fraud either.
    trend = ask(client, "/fraud_trends", bucket="hour")
    assert {one["fraud"] for one in trend if one["transactions"]} == {None}
    assert {one["fraud"] for one in trend if not one["transactions"]} == {0}


@pytest.mark.parametrize("path", ["/fraud_trends", "/fraud_devices", *LISTS])
def test_lists_can_be_had_as_csv(client: FlaskClient, path: str) -> None:
    as_json = client.get(path).get_json()
    asked = client.get(path, headers={"Accept": "text/csv"})
    named = client.get(f"{path}?format=csv")
    assert asked.mimetype == named.mimetype == "text/csv"
    assert asked.data == named.data
    rows = list(csv.DictReader(io.StringIO(asked.get_data(as_text=True))))
    assert len(rows) == len(as_json)
    for row, one in zip(rows, as_json, strict=True):
        for name, value in one.items():
            shown = "" if value is None else str(value)
            assert row[name] == (f"'{shown}" if shown[:1] in ("=", "+", "-", "@") else shown)
    assert client.get(f"{path}?format=json", headers={"Accept": "text/csv"}).is_json


def test_no_cell_of_a_csv_is_a_formula(client: FlaskClient) -> None:
    text = client.get("/fraud_browsers?format=csv").get_data(as_text=True)
    assert FORMULA in next(
        row["browser"] for row in csv.DictReader(io.StringIO(text)) if "HYPER" in row["browser"]
    )
    for row in csv.reader(io.StringIO(text)):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
