"""The state's way to a Redis Cluster: to every node its part of a call, all at the same time.

Promise: a call that returns has its replies from the nodes that own the keys. What was carried out
on the way to that may have been carried out more than once: state must bear repeats, and does.

One call:

1. Sort the parts by the node that owns the slot of their key.
2. Send to every node concerned, and only then read from each: the nodes work side by side.
3. A part answered with MOVED goes to its new node, after the topology has been read again; one
   answered with ASK (its slot is being moved right now) goes to the node named there, command by
   command behind an ASKING. Then all over again for what was answered with MOVED once more.
4. If anything fails, drop all connections (replies of this call must not meet the next one) and
   read the topology again before the next call: a replica may have taken over.

redis-py's own pipeline for a cluster costs as much as that for a single server, and its ASK does
not find a node that has no slot yet.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import chain, count
from typing import Any

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import ClusterError, RedisError, ResponseError

from features.redis_link import Owed, RedisLink, first_error
from features.redis_policy import refuse_unfit, unreachable
from features.redis_topology import Address, Topology
from features.wire import SCAN_COUNT, Call, Wire, pack, unpack

_log = logging.getLogger(__name__)

#: So often is a part sent before its redirections count as going in circles.
_TRIES = 5
#: So much is sent to a node before its replies are read; more than a batch of usual size. Redis
#: itself reads on while its replies wait, but a proxy between it and us may not: what is sent must
#: fit into the buffers on the way, or both sides would wait for the other to read.
_CHUNK_BYTES = 1 << 18
_ASKING = pack([(b"ASKING",)])
#: Into so many parts ``spread`` divides the slots: a node with fewer than about 1,000 of them, or
#: with many small ranges, may hold none of its keys.
_SPREAD = 32


@dataclass(frozen=True, slots=True)
class _Call:
    """The arguments of ``send``, what nodes owe for which parts, replies to each part so far."""

    keys: Sequence[bytes]
    parts: Sequence[bytes]
    replies: Sequence[int]
    sent: list[tuple[RedisLink, Owed, list[int]]]
    found: list[list[Any]]


class ClusterWire(Wire):
    """One connection to each node of a Redis Cluster that owns slots.

    Args:
        topology: of that cluster; closed with the wire.
    """

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._links: dict[Address, RedisLink] = {}

    def send(self, keys: Sequence[bytes], parts: Sequence[bytes], replies: Sequence[int]) -> Call:
        """As ``Wire.send``."""
        call = _Call(keys, parts, replies, [], [[]] * len(parts))
        with self._dropped_on_failure():
            for rows in _chunks(parts):
                self._send(rows, call)
        return call

    def flush(self) -> None:
        """As ``Wire.flush``."""
        with self._dropped_on_failure():
            for link in self._links.values():
                link.flush()

    def receive(self, call: Call) -> list[Any]:
        """As ``Wire.receive``."""
        with self._dropped_on_failure():
            rows = self._redirected(self._read(call), call)
            for _ in range(_TRIES - 1):
                if not rows:
                    break
                self._send(rows, call)
                rows = self._redirected(self._read(call), call)
            if rows:
                reply = call.found[rows[0]][0]
                raise ClusterError(f"{len(rows)} keys are sent from node to node: {reply}")
        return list(chain.from_iterable(call.found))

    def _drop(self) -> None:
        for link in self._links.values():
            link.drop()
        self._topology.doubt()

    def spread(self) -> Sequence[bytes]:
        """As ``Wire.spread``: evenly over the slots, whichever node they are on now."""
        return _spread()

    def check_policy(self) -> None:
        """As ``Wire.check_policy``; asks every node that owns slots."""
        try:
            primaries = sorted(set(self._topology.owners()))
        except RedisError as error:
            raise unreachable(error) from None
        for host, port in primaries:
            refuse_unfit(self._link((host, port)).client, f"Redis at {host}:{port}")
        owner = self._topology.owners()
        for host, port in sorted(set(primaries) - {owner[key_slot(tag)] for tag in _spread()}):
            _log.warning(
                "Redis at %s:%s owns too few slots for the fence: if it alone loses writes, nobody "
                "notices; give each node at least %d slots in a row",
                host,
                port,
                2 * REDIS_CLUSTER_HASH_SLOTS // _SPREAD,
            )

    def close(self) -> None:
        """As ``Wire.close``."""
        for link in self._links.values():
            link.close()
        self._topology.close()

    def _scan(self, pattern: str) -> Iterator[bytes]:
        return chain.from_iterable(
            self._link(address).client.scan_iter(match=pattern, count=SCAN_COUNT)
            for address in set(self._topology.owners())
        )

    def _send(self, rows: Sequence[int], call: _Call) -> None:
        """Send the parts ``rows`` to the owners of their keys."""
        owner = self._topology.owners()
        by_node: dict[Address, list[int]] = {}
        for row in rows:
            address = owner[key_slot(call.keys[row])]
            if address in by_node:
                by_node[address].append(row)
            else:
                by_node[address] = [row]
        for address, mine in by_node.items():
            link = self._link(address)
            packed = b"".join([call.parts[row] for row in mine])
            if link.unread + len(packed) > _CHUNK_BYTES:
                link.catch_up()
            owed = link.send(packed, sum([call.replies[row] for row in mine]))
            call.sent.append((link, owed, mine))

    def _read(self, call: _Call) -> list[int]:
        """Read the replies to all that was sent; returns rows among which are all errors."""
        suspects: list[int] = []
        for link, _, _ in call.sent:
            link.flush()
        for link, owed, mine in call.sent:
            answers = link.receive(owed)
            start = 0
            for row in mine:
                end = start + call.replies[row]
                call.found[row] = answers[start:end]
                start = end
            if first_error(answers):
                suspects += mine
        call.sent.clear()
        return suspects

    def _redirected(self, suspects: Sequence[int], call: _Call) -> list[int]:
        """Those of the rows that must be sent again.

        Raises:
            ResponseError: a part was answered with an error that is no redirection.
        """
        again: list[int] = []
        moved: dict[int, Address] = {}
        for row in suspects:
            key = call.keys[row]
            error = first_error(call.found[row])
            if error.startswith("ASK "):
                call.found[row] = self._ask(self._named(error, key), call.parts[row])
                error = first_error(call.found[row])
            if error.startswith("MOVED "):
                moved[key_slot(key)] = self._named(error, key)
                again.append(row)
            elif error.startswith("ASK "):
                again.append(row)
            elif error:
                raise ResponseError(error)
        if moved:
            self._topology.refresh(moved)
            for address in self._links.keys() - set(self._topology.owners()):
                link = self._links.pop(address)
                with suppress(RedisError, OSError):  # what another call is owed fails there
                    link.catch_up()
                link.close()
        return again

    def _ask(self, address: Address, part: bytes) -> list[Any]:
        """The replies of a node that is about to become the owner of the part's key."""
        commands = unpack(part)
        link = self._link(address)
        packed = b"".join([_ASKING + pack((command,)) for command in commands])
        answers = link.receive(link.send(packed, 2 * len(commands)))
        refused = first_error(answers[::2])
        if refused:
            raise ResponseError(refused)
        return answers[1::2]

    def _named(self, redirection: str, key: bytes) -> Address:
        """The node that a MOVED or ASK names; no host means that of the node that said it."""
        host, _, port = redirection.split(" ")[2].rpartition(":")
        return host or self._topology.owners()[key_slot(key)][0], int(port)

    def _link(self, address: Address) -> RedisLink:
        link = self._links.get(address)
        if link is None:
            link = self._links[address] = RedisLink(self._topology.client(address))
        return link


@cache
def _spread() -> tuple[bytes, ...]:
    """For each of ``_SPREAD`` equal ranges of slots, a hash tag in it."""
    found: dict[int, bytes] = {}
    width = REDIS_CLUSTER_HASH_SLOTS // _SPREAD
    for number in count():
        tag = b"{%d}" % number
        found.setdefault(key_slot(tag) // width, tag)
        if len(found) == _SPREAD:
            return tuple(found[place] for place in range(_SPREAD))
    raise AssertionError


def _chunks(parts: Sequence[bytes]) -> Iterator[range]:
    """Rows of ``parts`` in runs of at most ``_CHUNK_BYTES``, or of one part that is larger."""
    start = size = 0
    for row, part in enumerate(parts):
        if size + len(part) > _CHUNK_BYTES and row > start:
            yield range(start, row)
            start, size = row, 0
        size += len(part)
    if parts:
        yield range(start, len(parts))
