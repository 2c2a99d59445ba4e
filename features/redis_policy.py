"""What is said of a Redis that cannot hold the state."""

from __future__ import annotations

import re

import redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from core.errors import StateError

#: The first version with GETEX.
OLDEST = (6, 2)


def refuse_unfit(client: redis.Redis, name: str) -> None:
    """Refuse a server that is too old, or that may drop keys on its own.

    Args:
        client: of the server.
        name: what to call it.

    Raises:
        StateError: it cannot be reached, is older than ``OLDEST`` (a Valkey says which Redis it is
            like), or its ``maxmemory-policy`` is not ``noeviction``.
    """
    try:
        info = client.info()
    except RedisError as error:
        raise unreachable(error, name) from None
    version = str(info.get("redis_version", ""))
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
        raise StateError(
            f"{name} is version {version or 'unknown'}: use Redis "
            f"{OLDEST[0]}.{OLDEST[1]} or newer, or any Valkey"
        )
    policy = info.get("maxmemory_policy", "noeviction")
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
