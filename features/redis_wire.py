"""The state's way to a single Redis: all commands of a call at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.exceptions import ResponseError

from features.redis_link import Owed, RedisLink, first_error
from features.redis_policy import refuse_unfit
from features.wire import SCAN_COUNT, Call, Wire


class RedisWire(Wire):
    """One connection to one Redis.

    Args:
        client: of that Redis; closed with the wire.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._link = RedisLink(client)

    def send(self, keys: Sequence[bytes], parts: Sequence[bytes], replies: Sequence[int]) -> Call:
        """As ``Wire.send``; ``keys`` do not matter to one server."""
        with self._dropped_on_failure():
            return self._link.send(b"".join(parts), sum(replies)) if parts else Owed(0, 0)

    def flush(self) -> None:
        """As ``Wire.flush``."""
        with self._dropped_on_failure():
            self._link.flush()

    def receive(self, call: Call) -> list[Any]:
        """As ``Wire.receive``."""
        with self._dropped_on_failure():
            found = self._link.receive(call)
            error = first_error(found)
            if error:
                raise ResponseError(error)
        return found

    def spread(self) -> Sequence[bytes]:
        """As ``Wire.spread``."""
        return (b"",)

    def _drop(self) -> None:
        self._link.drop()

    def check_policy(self) -> None:
        """As ``Wire.check_policy``."""
        refuse_unfit(self._link.client, "Redis")

    def close(self) -> None:
        """As ``Wire.close``."""
        self._link.close()

    def _scan(self, pattern: str) -> Iterator[bytes]:
        return self._link.client.scan_iter(match=pattern, count=SCAN_COUNT)
