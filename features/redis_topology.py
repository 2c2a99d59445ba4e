"""Which node of a Redis Cluster owns which slot.

redis-py's ``RedisCluster`` finds that out and knows how to connect to each node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

import redis
from redis.cluster import RedisCluster
from redis.crc import REDIS_CLUSTER_HASH_SLOTS
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, RedisError

from core.errors import StateError
from features.wire import TIMEOUT_S

#: Host and port, as the cluster itself names them.
Address: TypeAlias = tuple[str, int]


class Topology:
    """The owners of all slots, as they were when they were last asked for.

    Args:
        url: ``redis://`` or ``rediss://`` URL of any node; user, password and TLS options go for
            all nodes.

    Raises:
        StateError: the URL does not fit a cluster, its nodes cannot be reached, or not every slot
            has an owner.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._stale = False
        try:
            self._cluster = self._discover()
        except (RedisClusterException, RedisError) as error:
            raise StateError(
                f"the Redis Cluster at FRAUDSTREAM_REDIS cannot be used ({error}): "
                "give the redis:// or rediss:// URL of one of its nodes, with database 0; "
                "`redis-cli --cluster check` says whether all slots are served"
            ) from None
        self._owners = self._read()

    def owners(self) -> list[Address]:
        """Slot → the node that owns it.

        Raises:
            RedisError: asked for anew after ``doubt``, and no node answers that knows them all.
        """
        if self._stale:
            self.refresh()
        return self._owners

    def doubt(self) -> None:
        """Something failed: ask again before the owners are next needed."""
        self._stale = True

    def refresh(self, moved: Mapping[int, Address] | None = None) -> None:
        """Ask again, any node that answers.

        Args:
            moved: slot → owner, as somebody said who knows; the node that is asked now may not
                have heard of it yet.

        Raises:
            RedisError: no node answers that knows an owner for every slot.
        """
        try:
            try:
                self._cluster.nodes_manager.initialize()
            except RedisClusterException:
                # All nodes may have new addresses, and the name in the URL stand for one of them.
                self._cluster.close()
                self._cluster = self._discover()
        except RedisClusterException as error:
            # Not a RedisError in spite of its name.
            raise RedisConnectionError(str(error)) from None
        self._owners = self._read()
        for slot, address in (moved or {}).items():
            self._owners[slot] = address
        self._stale = False

    def client(self, address: Address) -> redis.Redis:
        """A new client of one node, be it the owner of a slot or not."""
        nodes: Any = self._cluster.nodes_manager  # without types
        client: redis.Redis = nodes.create_redis_node(*address, **nodes.connection_kwargs)
        return client

    def close(self) -> None:
        """Close the connections that the questions went over."""
        self._cluster.close()

    def _discover(self) -> RedisCluster:
        return RedisCluster.from_url(
            self._url,
            require_full_coverage=True,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            protocol=2,
            decode_responses=False,
        )

    def _read(self) -> list[Address]:
        # A list of ours, because ``get_node_from_slot`` takes a lock for each key.
        nodes_of = self._cluster.nodes_manager.slots_cache
        primaries = (nodes_of[slot][0] for slot in range(REDIS_CLUSTER_HASH_SLOTS))
        return [(node.host, node.port) for node in primaries]
