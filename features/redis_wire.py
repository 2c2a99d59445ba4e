"""The state's way to a single Redis: all commands of a call in one round trip."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import redis
from redis.exceptions import ResponseError

from features.redis_link import RedisLink, first_error
from features.redis_policy import refuse_unfit
from features.wire import SCAN_COUNT, Wire


class RedisWire(Wire):
    """One connection to one Redis.

    Args:
        client: of that Redis; closed with the wire.
    """

    def __init__(self, client: redis.Redis) -> None:
        self._link = RedisLink(client)

    def exchange(
        self, keys: Sequence[bytes], parts: Sequence[bytes], replies: Sequence[int]
    ) -> list[Any]:
        """As ``Wire.exchange``; ``keys`` do not matter to one server."""
        if not parts:
            return []
        try:
            self._link.send(b"".join(parts))
            found = self._link.receive(sum(replies))
        except BaseException:  # an interrupt, too, would leave replies to the next call
            self._link.drop()
            raise
        error = first_error(found)
        if error:
            raise ResponseError(error)
        return found

    def check_policy(self) -> None:
        """As ``Wire.check_policy``."""
        refuse_unfit(self._link.client, "Redis")

    def close(self) -> None:
        """As ``Wire.close``."""
        self._link.close()

    def _scan(self, pattern: str) -> Iterator[bytes]:
        return self._link.client.scan_iter(match=pattern, count=SCAN_COUNT)
