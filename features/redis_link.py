"""Packed commands out and raw replies in, over one connection, at the least cost a client can have.

redis-py's ``pipeline()`` spends several times as long on packing and bookkeeping as Redis spends
on the commands. Here the commands come packed, and redis-py's own ``Connection`` does the rest:
connecting, authentication and TLS. Replies are parsed by hiredis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hiredis
import redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse

_READ_BYTES = 1 << 18
_NOT_YET = object()


class RedisLink:
    """One connection to one server; made when it is first used, and again after ``drop``.

    Args:
        client: knows how to connect; for whatever needs no speed it can be used by itself.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._connection: Any = None
        self._buffer = bytearray(_READ_BYTES)  # kept: a new one for each call costs more than Redis

    def send(self, packed: bytes) -> None:
        """Send packed commands.

        Redis reads on while its replies wait, so this ends even where nobody reads them yet.

        Raises:
            RedisError, OSError: as ``receive``.
        """
        if self._connection is None:
            self._connection = self.client.connection_pool.get_connection()
        self._connection.send_packed_command([packed], check_health=False)

    def receive(self, count: int) -> list[Any]:
        """The next ``count`` replies; those that are errors are returned, not raised.

        Raises:
            RedisError, OSError: the connection broke; ``drop`` it before the next use.
        """
        socket = self._connection._sock  # read_response() would cost a Python call for each reply
        reader = hiredis.Reader(protocolError=InvalidResponse, notEnoughData=_NOT_YET)
        replies: list[Any] = []
        while len(replies) < count:
            size = socket.recv_into(self._buffer)
            if size == 0:
                raise RedisConnectionError("connection closed by Redis")
            reader.feed(self._buffer, 0, size)  # type: ignore[arg-type]  # any buffer will do
            while (reply := reader.gets()) is not _NOT_YET:
                replies.append(reply)
        if len(replies) > count:
            raise InvalidResponse(f"{len(replies)} replies to {count} commands")
        return replies

    def drop(self) -> None:
        """Close the connection, and with it all replies that are still to come."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.disconnect()
            self.client.connection_pool.release(connection)

    def close(self) -> None:
        """Close the connection and the client's pool."""
        self.drop()
        self.client.close()


def first_error(replies: Sequence[Any]) -> str:
    """Text of the first error among the replies, or the empty string."""
    if hiredis.ReplyError not in map(type, replies):  # twice as fast as to look at each in Python
        return ""
    return next(str(reply) for reply in replies if isinstance(reply, hiredis.ReplyError))
