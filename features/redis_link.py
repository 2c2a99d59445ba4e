"""Packed commands out and raw replies in, over one connection, at the least cost a client can have.

redis-py's ``pipeline()`` spends several times as long on packing and bookkeeping as Redis spends
on the commands. Here the commands come packed, and redis-py's own ``Connection`` does the rest:
connecting, authentication and TLS. Replies are parsed by hiredis.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Any

import hiredis
import redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse

_READ_BYTES = 1 << 18
#: So much is gathered before it is sent without being asked for.
_SEND_BYTES = 1 << 14
_NOT_YET = object()


class Owed:
    """Replies to what was sent over a link.

    Attributes:
        count: how many there will be.
        size: bytes of the commands.
        replies: those that came so far.
    """

    __slots__ = ("count", "replies", "size")

    def __init__(self, count: int, size: int) -> None:
        self.count = count
        self.size = size
        self.replies: list[Any] = []

    @property
    def missing(self) -> int:
        """How many are still to come."""
        return self.count - len(self.replies)


class RedisLink:
    """One connection to one server; made when it is first used, and again after ``drop``.

    Args:
        client: knows how to connect; for whatever needs no speed it can be used by itself.
    """

    def __init__(self, client: redis.Redis) -> None:
        self.client = client
        self._connection: Any = None
        self._buffer = bytearray(_READ_BYTES)  # kept: a new one for each call costs more than Redis
        self._reader = _reader()
        self._owed: deque[Owed] = deque()
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0

    def send(self, packed: bytes, count: int) -> Owed:
        """Send ``count`` packed commands; their replies are what ``receive`` waits for.

        Few bytes wait for more, for ``flush`` or for ``receive``: each call of the system is a
        chance for another thread to take the interpreter. Redis reads on while its replies wait, so
        this ends even where nobody reads them yet.

        Raises:
            RedisError, OSError: as ``receive``.
        """
        self._unsent.append(packed)
        self._unsent_bytes += len(packed)
        owed = Owed(count, len(packed))
        self._owed.append(owed)
        if self._unsent_bytes >= _SEND_BYTES:
            self.flush()
        return owed

    def flush(self) -> None:
        """Send what waits for more; raises as ``receive``."""
        if self._unsent:
            if self._connection is None:
                self._connection = self.client.connection_pool.get_connection()
            packed = b"".join(self._unsent)
            self._forget_unsent()
            self._connection.send_packed_command([packed], check_health=False)

    def _forget_unsent(self) -> None:
        self._unsent.clear()
        self._unsent_bytes = 0

    def receive(self, owed: Owed) -> list[Any]:
        """All those replies; those that are errors are returned, not raised.

        What was sent before is answered before: its replies are kept until they are asked for.

        Raises:
            RedisError, OSError: the connection broke; ``drop`` it before the next use.
        """
        if owed.missing:
            self.flush()
        while owed.missing:
            if not self._owed:
                raise RedisConnectionError(
                    "the connection that the replies were to come over broke"
                )
            self._read_into(self._owed[0])
            if not self._owed[0].missing:
                self._owed.popleft()
        if not self._owed and self._reader.has_data():
            raise InvalidResponse("more replies than commands")
        return owed.replies

    @property
    def unread(self) -> int:
        """Bytes of what was sent and is not wholly answered."""
        return sum(owed.size for owed in self._owed)

    def catch_up(self) -> None:
        """Read all that is owed; raises as ``receive``."""
        if self._owed:
            self.receive(self._owed[-1])

    def _read_into(self, owed: Owed) -> None:
        socket = self._connection._sock  # read_response() would cost a Python call for each reply
        while True:
            owed.replies += islice(iter(self._reader.gets, _NOT_YET), owed.missing)
            if not owed.missing:
                return
            size = socket.recv_into(self._buffer)
            if size == 0:
                raise RedisConnectionError("connection closed by Redis")
            self._reader.feed(self._buffer, 0, size)  # type: ignore[arg-type]  # any buffer will do

    def drop(self) -> None:
        """Close the connection, and with it all replies that are still to come."""
        self._owed.clear()
        self._forget_unsent()
        self._reader = _reader()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.disconnect()
            self.client.connection_pool.release(connection)

    def close(self) -> None:
        """Close the connection and the client's pool."""
        self.drop()
        self.client.close()


def _reader() -> hiredis.Reader:
    return hiredis.Reader(protocolError=InvalidResponse, notEnoughData=_NOT_YET)


def first_error(replies: Sequence[Any]) -> str:
    """Text of the first error among the replies, or the empty string."""
    if hiredis.ReplyError not in map(type, replies):  # twice as fast as to look at each in Python
        return ""
    return next(str(reply) for reply in replies if isinstance(reply, hiredis.ReplyError))
