"""From the one setting that says where Redis is to the wire that fits what is there."""

from __future__ import annotations

import redis
from redis.exceptions import RedisError

from core.errors import StateError
from features.redis_cluster import ClusterWire
from features.redis_policy import unreachable
from features.redis_topology import Topology
from features.redis_wire import RedisWire
from features.wire import TIMEOUT_S, Wire


def open_wire(url: str) -> Wire:
    """Connect to a Redis, or to the cluster that it is a node of.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://`` URL; may hold user and password, which a
            cluster is then asked for on every node.

    Raises:
        StateError: the URL is none, nobody answers there, it does not fit a cluster, or not every
            slot of the cluster has an owner.
    """
    try:
        client = redis.Redis.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            protocol=2,
            decode_responses=False,
        )
    except ValueError as error:
        raise StateError(f"FRAUDSTREAM_REDIS is not a Redis URL: {error}") from None
    try:
        clustered = client.info("cluster").get("cluster_enabled", 0)
    except RedisError as error:
        raise unreachable(error) from None
    if not clustered:
        return RedisWire(client)
    client.close()
    return ClusterWire(Topology(url))
