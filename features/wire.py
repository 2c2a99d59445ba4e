"""What the velocity state asks of Redis, be it one server or a cluster.

Every command touches one key. Whoever sends many of them packs those of a key into one part, so
that a cluster can send each part to the node that holds its key.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import hiredis

Command: TypeAlias = tuple[bytes, ...]
#: What was sent and not yet answered; each kind of wire has its own.
Call: TypeAlias = Any

#: Redis that is silent for so long counts as away.
TIMEOUT_S = 5.0
#: How many keys to look at, or to delete, in one round trip.
SCAN_COUNT = 10_000


class Wire(ABC):
    """A way to Redis; used by one thread at a time.

    Attributes:
        breaks: how often connections were dropped. What was known of Redis when this was less may
            be so no more: it may have been started again since, without its last second.
    """

    breaks = 0

    @abstractmethod
    def spread(self) -> Sequence[bytes]:
        """Ends of keys, such that every server that holds a fair share of the keys holds one.

        A key may end in one of them whatever it begins with, as long as it has no other braces.
        """

    def execute(self, commands: Sequence[Command]) -> list[Any]:
        """Send one-key commands and return their replies in order; raises as ``exchange``."""
        return self.exchange(
            [key_of(command) for command in commands],
            [pack((command,)) for command in commands],
            [1] * len(commands),
        )

    def exchange(
        self, keys: Sequence[bytes], parts: Sequence[bytes], replies: Sequence[int]
    ) -> list[Any]:
        """``send`` and ``receive`` in one."""
        return self.receive(self.send(keys, parts, replies))

    @abstractmethod
    def send(self, keys: Sequence[bytes], parts: Sequence[bytes], replies: Sequence[int]) -> Call:
        """Send packed commands, so that Redis works on them while the caller does other things.

        What is sent for one key is carried out in the order of the calls. A few bytes may wait for
        more until ``flush`` or ``receive``.

        Args:
            keys: the key that each part touches, shape (n,).
            parts: packed commands, shape (n,).
            replies: how many commands each part holds, shape (n,).

        Returns:
            What ``receive`` asks for.

        Raises:
            RedisError, OSError: as ``receive``.
        """

    @abstractmethod
    def flush(self) -> None:
        """Let nothing that was sent wait for more; raises as ``receive``."""

    @abstractmethod
    def receive(self, call: Call) -> list[Any]:
        """The replies to what was sent, in the order of its commands; once for each call.

        Raises:
            RedisError, OSError: Redis is away (what was sent may have been carried out), or
                answered a command with an error (the first one is raised). Calls whose replies
                were still to come are lost with it.
        """

    @abstractmethod
    def check_policy(self) -> None:
        """Refuse a Redis that is too old, or that may drop keys on its own.

        Raises:
            StateError: Redis cannot be reached or is older than 6.2, or the ``maxmemory-policy`` of
                a server that holds keys is not ``noeviction``.
        """

    def delete_matching(self, pattern: str) -> int:
        """Delete every key that matches the glob-style pattern; returns how many there were.

        Raises:
            RedisError, OSError: Redis is away; some of the keys may be deleted.
        """
        keys = list(self._scan(pattern))
        deleted = 0
        for start in range(0, len(keys), SCAN_COUNT):
            some = keys[start : start + SCAN_COUNT]
            deleted += sum(self.execute([(b"UNLINK", key) for key in some]))
        return deleted

    @abstractmethod
    def _scan(self, pattern: str) -> Iterator[bytes]:
        """The keys that match; a key may come twice."""

    @contextmanager
    def _dropped_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:  # an interrupt, too, would leave replies to the next call
            self.breaks += 1
            self._drop()
            raise

    @abstractmethod
    def _drop(self) -> None:
        """Give up the connections, and with them all replies that are still to come."""

    @abstractmethod
    def close(self) -> None:
        """Give up every connection; the wire is of no use after that."""


def key_of(command: Command) -> bytes:
    """The one key that a command touches."""
    # EVAL script 1 key …
    return command[3] if command[0] == b"EVAL" else command[1]


def pack(commands: Sequence[Command]) -> bytes:
    """The commands in the Redis serialisation protocol (RESP2), one after another."""
    return b"".join(
        b"*%d\r\n" % len(command)
        + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in command)
        for command in commands
    )


def unpack(packed: bytes) -> list[Command]:
    """The commands that ``pack`` made into ``packed``."""
    reader = hiredis.Reader(notEnoughData=None)
    reader.feed(packed)
    return [tuple(command) for command in iter(reader.gets, None)]
