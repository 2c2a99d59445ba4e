"""``/predict``: the scores a worker publishes, from a state that stays as it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
import redis
from flask.testing import FlaskClient

from core.errors import StateError
from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings, load_settings
from features.compaction import COMPACT_ABOVE
from features.countries import load_country_table
from features.known import country_codes
from features.online import VelocityState
from features.open_wire import open_wire
from model.control import in_control
from producer.encode import encode_events
from tests.stream.test_worker import events, messages
from tests.stream.workers import Reader, publish, running_worker
from tests.views.world import NOW_MS, World
from views.file.frame import FrameStore
from views.predicting.past import FilePast, LivePast
from views.predicting.predict import Predictor
from views.serving.app import create_app

HEADERS = {"Content-Type": "application/json"}
KEPT = ("event_id", "score", "decision", "control", "model")
OF_ALERT = ("severity", "threshold", "reasons")


@pytest.fixture
def ready(settings: Settings, install_model: Callable[[Settings], None]) -> Settings:
    install_model(settings)
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), 2)
    return settings


@pytest.fixture
def reader(ready: Settings) -> Iterator[Reader]:
    reader = Reader(ready)
    yield reader
    reader.close()


@pytest.fixture
def install_model() -> Callable[[Settings], None]:
    from tests.stream.conftest import put_small_model

    return put_small_model


@pytest.fixture(scope="module")
def client(world: World) -> FlaskClient:
    return world.client()


def live_client(settings: Settings, world: World) -> FlaskClient:
    predictor = Predictor(settings, load_country_table(None), LivePast(settings))
    app = create_app(world.store, settings, predictor, clock=lambda: NOW_MS, page=False)
    return app.test_client()


def predict(client: FlaskClient, body: Any) -> list[dict[str, Any]]:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    response = client.post("/predict", data=raw, headers=HEADERS)
    assert response.status_code == 200, response.get_data(as_text=True)
    found: list[dict[str, Any]] = orjson.loads(response.data)["predictions"]
    return found


def everything(settings: Settings) -> dict[bytes, tuple[Any, int]]:
    """Every key of the namespace: its bytes, and when it expires."""
    client = redis.Redis.from_url(settings.redis.get_secret_value())
    return {
        key: (client.dump(key), client.pexpiretime(key))
        for key in client.scan_iter(match=f"{settings.namespace}:*")
    }


@pytest.mark.integration
def test_a_prediction_is_what_a_worker_publishes_right_after(
    ready: Settings, reader: Reader, world: World, tmp_path: Path
) -> None:
    batch = events(360, seed=8)
    sent = messages(batch)
    bodies = [value or b"" for _, value in sent]
    with running_worker(ready, tmp_path / "worker.log") as worker:
        publish(ready, sent[:350])
        reader.read_until(350)
        client = live_client(ready, world)
        before = everything(ready)
        predicted = []
        for number, body in enumerate(bodies[350:], 350):
            predicted += predict(client, body)
            assert predicted[-1] == predict(client, body)[0]  # as often as one likes
            publish(ready, sent[number : number + 1])
            found = reader.read_until(number + 1)
        assert everything(ready) != before
        # An event that is known by now sees what it saw then.
        predicted += predict(client, b"[" + b",".join(bodies[:350]) + b"]")
        assert worker.terminate() == 0
    scores = {one["event_id"]: one for one in found.scores}
    alerts = {one["event_id"]: one for one in found.alerts}
    assert len(scores) == len(predicted) == 360
    assert len(alerts) > 20
    for one in predicted:
        event_id = one["event_id"]
        assert one["error"] is None
        assert {name: one[name] for name in KEPT} == {name: scores[event_id][name] for name in KEPT}
        alert = alerts.get(event_id, dict.fromkeys(OF_ALERT))
        if any(reason["code"] != "shap" for reason in alert["reasons"] or ()):
            # Beyond those of its micro-batch that the model was asked to explain.
            assert int(event_id.removeprefix("e-")) < 350
            alert = {**alert, "reasons": one["reasons"]}
        assert {name: one[name] for name in OF_ALERT} == {name: alert[name] for name in OF_ALERT}


@pytest.mark.integration
def test_predictions_leave_every_key_and_expiry_as_it_was(ready: Settings, world: World) -> None:
    batch = events(400, seed=2)
    countries = load_country_table(None)
    country = country_codes(batch, countries)
    state = VelocityState(open_wire(ready.redis.get_secret_value()), ready.namespace, "ecommerce")
    state.step(batch, country)
    # A log that a worker would compact when it next sees it.
    key = state.key("device", "device-0")
    store = redis.Redis.from_url(ready.redis.get_secret_value())
    log = bytes(store.get(key) or b"")  # type: ignore[arg-type]
    store.append(key, log[:64] * (COMPACT_ABOVE + 1))
    client = live_client(ready, world)
    bodies = encode_events(batch)
    known = json.loads(bodies[0])
    conflict = {**known, "purchase_value": known["purchase_value"] + 1}
    unheard = {**known, "event_id": "new", "user_id": "new", "device_id": "new"}
    late = {**known, "event_id": "late", "purchase_time": "1999-01-01T00:00:00Z"}
    on_long_log = {**known, "event_id": "long", "device_id": "device-0"}
    before = everything(ready)
    found = predict(client, [known, conflict, unheard, late, on_long_log])
    predict(client, b"[" + b",".join(bodies) + b"]")
    assert everything(ready) == before
    assert [one["error"] and one["error"]["code"] for one in found] == [
        None,
        "duplicate_conflict",
        None,
        None,
        None,
    ]
    # A worker may go on as if nothing had been.
    assert not state.step(batch, country).conflict.any()


@pytest.mark.integration
def test_a_state_that_is_away_is_503_and_back_when_it_is(
    ready: Settings, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = ready.model_copy(update={"redis": load_settings(redis="redis://127.0.0.1:1/0").redis})
    client = live_client(away, world)
    body = encode_events(events(4))[0]
    response = client.post("/predict", data=body, headers=HEADERS)
    assert response.status_code == 503
    assert int(response.headers["Retry-After"]) > 0

    client = live_client(ready, world)
    assert predict(client, body)[0]["error"] is None
    with monkeypatch.context() as patch:

        def broken(*args: Any) -> Any:
            raise redis.ConnectionError("gone")

        patch.setattr(VelocityState, "look", broken)
        assert client.post("/predict", data=body, headers=HEADERS).status_code == 503
    assert predict(client, body)[0]["error"] is None


def test_over_a_file_the_scores_are_those_of_the_file(world: World, client: FlaskClient) -> None:
    rows = world.table[world.table["alert"] == 1].index[:40].union(world.table.index[:60])
    sent = [_event(world.table.loc[row]) for row in rows]
    found = predict(client, {"events": sent})
    score = dict(zip(world.events.event_id, score_of(world), strict=True))
    for one in found:
        alert = world.events.alerts.get(one["event_id"])
        assert one["score"] == score[one["event_id"]]
        expected = orjson.loads(alert) if alert else dict.fromkeys(OF_ALERT)
        assert {name: one[name] for name in OF_ALERT} == {name: expected[name] for name in OF_ALERT}
    # One more event of the busiest device counts those before it.
    device = world.table["device_id"].value_counts().index[0]
    last = world.table[world.table["device_id"] == device].sort_values("time").iloc[-1]
    [one] = predict(client, {**_event(last), "event_id": "one more"})
    assert one["score"] >= score[last["event_id"]]


def score_of(world: World) -> list[float]:
    assert world.events.score is not None
    return [float(str(one)) for one in world.events.score]


def _event(row: Any) -> dict[str, Any]:
    return {
        "event_id": row["event_id"],
        "user_id": row["user_id"],
        "signup_time": row["signup_time"],
        "purchase_time": row["purchase_time"],
        "purchase_value": float(row["purchase_value"]),
        "device_id": row["device_id"],
        "source": None if row["source"] == "unknown" else row["source"],
        "browser": None if row["browser"] == "unknown" else row["browser"],
        "sex": None if row["sex"] == "unknown" else row["sex"],
        "age": float(row["age"]) if row["age"] else None,
        "ip_address": int(float(row["ip_address"])) if row["ip_address"] else None,
    }


def test_each_bad_event_is_named_and_the_others_are_scored(
    world: World, client: FlaskClient
) -> None:
    good = _event(world.table.iloc[0])
    bodies = [
        (orjson.dumps(good), None),
        (b"{}", "missing_field"),
        (b"17", "malformed_json"),
        (orjson.dumps({**good, "purchase_value": -1}), "out_of_range"),
        (orjson.dumps({**good, "purchase_time": "soon"}), "bad_time"),
        (orjson.dumps({**good, "purchase_time": "2199-01-01T00:00:00Z"}), "future_time"),
        (orjson.dumps({**good, "ip_address": "1.2.3"}), "bad_ip"),
        (orjson.dumps(good)[:-1] + b',"event_id":"twice"}', "duplicate_key"),
        (orjson.dumps({**good, "device_id": ["<script>"]}), "wrong_type"),
        (orjson.dumps({**good, "browser": "a\0b"}), "bad_text"),
    ]
    found = predict(client, b"[" + b",".join(body for body, _ in bodies) + b"]")
    assert [one["error"] and one["error"]["code"] for one in found] == [code for _, code in bodies]
    for one in found[1:]:
        assert one["score"] is None
        assert one["error"]["message"]
    for body, code in bodies[1:]:
        response = client.post("/predict", data=body, headers=HEADERS)
        if code == "malformed_json":
            assert response.status_code in {400, 422}
            continue
        assert response.status_code == 422
        assert response.mimetype == "application/problem+json"
        assert response.get_json()["errors"][0]["code"] == code


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"events": []}', 400),
        (b"[" + b"{}," * 1_000 + b"{}]", 400),
        (b"[" * 100_000, 400),
        (b'{"events": ' * 10_000, 400),
        (b"[{]", 400),
        (b"nonsense", 400),
        (b"\xff\xfe", 400),
        (b'{"events": 5}', 422),
        (b'{"events": [{"events": []}]}', 422),
        (b"[null]", 422),
    ],
)
def test_bodies_that_are_no_events_are_refused(
    client: FlaskClient, body: bytes, status: int
) -> None:
    response = client.post("/predict", data=body, headers=HEADERS)
    assert response.status_code == status, response.get_data(as_text=True)
    assert response.mimetype == "application/problem+json"


def test_a_body_that_does_not_say_it_is_json_is_refused(client: FlaskClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", None):
        response = client.post("/predict", data=b"{}", content_type=kind)
        assert response.status_code == 415


def test_an_unknown_field_called_events_does_not_make_an_event_a_list(
    world: World, client: FlaskClient
) -> None:
    good = _event(world.table.iloc[0])
    [one] = predict(client, {**good, "events": []})
    assert one["event_id"] == good["event_id"]


def test_a_profile_without_a_champion_is_told_what_to_do(client: FlaskClient) -> None:
    response = client.post("/predict?profile=banking", data=b"{}", headers=HEADERS)
    assert response.status_code == 422
    assert "fraudstream train" in response.get_json()["detail"]


def test_another_champion_takes_over_and_a_damaged_one_does_not(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture,
    install_model: Callable[[Settings], None],
) -> None:  # fmt: skip
    settings = load_settings(models=tmp_path / "models")
    install_model(settings)
    countries = load_country_table(None)
    batch = events(50)
    past = FilePast(batch, country_codes(batch, countries))
    predictor = Predictor(settings, countries, past)
    client = create_app(world.store, settings, predictor, page=False).test_client()
    body = encode_events(batch)[0]
    assert predict(client, body)[0]["model"]["version"] == "v1"
    install_model(settings)
    predictor.look_for_champions()
    assert predict(client, body)[0]["model"]["version"] == "v2"

    damaged = settings.models / "ecommerce" / "v1" / "model.onnx"
    damaged.write_bytes(damaged.read_bytes()[:-1])
    (settings.models / "ecommerce" / "champion").write_text("v1\n")
    predictor.look_for_champions()
    predictor.look_for_champions()
    assert predict(client, body)[0]["model"]["version"] == "v2"
    assert caplog.text.count("changed or damaged") == 1


def test_what_the_control_share_has_reviewed_is_marked(
    world: World, tmp_path: Path, install_model: Callable[[Settings], None]
) -> None:
    settings = load_settings(models=tmp_path / "models", threshold_review=0.0, threshold_block=0.0)
    install_model(settings)
    countries = load_country_table(None)
    batch = events(50)
    past = FilePast(batch, country_codes(batch, countries))
    bodies = b"[" + b",".join(encode_events(batch)) + b"]"

    def outcomes(share: float) -> dict[str, tuple[str, bool]]:
        given = settings.model_copy(update={"control_share": share})
        app = create_app(world.store, given, Predictor(given, countries, past), page=False)
        found = predict(app.test_client(), bodies)
        return {one["event_id"]: (one["decision"], one["control"]) for one in found}

    assert set(outcomes(0.0).values()) == {("block", False)}
    some = outcomes(0.2)
    assert set(some.values()) == {("block", False), ("review", True)}
    drawn = in_control(list(some), 0.2)
    assert [control for _, control in some.values()] == list(drawn)


def test_many_at_once_get_the_same_as_one_after_another(world: World) -> None:
    app = world.client().application
    sent = [orjson.dumps(_event(world.table.iloc[row])) for row in range(80)]
    alone = [predict(app.test_client(), body) for body in sent]
    together: dict[int, Any] = {}

    def ask(first: int) -> None:
        client = app.test_client()
        for row in range(first, len(sent), 4):
            together[row] = predict(client, sent[row])

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert [together[row] for row in range(len(sent))] == alone


def test_a_file_is_only_looked_at(world: World) -> None:
    batch = events(20)
    country = country_codes(batch, load_country_table(None))
    past = FilePast(batch, country)
    with pytest.raises(Exception, match="only looked at"):
        past._state.step(batch, country)
    first = past.look(batch, country)
    again = past.look(batch, country)
    for entity, found in first.quantities.items():
        assert np.array_equal(found, again.quantities[entity])


def test_views_without_a_predictor_say_so(world: World) -> None:
    client = create_app(FrameStore(world.events, "x"), world.settings, page=False).test_client()
    response = client.post("/predict", data=b"{}", headers=HEADERS)
    assert response.status_code == 501
    assert "fraudstream train" in response.get_json()["detail"]


def test_redis_that_cannot_be_reached_is_a_state_error() -> None:
    past = LivePast(load_settings(redis="redis://127.0.0.1:1/0"))
    batch = events(4)
    with pytest.raises(StateError):
        past.look(batch, np.zeros(1, np.int16))
