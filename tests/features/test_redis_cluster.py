"""The state in a real Redis Cluster is that of a single Redis, while slots move and nodes die."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
from hypothesis import given
from redis.crc import key_slot

from core.errors import StateError
from features.batch import EventBatch
from features.compaction import COMPACT_ABOVE, Compactor
from features.entry import ENTRY_BYTES
from features.fence import Fence, Mark
from features.offline import offline_quantities
from features.online import StateStep, VelocityState, delete_namespace
from features.open_wire import open_wire
from features.redis_cluster import ClusterWire
from features.redis_link import Owed, RedisLink
from features.redis_topology import Topology
from features.redis_wire import RedisWire
from features.wire import Wire, pack
from tests.features.events import START, arrivals, country_of, make_batch, micro_batches
from tests.features.states import OwnState, against_redis, assert_same_quantities, cut
from tests.redis_cluster import LocalCluster, Node, local_cluster, wait_for

pytestmark = pytest.mark.integration
AWAY = (redis.RedisError, OSError)
#: As docs/operations.md lists them.
RIGHTS = "+@read +@write +@scripting +info +cluster|slots +command +asking"


@pytest.fixture
def wire(redis_cluster: LocalCluster) -> Iterator[Wire]:
    wire = open_wire(redis_cluster.url)
    yield wire
    wire.close()


@pytest.fixture
def own_cluster(tmp_path: Path) -> Iterator[LocalCluster]:
    """A cluster that a test may leave in any state."""
    with local_cluster(tmp_path) as cluster:
        yield cluster


class Spy:
    """Counts the calls of a method."""

    def __init__(self, patch: pytest.MonkeyPatch, kind: type, method: str) -> None:
        self.calls = 0
        original = getattr(kind, method)

        def counting(*args: Any) -> Any:
            self.calls += 1
            return original(*args)

        patch.setattr(kind, method, counting)


@pytest.fixture
def refreshes(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """How often the topology was read again, which every MOVED and every failure must lead to."""
    return Spy(monkeypatch, Topology, "refresh")


@pytest.fixture
def asks(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """How often an ASK was followed."""
    return Spy(monkeypatch, ClusterWire, "_ask")


def history(n: int, seed: int = 1) -> EventBatch:
    """Events in total order with many users and few devices."""
    rng = np.random.default_rng(seed)
    batch = make_batch(
        [f"{i:06d}" for i in range(n)],
        (START + np.sort(rng.integers(0, n, n)) * 20_000).tolist(),
        (rng.integers(1, 5, n) * 10_000).tolist(),
        [f"u{i}" for i in rng.integers(0, max(n // 4, 1), n)],
        [f"d{i}" for i in rng.integers(0, 9, n)],
        [None if i == 0 else f"8.8.8.{i}" for i in rng.integers(0, 30, n)],
    )
    return batch.take(batch.in_total_order())


def new_namespace() -> str:
    return f"t-{uuid.uuid4().hex}"


def one_slot() -> tuple[str, int]:
    """A namespace whose keys are all in one slot, and that slot."""
    tag = uuid.uuid4().hex
    return f"{{{tag}}}", key_slot(tag.encode())


class Run:
    """Puts a history into state step by step and compares with the offline computation."""

    def __init__(self, wire: Wire, namespace: str, batch: EventBatch, size: int = 50) -> None:
        self.state = VelocityState(wire, namespace, batch.profile)
        self.batch = batch
        self.left = cut(len(batch), [size])
        self._country = country_of(batch)
        self._offline = offline_quantities(batch, self._country)

    def step(self) -> StateStep:
        """The next step; raises, to be called again, where the state does."""
        rows = self.left[0]
        step = self.state.step(self.batch.take(rows), self._country[rows])
        del self.left[0]
        assert not step.conflict.any()
        assert_same_quantities(
            dict(step.quantities), {name: all_[rows] for name, all_ in self._offline.items()}
        )
        return step

    def steps(self, n: int) -> None:
        for _ in range(n):
            self.step()

    def to_the_end(self) -> None:
        assert self.left
        self.steps(len(self.left))

    def all_keys(self) -> list[bytes]:
        return [
            self.state.key(kind, one)
            for kind in ("user", "device", "ip")
            for one in self.batch.entity(kind).distinct
        ]


@against_redis(25)
@given(batch=arrivals(), sizes=micro_batches())
def test_input_in_total_order_equals_offline_exactly(
    batch: EventBatch, sizes: list[int], redis_cluster: LocalCluster, wire: Wire
) -> None:
    ordered = batch.take(batch.in_total_order())
    own = OwnState(wire, redis_cluster.nodes[0].client, batch.profile)
    assert_same_quantities(
        own.put(ordered, sizes), offline_quantities(ordered, country_of(ordered))
    )


def test_keys_are_spread_over_the_nodes_and_each_goes_straight_to_its_owner(
    redis_cluster: LocalCluster, wire: Wire, refreshes: Spy
) -> None:
    run = Run(wire, new_namespace(), history(400), 100)
    run.to_the_end()
    assert refreshes.calls == 0
    expected: dict[int, set[bytes]] = {}
    for key in run.all_keys():
        expected.setdefault(redis_cluster.owner(key_slot(key)).port, set()).add(key)
    assert len(expected) == 3
    prefix = run.all_keys()[0].split(b":")[0] + b":*"
    for node in redis_cluster.nodes:
        assert set(node.client.keys(prefix)) == expected[node.port]


@pytest.mark.parametrize(
    "key", [b"{a}", b"x{a}y", b"{}a", b"}a{", b"x{a{b}c}", b"{a", b"\x00{\xff\xfe}\x80", b"{{}}"]
)
def test_slot_of_a_key_is_that_of_the_server_also_with_braces_in_it(
    redis_cluster: LocalCluster, wire: Wire, refreshes: Spy, key: bytes
) -> None:
    assert redis_cluster.nodes[0].ask("CLUSTER KEYSLOT", key) == key_slot(key)
    assert wire.execute([(b"SET", key, b"1"), (b"GET", key)]) == [b"OK", b"1"]
    assert refreshes.calls == 0
    assert wire.execute([(b"UNLINK", key)]) == [1]


def test_replies_come_in_the_order_of_the_parts_also_when_they_are_large(wire: Wire) -> None:
    tag = uuid.uuid4().hex.encode()
    keys = [b"%b-%d" % (tag, i) for i in range(60)]
    values = [b"%d" % i * (60_000 if i % 7 else 1_200_000) for i in range(60)]
    wire.execute([(b"SET", key, value) for key, value in zip(keys, values, strict=True)])
    assert wire.execute([(b"GET", key) for key in keys]) == values
    assert wire.delete_matching(f"{tag.decode()}-*") == len(keys)


def test_nothing_to_send_is_no_call(wire: Wire) -> None:
    assert wire.execute([]) == []


def test_slot_moved_between_steps_loses_nothing(
    redis_cluster: LocalCluster, wire: Wire, refreshes: Spy
) -> None:
    run = Run(wire, new_namespace(), history(500))
    run.steps(4)
    moved = {key_slot(run.state.key("device", f"d{i}")) for i in range(9)}
    home = {slot: redis_cluster.owner(slot) for slot in moved}
    for slot in moved:
        node = redis_cluster.nodes.index(home[slot])
        redis_cluster.move(slot, redis_cluster.nodes[(node + 1) % 3])
    run.steps(3)
    assert 1 <= refreshes.calls <= 3
    for slot in moved:
        redis_cluster.move(slot, home[slot])
    run.to_the_end()


def test_move_is_followed_though_the_node_that_knows_the_topology_has_not_heard_of_it(
    redis_cluster: LocalCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    topology = Topology(redis_cluster.url)
    wire = ClusterWire(topology)
    namespace, slot = one_slot()
    home = redis_cluster.owner(slot)
    run = Run(wire, namespace, history(200))
    run.step()
    redis_cluster.move(slot, redis_cluster.nodes[redis_cluster.nodes.index(home) - 1])
    with monkeypatch.context() as patch:
        patch.setattr(topology._cluster.nodes_manager, "initialize", lambda: None)
        run.step()
    redis_cluster.move(slot, home)
    run.to_the_end()
    wire.close()


def test_slot_on_the_move_loses_nothing(redis_cluster: LocalCluster, wire: Wire, asks: Spy) -> None:
    """Some keys have gone already, some have not, and some are new."""
    namespace, slot = one_slot()
    home = redis_cluster.owner(slot)
    target = redis_cluster.nodes[redis_cluster.nodes.index(home) - 1]
    run = Run(wire, namespace, history(600))
    run.steps(3)
    redis_cluster.begin_move(slot, target)
    assert redis_cluster.move_keys(slot, target, 20) == 20
    run.steps(3)
    assert asks.calls > 20
    assert target.ask("CLUSTER COUNTKEYSINSLOT", slot) > 20
    assert home.ask("CLUSTER COUNTKEYSINSLOT", slot) > 0
    redis_cluster.move_keys(slot, target)
    run.steps(2)
    redis_cluster.end_move(target, slot)
    run.steps(2)
    redis_cluster.move(slot, home)
    run.to_the_end()


def test_slot_on_the_move_to_a_node_that_had_none_loses_nothing(
    own_cluster: LocalCluster, asks: Spy
) -> None:
    namespace, slot = one_slot()
    wire = open_wire(own_cluster.url)
    run = Run(wire, namespace, history(400))
    run.steps(2)
    target = own_cluster.add()
    own_cluster.begin_move(slot, target)
    own_cluster.move_keys(slot, target, 10)
    run.steps(2)
    assert asks.calls
    own_cluster.move_keys(slot, target)
    own_cluster.end_move(target, slot)
    run.to_the_end()
    wire.close()


def test_keys_sent_in_a_circle_are_an_outage_and_no_endless_loop(
    redis_cluster: LocalCluster, wire: Wire
) -> None:
    namespace, slot = one_slot()
    home = redis_cluster.owner(slot)
    target = redis_cluster.nodes[redis_cluster.nodes.index(home) - 1]
    run = Run(wire, namespace, history(100))
    home.ask("CLUSTER SETSLOT", slot, "MIGRATING", target.id)  # and target knows of nothing
    with pytest.raises(redis.RedisError, match="from node to node: MOVED"):
        run.step()
    home.ask("CLUSTER SETSLOT", slot, "STABLE")
    run.to_the_end()


def test_slot_that_moves_between_sending_and_reading_keeps_the_order_of_two_calls(
    redis_cluster: LocalCluster, wire: Wire
) -> None:
    namespace, slot = one_slot()
    key = namespace.encode() + b":log"
    wire.execute([(b"APPEND", key, b"0")])
    home = redis_cluster.owner(slot)
    target = redis_cluster.nodes[redis_cluster.nodes.index(home) - 1]
    redis_cluster.move(slot, target)  # the wire does not know
    calls = [
        wire.send([key], [pack([(b"APPEND", key, text), (b"GET", key)])], [2])
        for text in (b"1", b"2")
    ]
    assert wire.receive(calls[0])[1] == b"01"
    assert wire.receive(calls[1])[1] == b"012"
    redis_cluster.move(slot, home)
    assert wire.delete_matching(f"{namespace}:*") == 1


def test_error_of_one_command_is_raised_and_leaves_no_reply_behind(wire: Wire) -> None:
    tag = new_namespace()
    commands = [(b"SET", f"{tag}:{i}".encode(), b"text") for i in range(30)]
    wire.execute(commands)
    with pytest.raises(redis.ResponseError, match="not an integer"):
        wire.execute([*commands, (b"INCR", f"{tag}:7".encode()), *commands])
    assert wire.execute([(b"GET", command[1]) for command in commands]) == [b"text"] * 30
    assert wire.delete_matching(f"{tag}:*") == 30


def test_call_broken_off_between_two_nodes_leaves_no_reply_behind(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    tag = new_namespace()
    keys = [f"{tag}:{i}".encode() for i in range(30)]
    wire.execute([(b"SET", key, b"text") for key in keys])
    receive = RedisLink.receive
    calls = 0

    def interrupted(link: RedisLink, owed: Owed) -> list[Any]:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise KeyboardInterrupt
        return receive(link, owed)

    with monkeypatch.context() as patch:
        patch.setattr(RedisLink, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            wire.execute([(b"GET", key) for key in keys])
    assert wire.execute([(b"STRLEN", key) for key in keys]) == [4] * 30
    assert wire.delete_matching(f"{tag}:*") == 30


@pytest.mark.parametrize("victims", [1, 3])
def test_killed_nodes_stop_the_step_which_is_right_once_they_are_back(
    own_cluster: LocalCluster, victims: int
) -> None:
    wire = open_wire(own_cluster.url)
    run = Run(wire, new_namespace(), history(500))
    run.steps(3)
    for node in own_cluster.nodes[:victims]:
        node.kill()
    for _ in range(3):
        with pytest.raises(AWAY):
            run.step()
    for node in own_cluster.nodes[:victims]:
        node.start()
    wait_for(lambda: _succeeds(run))
    run.to_the_end()
    wire.close()


def test_nodes_that_all_have_new_addresses_are_found_through_the_name_in_the_url(
    own_cluster: LocalCluster,
) -> None:
    topology = Topology(own_cluster.url)
    wire = ClusterWire(topology)
    run = Run(wire, new_namespace(), history(300))
    run.steps(3)
    for node in own_cluster.nodes:
        node.kill()
        node.start_elsewhere()
    own_cluster.wait()
    with pytest.raises(AWAY):
        run.step()
    topology._url = own_cluster.url  # as if its name now stood for another address
    run.to_the_end()
    wire.close()


def test_replica_takes_over_from_a_killed_node(own_cluster: LocalCluster) -> None:
    wire = open_wire(own_cluster.url)
    run = Run(wire, new_namespace(), history(500))
    run.steps(3)
    primary, replica = own_cluster.nodes[0], own_cluster.add()
    replica.ask("CLUSTER REPLICATE", primary.id)
    wait_for(lambda: _follows(replica))
    run.steps(2)
    primary.client.wait(1, 5000)
    primary.kill()
    with pytest.raises(AWAY):
        run.step()
    wait_for(lambda: _succeeds(run))
    assert replica.ask("ROLE")[0] == b"master"
    run.to_the_end()
    wire.close()


def _succeeds(run: Run) -> bool:
    """One more try of the next step, which may fail in the way the worker knows how to bear."""
    try:
        run.step()
    except AWAY:
        return False
    return True


def _follows(node: Node) -> bool:
    info: Any = node.client.info("replication")
    return bool(info["role"] == "slave" and info["master_link_status"] == "up")


def test_hot_entity_is_compacted_and_exact(
    redis_cluster: LocalCluster, wire: Wire, refreshes: Spy
) -> None:
    n = 3 * COMPACT_ABOVE
    batch = make_batch(
        [f"{i:06d}" for i in range(n)],
        [START + i * 1000 for i in range(n)],
        [10_000] * n,
        [f"u{i % 7}" for i in range(n)],
        ["hot"] * n,
        [None] * n,
    )
    run = Run(wire, new_namespace(), batch, 200)
    run.to_the_end()
    key = run.state.key("device", "hot")
    client = redis_cluster.owner(key_slot(key)).client
    assert client.strlen(key) <= (COMPACT_ABOVE + 200) * ENTRY_BYTES
    assert client.pttl(key) > 0
    assert refreshes.calls == 0  # scripts, too, go straight to the owner


def test_conflicting_duplicate_is_taken_out_of_all_logs_again(
    wire: Wire, redis_cluster: LocalCluster
) -> None:
    state = VelocityState(wire, new_namespace(), "ecommerce")

    def step(event_id: str, amount: int, device: str) -> bool:
        batch = make_batch([event_id], [START], [amount], ["u"], [device], ["8.8.8.8"])
        return bool(state.step(batch, country_of(batch)).conflict.any())

    assert not step("a", 10_000, "d")
    assert step("a", 20_000, "other")
    sizes = []
    for kind, one in (("user", "u"), ("device", "d"), ("device", "other"), ("ip", "8.8.8.8")):
        key = state.key(kind, one)
        sizes.append(redis_cluster.owner(key_slot(key)).client.strlen(key))
    assert sizes == [ENTRY_BYTES, ENTRY_BYTES, 0, ENTRY_BYTES]


def test_a_namespace_is_deleted_on_every_node_and_no_other(
    redis_cluster: LocalCluster, wire: Wire
) -> None:
    gone, kept = (Run(wire, new_namespace(), history(200)) for _ in range(2))
    gone.to_the_end()
    kept.step()
    name = gone.all_keys()[0].split(b":")[0].decode()
    assert delete_namespace(wire, name) == len(gone.all_keys())
    assert not any(node.client.keys(f"{name}:*") for node in redis_cluster.nodes)
    kept.to_the_end()


def test_node_that_may_evict_keys_is_named(redis_cluster: LocalCluster, wire: Wire) -> None:
    wire.check_policy()
    node = redis_cluster.nodes[1]
    node.client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(StateError, match=f"127.0.0.1:{node.port} .*policy=allkeys-lru"):
            wire.check_policy()
    finally:
        node.client.config_set("maxmemory-policy", "noeviction")


def test_node_that_does_not_answer_is_named_by_the_policy_check(own_cluster: LocalCluster) -> None:
    wire = open_wire(own_cluster.url)
    node = own_cluster.nodes[2]
    node.kill()
    with pytest.raises(StateError, match=f"127.0.0.1:{node.port} does not answer"):
        wire.check_policy()
    wire.close()


def test_node_with_too_few_slots_for_the_fence_is_named(
    own_cluster: LocalCluster, caplog: pytest.LogCaptureFixture
) -> None:
    wire = open_wire(own_cluster.url)
    wire.check_policy()
    assert not caplog.messages
    node = own_cluster.add()
    fenced = {key_slot(tag) for tag in wire.spread()}
    own_cluster.move(next(slot for slot in range(100) if slot not in fenced), node)
    wire.close()
    wire = open_wire(own_cluster.url)
    wire.check_policy()
    assert [f"127.0.0.1:{node.port} owns too few slots" in one for one in caplog.messages] == [True]
    wire.close()


def test_user_with_the_least_rights_can_do_all_and_logs_in_on_every_node(
    redis_cluster: LocalCluster,
) -> None:
    namespace = new_namespace()
    for node in redis_cluster.nodes:
        node.ask("ACL SETUSER", "scorer", "on", ">se:cr/et", f"~{namespace}:*", *RIGHTS.split())
        node.client.config_set("requirepass", "other")
    try:
        url = redis_cluster.url
        with pytest.raises(StateError, match=r"refuses the connection.*password"):
            open_wire(url)
        wire = open_wire(url.replace("redis://", "redis://scorer:se%3Acr%2Fet@"))
        wire.check_policy()
        run = Run(wire, namespace, history(200))
        run.to_the_end()
        key = run.state.key("device", "d1")
        log = wire.execute([(b"GET", key)])[0]
        Compactor(wire).compact(key, log * 2)
        Compactor(wire).withdraw([(key, log[:ENTRY_BYTES])])
        fence = Fence(wire, namespace, "ecommerce", "topic")
        fence.claim()
        fence.settle(fence.write({0: Mark(1, START)}, {}))
        assert fence.read([0]).marks == {0: Mark(1, START)}
        assert delete_namespace(wire, namespace) == len(run.all_keys()) + len(wire.spread())
        wire.close()
        assert redis_cluster.nodes[0].ask("ACL DRYRUN", "scorer", "ASKING") == b"OK"
    finally:
        for node in redis_cluster.nodes:
            node.client.config_set("requirepass", "")
            node.ask("ACL DELUSER", "scorer")


def test_one_setting_for_a_single_redis_and_for_any_node_of_a_cluster(
    redis_url: str, redis_cluster: LocalCluster
) -> None:
    assert isinstance(open_wire(redis_url), RedisWire)
    for node in redis_cluster.nodes:
        assert isinstance(open_wire(f"redis://127.0.0.1:{node.port}"), ClusterWire)


def test_database_number_that_a_cluster_has_not_is_refused_with_the_remedy(
    redis_cluster: LocalCluster,
) -> None:
    with pytest.raises(StateError, match="a cluster has only database 0"):
        open_wire(redis_cluster.url.removesuffix("/0") + "/3")


def test_node_that_belongs_to_no_cluster_yet_is_refused(tmp_path: Path) -> None:
    node = Node(tmp_path / "lonely")
    try:
        with pytest.raises(StateError, match="--cluster check"):
            open_wire(f"redis://127.0.0.1:{node.port}/0")
    finally:
        node.close()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:6379", "not a Redis URL"),
        ("redis://127.0.0.1:1/0", "does not answer.*fraudstream stack up"),
    ],
)
def test_url_that_cannot_be_used_is_refused_with_the_remedy(url: str, said: str) -> None:
    with pytest.raises(StateError, match=said):
        open_wire(url)
