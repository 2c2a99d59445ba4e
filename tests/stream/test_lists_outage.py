"""A worker keeps the lists that it knows while Redis is away, and follows them when it is back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.kafka_admin import ensure_topics
from core.names import Topics
from core.settings import Settings, load_settings
from model.lists.entry import Entry, checked
from model.lists.store import ListStore
from tests.servers.own_redis import OwnRedis
from tests.stream.test_worker import events, messages
from tests.stream.workers import Reader, publish, running_worker

pytestmark = pytest.mark.integration


def test_lists_stay_while_redis_is_away_and_changes_count_once_it_is_back(
    settings: Settings,
    own_redis: OwnRedis,
    install_model: Callable[[Settings], None],
    tmp_path: Path,
) -> None:
    own = load_settings(**{**settings.model_dump(), "redis": own_redis.url})
    install_model(own)
    ensure_topics(own, Topics(own.namespace).all(own.profile), 2)
    batch = events(600, seed=7)
    in_order = batch.in_total_order()
    devices, users = batch.text["device_id"], batch.text["user_id"]
    denied, trusted = devices[in_order[250]], users[in_order[450]]
    ListStore(own).put([checked(Entry(list="deny", kind="device", value=str(denied)), own.profile)])
    reader = Reader(own)
    with running_worker(own, tmp_path / "worker.log") as worker:
        worker.await_text("lists of 1 entries")
        publish(own, messages(batch.take(in_order[:200])))
        reader.read_until(200)
        own_redis.kill()
        worker.await_text("lists of 1 entries stay in use")
        publish(own, messages(batch.take(in_order[200:400])))
        own_redis.start()
        reader.read_until(400)  # what came meanwhile
        worker.await_text("the lists are followed again")
        ListStore(own).put(
            [checked(Entry(list="allow", kind="user", value=str(trusted)), own.profile)]
        )
        worker.await_text("lists of 2 entries in use instead of lists of 1 entries")
        publish(own, messages(batch.take(in_order[400:])))
        found = reader.read_until(600)
        assert worker.terminate() == 0
        said = worker.log.read_text()
    reader.close()
    for words in ("stay in use", "followed again", "entries in use instead of"):
        assert said.count(words) == 1, said
    assert found.scored_ids == set(batch.event_id)
    met = {one["event_id"]: set(one["rules"]) for one in found.scores}
    for place, row in enumerate(in_order.tolist()):
        expected = {"list:deny:device"} if devices[row] == denied else set()
        if place >= 400 and users[row] == trusted:
            expected.add("list:allow:user")
        assert met[batch.event_id[row]] == expected
