"""Lists in a real Redis Cluster."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from redis.crc import key_slot
from typer.testing import CliRunner

from cli import lists
from core.settings import Settings, load_settings
from model.lists.followed import FollowedLists
from model.lists.members import FOREVER
from model.lists.store import ListStore
from tests.redis_cluster import LocalCluster

pytestmark = pytest.mark.integration


@pytest.fixture
def own(redis_cluster: LocalCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The commands use the cluster, too."""
    settings = load_settings(redis=redis_cluster.url, namespace=f"t-{uuid.uuid4().hex[:12]}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FRAUDSTREAM_REDIS", redis_cluster.url)
    monkeypatch.setenv("FRAUDSTREAM_NAMESPACE", settings.namespace)
    return settings


def result_of(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(lists.app, [*arguments, "--json"])
    assert result.exit_code == 0, result.output + repr(result.exception)
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_lists_are_changed_shown_imported_and_followed_in_a_cluster(
    own: Settings, redis_cluster: LocalCluster
) -> None:
    store = ListStore(own)
    followed = FollowedLists(store)
    assert not followed.changed()
    assert result_of("add", "deny", "device", "d-1", "d-2")["put"] == 2
    assert result_of("add", "deny", "ip", "10.1.0.0/16")["put"] == 1
    assert followed.changed()
    assert len(followed.current) == 3
    Path("stolen.txt").write_text("".join(f"s-{one}\n" for one in range(2_500)))
    result_of("import", "deny", "device", "stolen.txt")
    assert result_of("remove", "deny", "device", "d-1")["removed"] == 1
    assert followed.changed()
    assert not followed.changed()
    devices = followed.current.members["deny", "device"]
    assert devices.span("d-1") is None
    assert devices.entries() == dict.fromkeys(
        ["d-2", *(f"s-{one}" for one in range(2_500))], FOREVER
    )
    assert result_of("show", "deny", "ip")["entries"][0]["value"] == "10.1.0.0/16"
    assert result_of("show")["total"] == 2_502
    anew = FollowedLists(ListStore(own))
    assert anew.changed()
    assert anew.current.members["deny", "device"].entries() == devices.entries()
    # Both keys change in one step, so one node must have both.
    assert key_slot(store.members.encode()) == key_slot(store.changes.encode())
    assert result_of("clear", "deny", "device", "--yes")["removed"] == 2_501
    assert followed.changed()
    assert set(followed.current.members) == {("deny", "ip")}
    for node in redis_cluster.nodes:
        for key in node.client.keys(f"{own.namespace}:*"):
            node.client.delete(key)
