"""Many one-key commands to Redis in one round trip, at the least cost a client can have.

redis-py's ``pipeline()`` spends several times as long on packing and bookkeeping as Redis spends
on the commands. This packs the commands itself and uses redis-py's own ``Connection`` for the
rest: connecting, authentication, TLS and reading replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import redis
from redis.exceptions import RedisError, ResponseError

from core.errors import StateError

Command: TypeAlias = tuple[bytes, ...]

_TIMEOUT_S = 5.0


class RedisWire:
    """One connection to one Redis.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://`` URL; may hold user and password.
    """

    def __init__(self, url: str) -> None:
        try:
            self.client = redis.Redis.from_url(
                url,
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
                protocol=2,
                decode_responses=False,
            )
        except ValueError as error:
            raise StateError(f"FRAUDSTREAM_REDIS is not a Redis URL: {error}") from None
        self._connection: Any = None

    def execute(self, commands: Sequence[Command]) -> list[Any]:
        """Send ``commands`` and return their replies in order.

        Raises:
            RedisError: the connection broke (what was sent may have been carried out), or Redis
                answered a command with an error (the first one is raised, all were read).
        """
        if not commands:
            return []
        connection = self._connection
        if connection is None:
            connection = self._connection = self.client.connection_pool.get_connection()
        replies: list[Any] = []
        failed: ResponseError | None = None
        try:
            connection.send_packed_command([pack(commands)])
            for _ in commands:
                try:
                    replies.append(connection.read_response(disable_decoding=True))
                except ResponseError as error:
                    failed = failed or error
                    replies.append(None)
        except (RedisError, OSError):
            self._connection = None
            connection.disconnect()
            self.client.connection_pool.release(connection)
            raise
        if failed is not None:
            raise failed
        return replies

    def check_policy(self) -> None:
        """Refuse a Redis that may drop keys on its own.

        Raises:
            StateError: Redis cannot be reached, or its ``maxmemory-policy`` is not ``noeviction``.
        """
        try:
            policy = self.client.info("memory").get("maxmemory_policy", "noeviction")
        except RedisError as error:
            raise StateError(
                f"Redis does not answer ({error}): start one with `fraudstream stack up` "
                "or set FRAUDSTREAM_REDIS to an existing one"
            ) from None
        if policy != "noeviction":
            raise StateError(
                f"Redis has maxmemory-policy={policy}, under which it drops velocity state: "
                "set it to noeviction (CONFIG SET maxmemory-policy noeviction)"
            )

    def close(self) -> None:
        """Give the connection back and close the pool."""
        if self._connection is not None:
            self.client.connection_pool.release(self._connection)
            self._connection = None
        self.client.close()


def pack(commands: Sequence[Command]) -> bytes:
    """The commands in the Redis serialisation protocol (RESP2), one after another."""
    parts: list[bytes] = []
    for command in commands:
        parts.append(b"*%d\r\n" % len(command))
        for word in command:
            parts.append(b"$%d\r\n%b\r\n" % (len(word), word))
    return b"".join(parts)
