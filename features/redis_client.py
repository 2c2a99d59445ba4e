"""A redis-py client, for what is asked now and then; the state step has a wire of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

import redis
from redis.cluster import RedisCluster
from redis.exceptions import RedisClusterException, RedisError

from core.errors import StateError
from features.redis_policy import unreachable
from features.wire import TIMEOUT_S

#: Whatever answers: a server, or a cluster of them; both have the same methods.
Client: TypeAlias = Any


def connect(url: str) -> Client:
    """A client for the Redis of a URL, or for the cluster that it is a node of.

    Raises:
        StateError: the URL is none.
        RedisError: nobody answers there.
    """
    options: Mapping[str, Any] = {
        "socket_timeout": TIMEOUT_S,
        "socket_connect_timeout": TIMEOUT_S,
        "protocol": 2,
        "decode_responses": False,
    }
    try:
        client = redis.Redis.from_url(url, **options)
    except ValueError as error:
        raise StateError(f"FRAUDSTREAM_REDIS is not a Redis URL: {error}") from None
    if not client.info("cluster").get("cluster_enabled", 0):
        return client
    client.close()
    return RedisCluster.from_url(url, **options)


@contextmanager
def said() -> Iterator[None]:
    """Errors of Redis as errors of ours."""
    try:
        yield
    except RedisClusterException as error:  # not a RedisError in spite of its name
        raise StateError(
            f"the Redis Cluster at FRAUDSTREAM_REDIS cannot be used ({error}): "
            "`redis-cli --cluster check` says whether all slots are served"
        ) from None
    except RedisError as error:
        raise unreachable(error) from None
