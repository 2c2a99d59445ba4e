"""Labels over HTTP: acknowledged, taken in once, refused as a whole where one cannot be meant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from flask.testing import FlaskClient
from pydantic import SecretStr

from core.kafka_admin import KafkaAdmin, ensure_topics
from core.names import Topics
from core.settings import Settings
from features.iso_times import iso_time
from tests.servers.ports import lasting_port
from tests.views.read_model import (
    PROFILE,
    START_MS,
    Message,
    alert,
    produce,
    projecting,
    score,
    wait_for,
)
from tests.views.world import NOW_MS, World
from views.handling.work import work_on
from views.readmodel.redis_store import RedisStore
from views.serving.app import create_app

NOW = iso_time(NOW_MS)


def client_of(settings: Settings, store: RedisStore) -> FlaskClient:
    app = create_app(
        store, settings, work=work_on(store, settings), clock=lambda: NOW_MS, page=False
    )
    app.testing = True
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app.test_client()


@pytest.fixture
def store(settings: Settings) -> Iterator[RedisStore]:
    store = RedisStore(settings)
    yield store
    store.close()


@pytest.fixture
def client(settings: Settings, store: RedisStore) -> FlaskClient:
    ensure_topics(settings, [Topics(settings.namespace).labels], 2)
    return client_of(settings, store)


def published(settings: Settings) -> list[dict[str, Any]]:
    """All labels on the topic, those of a partition in their order."""
    topic = Topics(settings.namespace).labels.name
    admin = KafkaAdmin(settings)
    ends = admin.offsets({topic: admin.partitions()[topic]}, end=True)[topic]
    consumer = Consumer({**settings.confluent_config(), "group.id": "x"})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(len(ends))])
    found: list[dict[str, Any]] = []
    while len(found) < sum(ends):
        message = consumer.poll(1.0)
        if message is not None and not message.error():
            one = json.loads(message.value())
            assert message.key() == one["event_id"].encode()
            found.append(one)
    consumer.close()
    return found


def test_labels_are_on_the_topic_and_in_the_views(
    settings: Settings, store: RedisStore, client: FlaskClient
) -> None:
    of = score("a", START_MS, decision="review")
    produce(settings, [Message("scores", of), Message("alerts", alert(of))], 2)
    with projecting(settings):
        wait_for(settings, 2)
        given = [
            {"event_id": "a", "label": 1, "source": "bank", "labelled_at": iso_time(NOW_MS - 5)},
            {"event_id": "later", "label": 0},
        ]
        response = client.post("/labels", json=given)
        assert response.get_json() == {"accepted": 2, "unknown": ["later"]}
        wait_for(settings, 4)
        assert client.get("/alerts/a").get_json()["labels"] == [
            {"label": 1, "labelled_at": iso_time(NOW_MS - 5), "source": "bank"}
        ]
        # Sent again nothing changes; a correction does, and the past stays known.
        assert client.post("/labels", json={"labels": given}).status_code == 200
        assert client.post("/labels", json={"event_id": "a", "label": 0}).status_code == 200
        wait_for(settings, 7)
    found = client.get("/alerts/a").get_json()
    assert found["alert"]["label"] == 0
    assert [(one["label"], one["source"]) for one in found["labels"]] == [(0, "api"), (1, "bank")]
    assert store.outcomes(PROFILE) == {"tp": 1, "fp": 1}
    assert sorted(published(settings), key=str)[-1] == {
        "schema": 1, "event_id": "later", "profile": PROFILE, "label": 0, "labelled_at": NOW,
        "source": "api",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "status", "said"),
    [
        ({"event_id": "a", "label": 2}, 422, "label"),
        ({"event_id": "a", "label": True}, 422, "label"),
        ({"event_id": "a", "label": "1"}, 422, "label"),
        ({"event_id": "", "label": 1}, 422, "event_id"),
        ({"event_id": "a\u0000", "label": 1}, 422, "event_id"),
        ({"event_id": "a" * 257, "label": 1}, 422, "event_id"),
        ({"label": 1}, 422, "event_id"),
        ({"event_id": "a", "label": 1, "colour": "red"}, 422, "colour"),
        ({"event_id": "a", "label": 1, "source": ""}, 422, "source"),
        ({"event_id": "a", "label": 1, "source": "\u0007"}, 422, "source"),
        ({"event_id": "a", "label": 1, "labelled_at": "soon"}, 422, "labelled_at"),
        ({"event_id": "a", "label": 1, "labelled_at": "1969-12-31"}, 422, "labelled_at"),
        ({"event_id": "a", "label": 1, "labelled_at": iso_time(NOW_MS + 301_000)}, 422, "ahead"),
        ([{"event_id": "a", "label": 1}, {"event_id": "a", "label": 0}], 422, "contradicts"),
        ([{"event_id": "a", "label": 1}, {"event_id": "b"}], 422, "label 1"),
        ([], 400, "1 to 1,000"),
        ({"labels": []}, 400, "1 to 1,000"),
        ([{"event_id": str(n), "label": 1} for n in range(1_001)], 400, "1 to 1,000"),
        ({"labels": 5}, 422, "unknown field"),
        (7, 422, "object"),
    ],
)
def test_what_cannot_be_meant_is_refused_as_a_whole(
    settings: Settings, client: FlaskClient, given: Any, status: int, said: str
) -> None:
    response = client.post("/labels", json=given)
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    assert said in response.get_data(as_text=True)
    assert published(settings) == []


@pytest.mark.parametrize("body", [b"", b"{", b'{"event_id": "a"', b"\xff", b"[" * 5_000])
def test_what_is_no_json_is_refused(client: FlaskClient, body: bytes) -> None:
    response = client.post("/labels", data=body, headers={"Content-Type": "application/json"})
    assert response.status_code in {400, 422}
    assert client.post("/labels", data=b"{}").status_code == 415


def test_two_moments_of_one_event_are_no_contradiction(
    settings: Settings, client: FlaskClient
) -> None:
    given = [
        {"event_id": "a", "label": value, "labelled_at": iso_time(NOW_MS - age)}
        for value, age in ((1, 9), (0, 5))
    ]
    assert client.post("/labels", json=given).get_json()["accepted"] == 2
    assert client.post("/labels", json=[{"event_id": "b", "label": 1}] * 2).status_code == 200
    assert len(published(settings)) == 4


def test_the_token_is_needed(settings: Settings, store: RedisStore) -> None:
    guarded = settings.model_copy(update={"views_token": SecretStr("x")})
    client = client_of(guarded, store)
    given = {"event_id": "a", "label": 1}
    assert client.post("/labels", json=given).status_code == 401
    assert client.put("/cases/a", json={"state": "new"}).status_code == 401
    allowed = client.post("/labels", json=given, headers={"Authorization": "Bearer x"})
    assert allowed.status_code == 200


def test_a_broker_that_is_away_is_said(settings: Settings, store: RedisStore) -> None:
    away = settings.model_copy(update={"kafka": f"127.0.0.1:{lasting_port()}"})
    response = client_of(away, store).post("/labels", json={"event_id": "a", "label": 1})
    assert response.status_code == 503
    assert response.headers["Retry-After"]
    assert "Kafka" in response.get_json()["detail"]


def test_a_file_takes_no_labels(world: World) -> None:
    response = world.client().post("/labels", json={"event_id": "a", "label": 1})
    assert response.status_code == 422
    assert "without --csv" in response.get_json()["detail"]
