"""What is asked wrongly or with bad intent, what is asked again, and what operators see."""

from __future__ import annotations

import gzip
from typing import Any
from urllib.parse import quote

import pandas as pd
import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from core import metrics as declared
from core.errors import StateError
from tests.views.test_api_counts import LISTS, ask
from tests.views.world import XSS, World
from views.file.frame import FrameStore
from views.periods import Span
from views.serving.app import create_app
from views.store import Health, SpanError

VIEWS = ("/summary", "/fraud_trends", "/fraud_devices", *LISTS, "/alerts")


@pytest.fixture(scope="module")
def client(world: World) -> FlaskClient:
    return world.client()


def refused(client: FlaskClient, url: str, status: int = 400) -> dict[str, Any]:
    response = client.get(url)
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.mimetype == "application/problem+json"
    found: dict[str, Any] = response.get_json()
    assert found["status"] == status
    assert {"type", "title", "detail"} <= found.keys()
    assert "Traceback" not in response.get_data(as_text=True)
    return found


@pytest.mark.parametrize("path", VIEWS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", "yesterday"),
        ("from", ""),
        ("from", "2015-13-45"),
        ("from", "2015-02-30T00:00:00Z"),
        ("from", "1969-12-31"),
        ("to", "9999-12-31T23:59:59Z"),
        ("to", "٢٠١٥-٠١-٠١"),
        ("to", "2015-01-08T00:00:00 02:00"),
        ("to", "1e9"),
        ("profile", "nobody"),
        ("profile", "ecommerce\r\nX-Evil: 1"),
        ("format", "xml"),
        ("nonsense", "1"),
        (XSS, XSS),
    ],
)
def test_a_bad_parameter_is_named_with_its_value(
    client: FlaskClient, path: str, name: str, value: str
) -> None:
    found = refused(client, f"{path}?{quote(name)}={quote(value)}")
    assert found["field"] == name
    assert f"parameter {name}=" in found["detail"]


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "1e3", "9" * 400, "NaN", "", "0x10"])
@pytest.mark.parametrize("path", ["/fraud_devices", "/fraud_geography", "/alerts"])
def test_limits_are_bounded(client: FlaskClient, path: str, limit: str) -> None:
    assert refused(client, f"{path}?limit={limit}")["field"] == "limit"


def test_a_parameter_given_twice_is_refused(client: FlaskClient) -> None:
    found = refused(client, "/summary?from=2015-01-01&from=2016-01-01")
    assert found["field"] == "from"
    assert "twice" in found["detail"]


def test_more_steps_than_allowed_are_refused(world: World) -> None:
    events = world.events
    stretched = type(events)(
        **{
            **{name: getattr(events, name) for name in events.__dataclass_fields__},
            "time_ms": events.time_ms - (events.time_ms[0] * (events.time_ms < events.time_ms[9])),
        }
    )
    app = create_app(FrameStore(stretched, "far"), world.settings, page=False)
    client = app.test_client()
    found = refused(client, "/fraud_trends?bucket=hour")
    assert "10,000" in found["detail"]
    assert len(ask(client, "/fraud_trends")) <= 1_000


@pytest.mark.parametrize("url", ["/nope", f"/{quote(XSS)}", "/summary/", "/.git/HEAD"])
def test_what_is_not_there_is_a_problem_and_reflects_no_markup(
    client: FlaskClient, url: str
) -> None:
    response = client.get(url)
    assert response.status_code == 404
    assert response.mimetype == "application/problem+json"
    assert response.headers["X-Content-Type-Options"] == "nosniff"


def test_texts_that_mean_harm_come_back_as_json_text(client: FlaskClient) -> None:
    response = client.get("/fraud_browsers")
    assert XSS in {one["browser"] for one in response.get_json()}
    assert response.mimetype == "application/json"
    assert XSS in {one["device_id"] for one in ask(client, "/fraud_devices", limit=1_000)}


def test_other_methods_are_refused(client: FlaskClient) -> None:
    response = client.delete("/summary")
    assert response.status_code == 405
    assert "GET" in response.headers["Allow"]
    assert response.mimetype == "application/problem+json"


@pytest.mark.parametrize("path", [*VIEWS, "/models", "/alerts/{}"])
def test_who_has_the_answer_is_told_so_without_computing(
    world: World, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    client = world.client()
    path = path.format(quote(next(iter(world.events.alerts)), safe=""))
    first = client.get(path)
    assert first.status_code == 200
    tag = first.headers["ETag"]
    assert "no-store" not in first.headers["Cache-Control"]
    if path != "/models":  # those do not come from the store
        for method in ("totals", "trend", "by", "devices", "alerts", "alert"):
            monkeypatch.delattr(FrameStore, method)
    again = client.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == tag
    # The server has it too.
    assert client.get(path).data == first.data


def test_another_question_or_revision_has_another_tag(world: World) -> None:
    client = world.client()
    urls = ("/summary", "/summary?from=2025-01-03", "/summary?to=2025-01-03", "/fraud_sexes",
            "/fraud_sexes?limit=3", "/fraud_sexes?format=csv", "/fraud_ages")  # fmt: skip
    tags = [client.get(url).headers["ETag"] for url in urls]
    other = create_app(FrameStore(world.events, "other"), world.settings, page=False).test_client()
    tags.append(other.get("/summary").headers["ETag"])
    tags.append(world.client(mask_ids=True, mask_salt="a").get("/summary").headers["ETag"])
    tags.append(world.client(mask_ids=True, mask_salt="b").get("/summary").headers["ETag"])
    assert len(set(tags)) == len(tags)


def test_large_answers_are_compressed_for_those_who_can(client: FlaskClient) -> None:
    plain = client.get("/fraud_trends?bucket=hour")
    packed = client.get("/fraud_trends?bucket=hour", headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.data) == plain.data
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert "Accept-Encoding" in packed.headers["Vary"]


class Broken(FrameStore):
    """A store whose state is away, or cannot answer a span."""

    error: Exception = StateError("Redis at FRAUDSTREAM_REDIS does not answer: start it")

    def totals(self, profile: str, span: Span) -> Any:
        raise self.error

    def extent(self, profile: str) -> Any:
        raise self.error

    def health(self) -> Health:
        return Health(False, "Redis does not answer", complete_from_ms=0, lag=7)


def test_a_state_that_is_away_is_503_and_a_span_that_cannot_be_cut_422(world: World) -> None:
    client = create_app(Broken(world.events, "b"), world.settings, page=False).test_client()
    response = client.get("/summary")
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0
    assert "FRAUDSTREAM_REDIS" in response.get_json()["detail"]
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json() == {
        "ready": False,
        "detail": "Redis does not answer",
        "complete_from": "1970-01-01T00:00:00.000Z",
        "lag": 7,
    }
    assert client.get("/healthz").status_code == 200
    assert client.get("/metrics").status_code == 200

    store = Broken(world.events, "c")
    store.error = SpanError("from=… is not a whole hour: ask from 12:00")
    client = create_app(store, world.settings, page=False).test_client()
    assert refused(client, "/summary", 422)["detail"].startswith("from=…")


def test_what_nobody_expected_is_500_without_its_reason(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    store = Broken(world.events, "d")
    store.error = RuntimeError("the password is swordfish")
    client = create_app(store, world.settings, page=False).test_client()
    response = client.get("/summary")
    assert response.status_code == 500
    assert "swordfish" not in response.get_data(as_text=True)
    assert "swordfish" in caplog.text


def test_metrics_are_those_declared_and_name_at_most_ten_devices(world: World) -> None:
    client = world.client()
    for path in ("/summary", "/nope", "/alerts"):
        client.get(path)
    text = client.get("/metrics").get_data(as_text=True)
    found = {one.name: one for one in text_string_to_metric_families(text)}
    for metric in declared.OF_VIEWS:
        assert found[metric.family].documentation == metric.text
        labels = {name for one in found[metric.family].samples for name in one.labels}
        assert labels - {"le"} == set(metric.labels)
    seconds = found[declared.HTTP_SECONDS.family].samples
    seen = {(one.labels["endpoint"], one.labels["status"]) for one in seconds}
    assert {("summary", "2xx"), ("page", "4xx"), ("alerts", "2xx")} <= seen

    hour = world.table["time"].dt.floor("h")
    last_day = world.table[hour > hour.max() - pd.Timedelta("24h")]
    alerts = last_day[last_day["device_id"] != "unknown"].groupby("device_id")["alert"].sum()
    expected = sorted(((-count, name) for name, count in alerts.items() if count))[:10]
    top = found[declared.TOP_DEVICE_ALERTS.family].samples
    assert [(one.labels["rank"], one.labels["device"], one.value) for one in top] == [
        (str(rank), name, -count) for rank, (count, name) in enumerate(expected, 1)
    ]


def test_openmetrics_to_those_who_ask_for_it(client: FlaskClient) -> None:
    response = client.get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert response.mimetype == "application/openmetrics-text"
    assert response.get_data(as_text=True).endswith("# EOF\n")


def test_the_document_names_every_endpoint_of_the_contract(client: FlaskClient) -> None:
    paths = client.get("/openapi.json").get_json()["paths"]
    assert {*VIEWS, "/alerts/{event_id}", "/models", "/healthz", "/readyz", "/metrics",
            "/predict", "/performance", "/labels", "/cases/{event_id}"} == paths.keys()  # fmt: skip
    assert list(paths["/predict"]) == list(paths["/labels"]) == ["post"]
    assert sorted(paths["/cases/{event_id}"]) == ["get", "put"]
