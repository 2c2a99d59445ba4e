"""A real Redis Cluster of a few local processes, whose nodes can be killed and slots be moved."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from stack.ports import LOOPBACK, pick
from stack.redis_server import find_server

SLOTS = 16384
_WAIT_S = 30.0


class Node:
    """One node, which keeps its data and its place in the cluster when it is killed."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self._bus_port = pick([])
        self.start_elsewhere()
        self.id = self.ask("CLUSTER MYID").decode()

    def start(self) -> None:
        """Start the process, again if need be, and wait until it answers."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    find_server(), "--port", str(self.port), "--bind", LOOPBACK,
                    "--dir", self.folder, "--appendonly", "yes", "--appendfsync", "always",
                    "--save", "", "--cluster-enabled", "yes", "--cluster-port", str(self._bus_port),
                    "--cluster-node-timeout", "1500", "--cluster-replica-validity-factor", "0",
                ],
                stdout=log,
            )  # fmt: skip
        wait_for(self._answers)

    def start_elsewhere(self) -> None:
        """Start the process on another port, which it tells the others."""
        self.port = pick([])
        self.client = redis.Redis(LOOPBACK, self.port, socket_timeout=10)
        self.start()

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        self.kill()
        self.client.close()

    def ask(self, *command: Any) -> Any:
        """The reply to a command, as the server gives it."""
        execute: Any = self.client.execute_command  # without types
        return execute(*command)

    def meet(self, other: Node) -> None:
        self.ask("CLUSTER MEET", LOOPBACK, other.port, other._bus_port)

    def is_whole(self, nodes: int) -> bool:
        """Whether it knows so many nodes, can reach all, and thinks that every slot is served."""
        info, view = (self.ask(f"CLUSTER {word}") for word in ("INFO", "NODES"))
        # redis-py takes both apart.
        links = [one["connected"] for one in view.values()]
        return bool(info["cluster_state"] == "ok" and len(links) == nodes and all(links))

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            return bool(self.client.ping())
        except redis.RedisError:
            return False


class LocalCluster:
    """Three primaries with a third of the slots each, and what is added to them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.nodes = [Node(folder / str(number)) for number in range(3)]
        for number, node in enumerate(self.nodes):
            node.ask("CLUSTER SET-CONFIG-EPOCH", number + 1)
            first, last = number * SLOTS // 3, (number + 1) * SLOTS // 3 - 1
            node.ask("CLUSTER ADDSLOTSRANGE", first, last)
        for node in self.nodes[1:]:
            self.nodes[0].meet(node)
        self.wait()

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.nodes[0].port}/0"

    def wait(self) -> None:
        """Wait until all nodes agree that nothing is amiss."""
        wait_for(lambda: all(node.is_whole(len(self.nodes)) for node in self.nodes))

    def add(self) -> Node:
        """A node without slots."""
        node = Node(self._folder / str(len(self.nodes)))
        self.nodes.append(node)
        self.nodes[0].meet(node)
        self.wait()
        return node

    def owner(self, slot: int) -> Node:
        """The node that serves the slot, in the eyes of the first one."""
        for first, last, (_, port, *_), *_ in self.nodes[0].ask("CLUSTER SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"nobody serves slot {slot}")

    def begin_move(self, slot: int, target: Node) -> None:
        source = self.owner(slot)
        target.ask("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER SETSLOT", slot, "MIGRATING", target.id)

    def move_keys(self, slot: int, target: Node, most: int = 1_000_000) -> int:
        """Move keys of a slot whose move was begun; returns how many."""
        source = self.owner(slot)
        # In bytes: redis-py would make text of the keys.
        keys = source.ask(b"CLUSTER", b"GETKEYSINSLOT", slot, most)
        if keys:
            done = source.ask("MIGRATE", LOOPBACK, target.port, "", 0, 5000, "KEYS", *keys)
            assert done == b"OK", done
        return len(keys)

    def end_move(self, target: Node, *slots: int) -> None:
        for slot in slots:
            for node in (target, self.owner(slot), *self.nodes):
                node.ask("CLUSTER SETSLOT", slot, "NODE", target.id)
        wait_for(self._agrees)

    def move(self, slot: int, target: Node) -> None:
        """Move a slot with all its keys."""
        if self.owner(slot) is not target:
            self.begin_move(slot, target)
            self.move_keys(slot, target)
            self.end_move(target, slot)

    def _agrees(self) -> bool:
        """Whether all nodes have the same view of all epochs and slots.

        Before that one may for a moment go back to what another said before it knew better.
        """
        views = []
        for node in self.nodes:
            found = node.ask("CLUSTER NODES").values()
            views.append({one["node_id"]: (one["epoch"], one["slots"]) for one in found})
        return all(view == views[0] for view in views)

    def close(self) -> None:
        for node in self.nodes:
            node.close()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.05)


@contextmanager
def local_cluster(folder: Path) -> Iterator[LocalCluster]:
    """A cluster that works in ``folder`` until the end of the context."""
    cluster = LocalCluster(folder)
    try:
        yield cluster
    finally:
        cluster.close()
