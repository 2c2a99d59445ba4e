"""Lists in a real Redis: what is put there is followed, whatever happens in between."""

from __future__ import annotations

from typing import Any

import pytest
import redis

from core.errors import RulesError, StateError
from core.settings import Settings
from model.lists import store as stores
from model.lists.entry import Entry, checked
from model.lists.followed import FollowedLists
from model.lists.members import FOREVER
from model.lists.store import ListStore

END = 2_000_000_000_000
MANY = 20_000


def deny(kind: str, value: str, **more: Any) -> Entry:
    return checked(Entry(list="deny", kind=kind, value=value, **more), "ecommerce")


def contents(lists: FollowedLists) -> dict[tuple[str, str], dict[str, tuple[int, int]]]:
    return {at: members.entries() for at, members in lists.current.members.items()}


@pytest.fixture
def store(settings: Settings) -> ListStore:
    return ListStore(settings)


@pytest.fixture
def client(redis_url: str) -> redis.Redis:
    return redis.Redis.from_url(redis_url)


def test_changes_are_followed_and_equal_what_is_read_anew(
    store: ListStore, settings: Settings
) -> None:
    followed = FollowedLists(ListStore(settings))
    assert not followed.changed()
    assert store.put([deny("device", "a"), deny("device", "b"), deny("ip", "10.0.0.0/8")]) == 3
    assert followed.changed()
    assert not followed.changed()
    assert contents(followed) == {
        ("deny", "device"): {"a": FOREVER, "b": FOREVER},
        ("deny", "ip"): {"10.0.0.0/8": FOREVER},
    }
    assert store.put([deny("device", "a")]) == 0  # the same once more
    assert not followed.changed()
    assert store.put([deny("device", "b", until_ms=END), deny("country", "us")]) == 2
    assert (
        store.remove([deny("device", "a"), deny("device", "never"), deny("ip", "10.0.0.0/8")]) == 2
    )
    assert followed.changed()
    anew = FollowedLists(ListStore(settings))
    assert anew.changed()
    assert contents(followed) == contents(anew)
    assert contents(anew) == {
        ("deny", "device"): {"b": (FOREVER[0], END)}, ("deny", "country"): {"US": FOREVER},
    }  # fmt: skip
    assert sorted(one.value for one in store.entries("deny", "device")) == ["b"]


def test_who_missed_too_much_or_follows_a_redis_that_lost_its_data_reads_anew(
    store: ListStore, client: redis.Redis, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    followed = FollowedLists(ListStore(settings))
    store.put([deny("device", "first")])
    assert followed.changed()
    monkeypatch.setattr(stores, "MOST_CHANGES", 10)
    store.put([deny("device", f"d{n}") for n in range(MANY)])
    store.remove([deny("device", "first")])
    assert client.xlen(store.changes) < MANY
    assert followed.changed()
    assert len(followed.current) == MANY
    assert "first" not in contents(followed)["deny", "device"]
    client.delete(store.members, store.changes)
    assert followed.changed()
    assert len(followed.current) == 0
    store.put([deny("device", "again")])
    assert followed.changed()
    assert contents(followed) == {("deny", "device"): {"again": FOREVER}}


def test_while_redis_is_away_the_lists_stay(settings: Settings, store: ListStore) -> None:
    store.put([deny("device", "a")])
    followed = FollowedLists(ListStore(settings))
    followed.changed()
    gone = settings.model_copy(update={"redis": type(settings.redis)("redis://127.0.0.1:1/0")})
    followed._store = ListStore(gone)
    with pytest.raises(StateError):
        followed.changed()
    assert contents(followed) == {("deny", "device"): {"a": FOREVER}}


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"list": "block", "kind": "device", "value": "a"}, "use deny, allow, suppress"),
        ({"list": "deny", "kind": "card", "value": "a"}, "ecommerce events have user, device"),
        ({"list": "deny", "kind": "ip", "value": "10.0.0.256"}, "is no address or range"),
        ({"list": "deny", "kind": "ip", "value": "10.0.0.1/8"}, "host bits set"),
        ({"list": "deny", "kind": "ip", "value": "10.0.0.0/8", "until_ms": 5}, "count for ever"),
        ({"list": "deny", "kind": "country", "value": "Atlantis"}, "ISO 3166-1"),
        ({"list": "deny", "kind": "user", "value": "a\x1fb"}, "printable"),
        ({"list": "deny", "kind": "user", "value": ""}, "is no id"),
        ({"list": "deny", "kind": "user", "value": "a", "from_ms": 9, "until_ms": 9}, "not after"),
        ({"list": "suppress", "kind": "user", "value": "a"}, "until when"),
    ],
)
def test_what_can_be_on_no_list_is_refused(entry: dict[str, object], says: str) -> None:
    with pytest.raises(RulesError, match=says):
        checked(Entry(**entry), "ecommerce")  # type: ignore[arg-type]


def test_values_are_compared_in_one_form() -> None:
    assert deny("ip", "2001:DB8:0::1").value == "2001:db8::1"
    assert deny("country", "us").value == "US"
    assert deny("device", "  d 7 ").value == "d 7"
