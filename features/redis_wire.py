"""Many one-key commands to Redis in one round trip, at the least cost a client can have.

redis-py's ``pipeline()`` spends several times as long on packing and bookkeeping as Redis spends
on the commands. This packs the commands itself and uses redis-py's own ``Connection`` for the
rest: connecting, authentication and TLS. Replies are parsed by hiredis.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeAlias

import hiredis
import redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

from core.errors import StateError

Command: TypeAlias = tuple[bytes, ...]

_TIMEOUT_S = 5.0
_READ_BYTES = 1 << 18


class _BulkReplies:
    """Adds to a redis-py connection a way to read many replies without a call for each."""

    _sock: Any

    def read_replies(self, count: int, buffer: bytearray) -> list[Any]:
        """The next ``count`` replies, read through ``buffer``; errors are returned, not raised."""
        reader = hiredis.Reader(notEnoughData=_NOT_YET)
        replies: list[Any] = []
        while len(replies) < count:
            size = self._sock.recv_into(buffer)
            if size == 0:
                raise RedisConnectionError("connection closed by Redis")
            reader.feed(buffer, 0, size)  # type: ignore[arg-type]  # any buffer will do
            while (reply := reader.gets()) is not _NOT_YET:
                replies.append(reply)
        return replies


_NOT_YET = object()


@cache
def _bulk_class(kind: type[Any]) -> type[Any]:
    """``kind`` (plain, TLS or Unix socket) with ``read_replies``."""
    return type(f"Bulk{kind.__name__}", (_BulkReplies, kind), {})


class RedisWire:
    """One connection to one Redis.

    Args:
        url: ``redis://``, ``rediss://`` or ``unix://`` URL; may hold user and password.

    Raises:
        StateError: the URL is none.
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
        pool = self.client.connection_pool
        pool.connection_class = _bulk_class(pool.connection_class)
        self._connection: Any = None
        self._buffer = bytearray(_READ_BYTES)  # kept: a new one for each call costs more than Redis

    def execute(self, commands: Sequence[Command]) -> list[Any]:
        """Send ``commands`` and return their replies in order; as ``exchange``."""
        return self.exchange(pack(commands), len(commands))

    def exchange(self, packed: bytes, replies: int) -> list[Any]:
        """Send packed commands and return their ``replies`` replies in order.

        Raises:
            RedisError: the connection broke (what was sent may have been carried out), or Redis
                answered a command with an error (the first one is raised, all were read).
        """
        if not replies:
            return []
        connection = self._connection
        if connection is None:
            connection = self._connection = self.client.connection_pool.get_connection()
        try:
            connection.send_packed_command([packed], check_health=False)
            found: list[Any] = connection.read_replies(replies, self._buffer)
        except (RedisError, OSError):
            self._connection = None
            connection.disconnect()
            self.client.connection_pool.release(connection)
            raise
        for reply in found:
            if isinstance(reply, hiredis.ReplyError):
                raise ResponseError(str(reply))
        return found

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
    return b"".join(
        b"*%d\r\n" % len(command)
        + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in command)
        for command in commands
    )
