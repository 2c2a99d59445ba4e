"""Alerts page by page, their filters and details, and what hides ids."""

from __future__ import annotations

import base64
import csv
import io
from typing import Any
from urllib.parse import quote, urlencode

import orjson
import pandas as pd
import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from tests.views.test_api_counts import ask, spans, within
from tests.views.world import FORMULA, XSS, World
from views.api.problems import ProblemError
from views.api.queries import cursor_of, place_of
from views.store import Place

LABEL = {"fraud": 1, "legitimate": 0}


@pytest.fixture(scope="module")
def client(world: World) -> FlaskClient:
    return world.client()


def paged(client: FlaskClient, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = ask(client, "/alerts", **query, **cursor)
        assert len(page["alerts"]) <= query["limit"]
        found += page["alerts"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


def newest_first(table: pd.DataFrame) -> list[str]:
    alerts = table[table["alert"] == 1]
    return list(alerts.sort_values(["time", "event_id"], ascending=False)["event_id"])


def test_pages_hold_every_alert_of_a_span_once_newest_first(
    world: World, client: FlaskClient
) -> None:
    for span in spans(world.table):
        found = paged(client, **span, limit=37)
        assert [one["event_id"] for one in found] == newest_first(within(world.table, span))


def test_an_alert_is_the_message_with_its_label(world: World, client: FlaskClient) -> None:
    label = world.table.set_index("event_id")["label"]
    for one in ask(client, "/alerts", limit=1_000)["alerts"]:
        expected = orjson.loads(world.events.alerts[one["event_id"]])
        found = label[one["event_id"]]
        assert one == {
            **expected,
            "label": None if pd.isna(found) else int(found),
            "case": None,  # a file has nobody who works on it
        }


@pytest.mark.parametrize("name", ["browser", "source", "country", "device_id", "user_id"])
def test_filters_by_value(world: World, client: FlaskClient, name: str) -> None:
    alerts = world.table[world.table["alert"] == 1]
    for value in [*alerts[name].value_counts().index[:3], "unknown", "no such value", XSS]:
        found = paged(client, **{name: value}, limit=50)
        assert [one["event_id"] for one in found] == newest_first(alerts[alerts[name] == value])


def test_filters_by_label_decision_and_severity(world: World, client: FlaskClient) -> None:
    everything = paged(client, limit=1_000)
    by_label = {
        value: {one["event_id"] for one in paged(client, label=value, limit=99)}
        for value in ("fraud", "legitimate", "unknown")
    }
    assert all(by_label.values())
    for value, ids in by_label.items():
        assert ids == {one["event_id"] for one in everything if one["label"] == LABEL.get(value)}
    for name, values in (
        ("decision", ("review", "block")),
        ("severity", ("low", "medium", "high", "critical")),
    ):
        for value in values:
            ids = {one["event_id"] for one in paged(client, **{name: value}, limit=99)}
            assert ids == {one["event_id"] for one in everything if one[name] == value}


def test_details_are_the_alert_and_what_its_device_did_before(
    world: World, client: FlaskClient
) -> None:
    table = world.table.sort_values(["time", "event_id"]).reset_index(drop=True)
    for event_id in newest_first(table)[::7]:
        response = client.get(f"/alerts/{quote(event_id, safe='')}")
        assert response.status_code == 200, response.get_data(as_text=True)
        found = response.get_json()
        assert found["alert"]["event_id"] == event_id
        row = table.index[table["event_id"] == event_id][0]
        same = table[: int(row)]
        same = same[same["device_id"] == table["device_id"][row]]
        assert [one["event_id"] for one in found["earlier_on_device"]] == list(same["event_id"])[
            ::-1
        ][:50]
        for one in found["earlier_on_device"]:
            of_file = table[table["event_id"] == one["event_id"]].iloc[0]
            assert one["amount"] == of_file["amount"]
            assert one["user_id"] == of_file["user_id"]
        assert found["model"]["version"] == "v1"
        # As it is, a slash is part of the path.
        assert client.get(f"/alerts/{quote(event_id, safe='/')}").get_json() == found


@pytest.mark.parametrize("event_id", ["nobody", "a//b", XSS, "../../etc/passwd", "e-1%00"])
def test_no_such_alert_is_a_problem_that_names_it(client: FlaskClient, event_id: str) -> None:
    response = client.get(f"/alerts/{quote(event_id, safe='')}")
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert response.get_json()["status"] == 404


def test_alerts_as_csv_have_their_reasons_and_no_formula(world: World, client: FlaskClient) -> None:
    page = ask(client, "/alerts", device_id=FORMULA, limit=5)["alerts"]
    assert page
    text = client.get(f"/alerts?{urlencode({'device_id': FORMULA, 'limit': 5, 'format': 'csv'})}")
    rows = list(csv.DictReader(io.StringIO(text.get_data(as_text=True))))
    for row, one in zip(rows, page, strict=True):
        assert row["event_id"] == one["event_id"]
        assert row["device_id"] == f"'{FORMULA}"
        assert row["reasons"] == "; ".join(reason["text"] for reason in one["reasons"])
        assert float(row["score"]) == one["score"]


@given(st.integers(0, 2**43), st.text(min_size=1, max_size=256).filter(str.isprintable))
def test_a_cursor_is_the_place_it_was_made_of(time_ms: int, event_id: str) -> None:
    place = Place(time_ms, event_id)
    assert place_of(cursor_of(place)) == place


@given(st.text(max_size=40))
def test_a_damaged_cursor_is_refused(text: str) -> None:
    with pytest.raises(ProblemError, match="cursor"):
        place_of(text)


@given(st.integers(0, 60), st.sampled_from("ABCdef019-_=+/"))
def test_one_changed_letter_damages_a_cursor(at: int, letter: str) -> None:
    cursor = cursor_of(Place(1_420_070_400_123, "ecommerce-0a1b2c3d-000000000002"))
    changed = cursor[: at % len(cursor)] + letter + cursor[at % len(cursor) + 1 :]
    if changed != cursor:
        with pytest.raises(ProblemError, match="damaged"):
            place_of(changed)


def test_a_cursor_of_another_making_is_refused(client: FlaskClient) -> None:
    for cursor in (base64.urlsafe_b64encode(b"\0\0\0\0" + b"5:e-1").decode(), "x", "%00", "é"):
        response = client.get(f"/alerts?cursor={quote(cursor)}")
        assert response.status_code == 400
        assert response.get_json()["field"] == "cursor"


def test_masked_ids_appear_nowhere(world: World) -> None:
    client = world.client(mask_ids=True, mask_salt="grain")
    plain = world.client()
    alert = ask(plain, "/alerts", limit=1)["alerts"][0]
    details = f"/alerts/{quote(alert['event_id'], safe='')}"
    answers = {
        path: client.get(path).get_data(as_text=True)
        for path in ("/alerts?limit=1000", "/alerts?limit=1000&format=csv",
                     "/fraud_devices?limit=1000", details, "/metrics")
    }  # fmt: skip
    ids = {str(one) for name in ("user_id", "device_id") for one in world.table[name].unique()}
    addresses = {str(one["ip_address"]) for one in ask(plain, "/alerts", limit=1_000)["alerts"]} - {
        "None"
    }
    for path, text in answers.items():
        assert not [one for one in (ids - {"unknown"}) | addresses if f'"{one}"' in text], path
        assert XSS not in text
    hidden = orjson.loads(answers["/alerts?limit=1000"])["alerts"]
    assert {len(one["device_id"]) for one in hidden} == {16}
    # The same id is hidden alike everywhere.
    devices = {one["device_id"] for one in orjson.loads(answers["/fraud_devices?limit=1000"])}
    assert {one["device_id"] for one in hidden} <= devices


@pytest.mark.parametrize("name", ["user_id", "device_id"])
def test_masked_ids_cannot_be_asked_for(world: World, name: str) -> None:
    client = world.client(mask_ids=True, mask_salt="grain")
    value = str(world.table[name].iloc[0])
    response = client.get(f"/alerts?{urlencode({name: value})}")
    assert response.status_code == 400
    assert response.get_json()["field"] == name
    assert value not in response.get_data(as_text=True)
