"""A forgotten person: gone from state and read model, counted still, and not coming back."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import redis

from core.settings import Settings
from features.online import VelocityState
from features.open_wire import open_wire
from tests.views.read_model import (
    PROFILE,
    START_MS,
    Message,
    assert_same,
    expected,
    many,
    produce,
    projecting,
    score,
    wait_for,
)
from views.periods import HOUR_MS, Span
from views.readmodel.forget import forget
from views.readmodel.rebuild import rebuild
from views.readmodel.redis_store import RedisStore
from views.store import AlertFilter

USER = "u7"
SPANS = [Span(START_MS + 3 * HOUR_MS + 1, START_MS + 60 * HOUR_MS)]


def without(messages: Sequence[Message], user: str) -> list[Message]:
    """The same history, in which the user's events are nobody's and have no alerts."""
    return [
        Message(one.topic, one.body | {"user_id": None, "device_id": None})
        if one.body.get("user_id") == user
        else one
        for one in messages
        if one.topic != "alerts" or one.body["user_id"] != user
    ]


def assert_forgotten(settings: Settings, store: RedisStore, messages: Sequence[Message]) -> None:
    wanted = expected(without(messages, USER))
    # The alerts of a file are those of its events; a forgotten user's events have none any more.
    wanted._alert_rows = np.array(
        [
            row
            for row in wanted._alert_rows.tolist()
            if wanted._events.event_id[row] in wanted._events.alerts
        ],
        np.int64,
    )
    assert_same(store, wanted, SPANS)
    assert not holds(settings, PACKED)


#: The user as MessagePack: text of two bytes.
PACKED = b"\xa2" + USER.encode()


def holds(settings: Settings, packed: bytes) -> bool:
    """Whether anything in the read model has these bytes."""
    with redis.Redis.from_url(settings.redis.get_secret_value()) as client:
        for key in client.scan_iter(match=f"{settings.namespace}:views:*", count=10_000):
            kind = client.type(key)
            if kind == b"hash":
                values = [part for pair in client.hgetall(key).items() for part in pair]
            else:
                values = [] if kind == b"string" else client.zrange(key, 0, -1)
            if any(packed in value for value in values):
                return True
    return False


def test_gone_from_the_read_model_and_not_back_by_a_rebuild(settings: Settings) -> None:
    messages = many(300, 21)
    produce(settings, messages)
    store = RedisStore(settings)
    by_user = AlertFilter(user_id=USER)
    with projecting(settings):
        wait_for(settings, len(messages))
        assert store.alerts(PROFILE, Span(), by_user, None, 1).alerts
        assert holds(settings, PACKED)
        found = forget(settings, PROFILE, USER)
        mine = {
            one.body["event_id"]
            for one in messages
            if one.topic == "scores" and one.body["user_id"] == USER
        }
        assert found.records == len(mine)
        assert found.alerts > 0
        assert_forgotten(settings, store, messages)
        again = [one for one in messages if one.body.get("user_id") == USER]
        produce(settings, again)  # a worker that was killed repeats itself
        wait_for(settings, len(messages) + len(again))
        assert_forgotten(settings, store, messages)
    rebuild(settings, lambda _: None)
    assert_forgotten(settings, store, messages)
    # What the user does from now on is counted as the user's.
    later = score("later", time.time_ns() // 1_000_000 + HOUR_MS, user_id=USER, device_id="d1")
    produce(settings, [Message("scores", later)])
    with projecting(settings):
        wait_for(settings, len(messages) + len(again) + 1)
    assert [one.user_id for one in store.on_device(PROFILE, "d1", None, 1)] == [USER]
    store.close()


def test_gone_from_state_and_what_remains_is_said(settings: Settings) -> None:
    wire = open_wire(settings.redis.get_secret_value())
    state = VelocityState(wire, settings.namespace, PROFILE)
    wire.execute([(b"SET", state.key("user", USER), b"x"), (b"SET", state.key("user", "u8"), b"x")])
    produce(settings, [Message("scores", score("a", START_MS, user_id=USER))])
    now = time.time_ns() // 1_000_000
    found = forget(settings, PROFILE, USER)
    assert (found.state, found.records) == (1, 0)
    kept = wire.execute(
        [(b"EXISTS", state.key("user", USER)), (b"EXISTS", state.key("user", "u8"))]
    )
    assert kept == [0, 1]
    wire.close()
    until = {
        one.where.removeprefix(f"{settings.namespace}-"): one.until_ms for one in found.remains
    }
    assert until.keys() == {"fraud-scores", "fraud-alerts", "fraud-labels", "velocity state"}
    assert until["fraud-labels"] is None
    days = ((until["fraud-scores"] or 0) - now) / 86_400_000
    assert 400 <= days < 400.1
    assert "until 20" in str(found.remains[0])
