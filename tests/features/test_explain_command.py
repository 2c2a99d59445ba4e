"""``fraudstream features --explain``: one event's features and what they were made of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from cli.explain_json import plain
from cli.explain_view import LISTED
from cli.feature_file import features
from core.errors import DataError
from features.csv_source import read_transactions
from features.declared import feature_names
from features.explain import explain
from features.offline import compute_features
from producer.sample import SampleOptions, write_sample
from tests.features.csv_files import (
    BANKING_HEADER,
    BANKING_ROW,
    HEADER,
    ROW,
    ecommerce_file,
    saved,
    with_value,
)
from tests.features.events import country_table
from tests.features.test_explain import check_values_follow_from_the_events

app = typer.Typer()
app.command()(features)
SECOND, THIRD = "2015-04-18 02:47:12", "2015-04-18 05:00:00"
NAMED = f"event_id,{HEADER}"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: str | Path, width: int = 100) -> str:
    result = CliRunner(env={"COLUMNS": str(width)}).invoke(
        app, list(map(str, arguments)), catch_exceptions=False
    )
    assert result.exit_code == 0
    return result.stdout


def explained(csv: Path, event_id: str, *arguments: str | Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(csv, "--explain", event_id, "--json", *arguments))
    return found


@pytest.fixture
def named(tmp_path: Path) -> Path:
    """Four purchases on one device with ids of their own, the latest first."""
    other = with_value("user_id", "7", with_value("purchase_value", "5.5"))
    rows = (
        f"late,{with_value('purchase_time', THIRD)}",
        f"b,{with_value('purchase_time', SECOND, other)}",
        f"a,{ROW}",
        f"c,{with_value('device_id', 'ELSEWHERE')}",
    )
    return ecommerce_file(tmp_path, *rows, header=NAMED)


def test_json_holds_event_entities_and_features(named: Path, here: Path) -> None:
    found = explained(named, "late")
    assert found["event"] == {
        "profile": "ecommerce",
        "event_id": "late",
        "row": 2,
        "time": "2015-04-18T05:00:00.000Z",
        "amount": 34.0,
        "user_id": "22058",
        "device_id": "QVPSPJUOCKZAR",
        "ip_address": "43.173.1.96",
        "country": found["event"]["country"],
        "source": "SEO",
        "browser": "Chrome",
        "sex": "M",
        "signup_time": "2015-02-24T22:55:49.000Z",
        "age": 39.0,
        "label": 0,
    }
    entities = {one["entity"]: one for one in found["entities"]}
    assert list(entities) == ["user", "device", "ip"]
    assert [one["event_id"] for one in entities["user"]["events"]] == ["c", "a"]
    assert [one["event_id"] for one in entities["ip"]["events"]] == ["b", "c", "a"]
    device = entities["device"]
    assert (device["id"], device["truncated"]) == ("QVPSPJUOCKZAR", False)
    assert device["events"][0] == {
        "event_id": "b",
        "row": 3,
        "time": "2015-04-18T02:47:12.000Z",
        "amount": 5.5,
        "user_id": "7",
        "device_id": "QVPSPJUOCKZAR",
        "ip_address": "43.173.1.96",
        "country": found["event"]["country"],
        "seconds_before": 7968.0,
        "windows": ["24h", "7d", "30d"],
    }
    assert not list(here.iterdir())


def test_json_gives_each_feature_its_events(named: Path) -> None:
    found = explained(named, "late")
    assert tuple(one["name"] for one in found["features"]) == feature_names("ecommerce")
    by_name = {one["name"]: one for one in found["features"]}
    assert by_name["device_spend_24h"] == {
        "name": "device_spend_24h",
        "value": 39.5,
        "category": None,
        "unit": "currency units",
        "meaning": "sum of the amounts of the earlier events of the device within 24h",
        "entity": "device",
        "window": "24h",
        "events": ["b", "a"],
    }
    assert by_name["browser"]["value"] == 1.0
    assert by_name["browser"]["category"] == "Chrome"
    assert (by_name["browser"]["entity"], by_name["browser"]["window"]) == (None, None)
    assert by_name["browser"]["events"] == []
    assert by_name["device_mean_1m"]["value"] is None
    assert by_name["device_seconds_since_previous"]["events"] == ["b"]
    assert by_name["device_age_seconds"]["events"] == ["a"]
    assert by_name["device_rate_ratio_1h"]["events"] == ["b", "a"]


def test_same_amount_lists_only_those_of_the_amount(tmp_path: Path) -> None:
    amounts = ("34", "5.5", "34", "34")
    rows = [with_value("purchase_value", amount) for amount in amounts]
    csv = ecommerce_file(tmp_path, *rows)
    data = read_transactions(csv)
    found = explained(csv, data.batch.event_id[3])
    by_name = {one["name"]: one["events"] for one in found["features"]}
    ids = data.batch.event_id
    assert by_name["device_same_amount_1m"] == [ids[2], ids[0]]
    assert "#1,3" in run(csv, "--explain", ids[3])


def test_values_are_shortest_float32_and_those_of_the_file(tmp_path: Path) -> None:
    rows = (with_value("purchase_value", "10.1"), with_value("purchase_value", "0.2"), ROW)
    csv = ecommerce_file(tmp_path, *rows)
    event_id = read_transactions(csv).batch.event_id[2]
    out = tmp_path / "f.parquet"
    found = explained(csv, event_id, "--out", out)
    assert found["file"] == str(out)
    frame = pd.read_parquet(out)
    assert len(frame) == 3
    row = frame[frame["event_id"] == event_id].iloc[0]
    for one in found["features"]:
        value = one["value"]
        assert (value is None and np.isnan(row[one["name"]])) or np.float32(value) == row[
            one["name"]
        ]
    assert {one["name"]: one["value"] for one in found["features"]}["device_mean_1h"] == 5.15


def test_shortest_decimals() -> None:
    assert plain(np.float32(0.1)) == 0.1
    assert plain(np.float32(16777216)) == 16777216.0
    assert plain(np.float32("nan")) is None


def test_banking(tmp_path: Path) -> None:
    csv = ecommerce_file(tmp_path, BANKING_ROW, BANKING_ROW, header=BANKING_HEADER)
    first, second = read_transactions(csv).batch.event_id
    found = explained(csv, second)
    assert found["event"]["v28"] == 1.875
    assert "country" not in found["event"]
    assert [one["entity"] for one in found["entities"]] == ["card", "vector"]
    assert [one["event_id"] for one in found["entities"][1]["events"]] == [first]
    by_name = {one["name"]: one for one in found["features"]}
    assert by_name["vector_count_1m"]["events"] == [first]
    assert by_name["card_count_1m"]["value"] is None
    text = run(csv, "--explain", second)
    assert "card: the event has none" in text


@pytest.mark.parametrize("width", [80, 100, 140])
def test_people_see_values_what_they_are_made_of_and_the_events(named: Path, width: int) -> None:
    text = run(named, "--explain", "late", width=width)
    lines = text.splitlines()
    assert max(map(len, lines)) <= width
    assert lines[0] == "late, line 2 of events.csv"
    assert "labelled honest" in text
    count = next(line for line in lines if line.split()[:1] == ["count"])
    assert count.split()[1:6] == ["0", "0", "2", "2", "2"]
    made = next(line for line in lines if line.startswith("  made of"))
    assert made.split()[2:7] == ["–", "–", "#1–2", "#1–2", "#1–2"]
    assert "39.50" in text
    assert "2.2 h" in text
    # Of the device: b, then a, each with its number, its line, its amount and its id.
    device = lines[lines.index(next(line for line in lines if line.startswith("device "))) :]
    listed = [line.split() for line in device if line.split()[-1:] in (["a"], ["b"])]
    assert [one[:2] for one in listed[:2]] == [["1", "3"], ["2", "4"]]
    assert ["5.50" in one for one in listed[:2]] == [True, False]


def test_who_has_no_past_takes_one_line_for_each_value(tmp_path: Path) -> None:
    text = run(ecommerce_file(tmp_path, ROW), "--explain", first_id(tmp_path / "events.csv"))
    assert "device QVPSPJUOCKZAR: no earlier event" in text
    assert "0: count, users, same_amount" in text
    assert "made of" not in text


def test_a_long_list_shows_the_latest_and_the_earliest(tmp_path: Path) -> None:
    rows = [with_value("purchase_time", f"2015-04-{day:02d} 10:00:00") for day in range(1, 30)]
    csv = ecommerce_file(tmp_path, *rows)
    last = read_transactions(csv).batch.event_id[-1]
    lines = run(csv, "--explain", last).splitlines()
    more = [line for line in lines if "more" in line]
    # 28 earlier events; user, device and address have the same ones, so they stand there once.
    assert [line.split() for line in more] == [["…", str(28 - LISTED - 1), "more"]]
    assert lines[lines.index(more[0]) + 1].split()[:2] == ["28", "2"]
    assert sum("the same as those of the user" in line for line in lines) == 2


def first_id(csv: Path) -> str:
    return read_transactions(csv).batch.event_id[0]


def refusal(csv: Path, event_id: str) -> str:
    with pytest.raises(DataError) as caught:
        run(csv, "--explain", event_id)
    assert caught.value.exit_code == 1
    return str(caught.value)


def test_an_unknown_id_is_named_with_how_ids_look(tmp_path: Path) -> None:
    csv = ecommerce_file(tmp_path, ROW, ROW)
    first = first_id(csv)
    assert refusal(csv, "zzz") == f"{csv} has no event 'zzz': ids there look like {first}"
    assert refusal(csv, "").endswith(f"look like {first}")


@pytest.mark.parametrize("slip", ["2", "ecommerce-00000000-000000000002", "ecommerce-2"])
def test_a_near_match_is_offered(tmp_path: Path, slip: str) -> None:
    csv = ecommerce_file(tmp_path, ROW, ROW)
    assert refusal(csv, slip).endswith(f"'{slip}': did you mean {first_id(csv)}?")


def test_a_typing_error_in_an_id_of_the_files_own_is_found(named: Path) -> None:
    assert refusal(named, "lste").endswith("'lste': did you mean late?")


def test_the_line_of_an_id_that_was_rejected_is_said_with_the_reason(tmp_path: Path) -> None:
    csv = ecommerce_file(tmp_path, ROW, with_value("age", "old"))
    rejected = first_id(csv)[:-1] + "3"
    assert "line 3 was rejected, age='old': wrong_type:" in refusal(csv, rejected)
    beyond = first_id(csv)[:-1] + "9"
    assert refusal(csv, beyond).endswith("no event begins at line 9; the last begins at line 2")


def test_an_id_of_the_files_own_may_be_among_the_rejects(tmp_path: Path) -> None:
    csv = saved(tmp_path, f"{NAMED}\nx,{ROW}\ny,{with_value('age', 'old')}\n")
    message = refusal(csv, "order-y")
    assert message.endswith("or it is one of the rejected lines, see events.rejects.csv")


def check_some_events(csv: Path, count: int, *arguments: str) -> None:
    """The events with the longest past, the shortest and some between, through and through."""
    data = read_transactions(csv, *arguments)
    table = compute_features(data.batch, country_table())
    names = [name for name in table.names if name.endswith("_count_30d")]
    past = np.nansum(table.matrix[:, [table.names.index(name) for name in names]], axis=1)
    order = np.argsort(past, kind="stable")
    for place in np.linspace(0, len(order) - 1, count).round().astype(int).tolist():
        explanation = explain(data.batch, table, int(order[place]))
        check_values_follow_from_the_events(data.batch, explanation)
        for one in explanation.features:
            assert data.batch.event_id[explanation.row] not in {
                data.batch.event_id[row] for row in explanation.rows(one).tolist()
            }
    assert past.max() > 0


@pytest.mark.parametrize("profile", ["ecommerce", "banking"])
def test_explanations_of_a_sample(tmp_path: Path, profile: str) -> None:
    csv = tmp_path / "sample.csv"
    write_sample(csv, SampleOptions(profile=profile, rows=4_000, fraud_rate=0.1, days=20))
    check_some_events(csv, 25)


@pytest.mark.realdata
def test_a_ring_of_the_real_data_is_explained(real_data: Path, tmp_path: Path) -> None:
    csv = real_data / "Fraud_Data.csv"
    out = tmp_path / "f.parquet"
    found = explained(csv, "ecommerce-aa8af62a-000000028995", "--out", out)
    frame = pd.read_parquet(out)
    assert (len(frame), found["rejected"]) == (30_189, 1)
    assert frame.columns[2:-6].tolist() == list(feature_names("ecommerce"))
    by_name = {one["name"]: one for one in found["features"]}
    lines = {int(event_id[-12:]) for event_id in by_name["device_count_1m"]["events"]}
    assert lines == {25_770, 20_845, 14_575, 10_673, 8_648, 4_569, 3_287}
    assert by_name["device_users_24h"]["value"] == 7
    assert by_name["device_same_amount_1m"]["events"] == by_name["device_count_1m"]["events"]
    assert by_name["user_count_30d"]["events"] == []
    check_some_events(csv, 40)
