"""What is said of a Redis that cannot hold the state."""

from __future__ import annotations

import redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from core.errors import StateError


def refuse_eviction(client: redis.Redis, name: str) -> None:
    """Refuse a server that may drop keys on its own.

    Args:
        client: of the server.
        name: what to call it.

    Raises:
        StateError: it cannot be reached, or its ``maxmemory-policy`` is not ``noeviction``.
    """
    try:
        policy = client.info("memory").get("maxmemory_policy", "noeviction")
    except RedisError as error:
        raise unreachable(error, name) from None
    if policy != "noeviction":
        raise StateError(
            f"{name} has maxmemory-policy={policy}, under which it drops velocity state: "
            "set it to noeviction (CONFIG SET maxmemory-policy noeviction)"
        )


def unreachable(error: RedisError, name: str = "Redis") -> StateError:
    """The error to raise where a server does not answer, or answers that it will not have us."""
    if isinstance(error, ResponseError | AuthenticationError):
        return StateError(
            f"{name} refuses the connection ({error}): check user, password and database number in "
            "FRAUDSTREAM_REDIS (a cluster has only database 0)"
        )
    return StateError(
        f"{name} does not answer ({error}): start one with `fraudstream stack up` "
        "or set FRAUDSTREAM_REDIS to an existing one"
    )
