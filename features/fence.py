"""How far the state in Redis reaches, written beside it on every server that holds some.

Redis may forget: a second of writes when it is killed, more when a backup is restored or a replica
takes over, everything when it is emptied. What it forgets are always its latest writes, so a mark
that is written after them and still there proves that they are there too.

One hash for each end of keys that ``Wire.spread`` names, each with the same content: a random id of
the state, and for each partition of one input topic a *mark*: the offset up to which all events
are in state, the newest event time accepted by then, and the id under which it was written. The
lowest mark of all hashes counts.

Promise: who writes marks only for events that are in state, and finds them again, has lost nothing.
The key holds the id of the topic, so that the marks of a topic that was deleted are not taken for
those of another of the same name.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from features.entry import LAYOUT_VERSION
from features.wire import Call, Command, Wire, key_of, pack

_ID = b"id"

# KEYS[1] = the hash, ARGV = id, then for each mark: its partition, the offset that must at least be
# there (-1: none need be), the mark. A mark that is already further stays.
_WRITE = b"""
local id = redis.call('HGET', KEYS[1], 'id')
if id ~= ARGV[1] then return 0 end
for i = 2, #ARGV, 3 do
  local there = redis.call('HGET', KEYS[1], ARGV[i])
  local offset = -1
  if there then
    local at, of = string.match(there, '^(%d+) %-?%d+ (%x+)$')
    if of == id then offset = tonumber(at) end
  end
  if offset >= tonumber(ARGV[i + 1]) and offset < tonumber(string.match(ARGV[i + 2], '^%d+')) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
  end
end
return 1
"""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the state reaches into one partition.

    Attributes:
        offset: every accepted event below it is in state.
        newest_ms: newest event time accepted below it, milliseconds since 1970 UTC.
    """

    offset: int
    newest_ms: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found.

    Attributes:
        state_id: of the state; None where servers say different things, or one says nothing.
        marks: partition → its lowest mark, for those that have one on every server.
    """

    state_id: str | None
    marks: Mapping[int, Mark]


class Fence:
    """The marks of one state for one input topic.

    Args:
        wire: connection to Redis.
        namespace: as of the state.
        profile: as of the state.
        topic_id: of the input topic.
    """

    def __init__(self, wire: Wire, namespace: str, profile: str, topic_id: str) -> None:
        self._wire = wire
        begin = f"{namespace}:{profile}:{LAYOUT_VERSION}:fence:{topic_id}:".encode()
        self._keys = [begin + end for end in wire.spread()]
        self._id = b""

    def claim(self) -> str:
        """Take over the id of the state, or give it a new one where a server does not have it.

        What was written under another id counts no more: a mark that was on its way when a server
        lost everything must not say that the state behind it is there.

        Raises:
            RedisError, OSError: Redis is away.
        """
        found: set[bytes | None] = set(self._all([(b"HGET", key, _ID) for key in self._keys]))
        if found == {None}:
            # Two workers may be here at the same time: the first server decides.
            self._all([(b"HSETNX", self._keys[0], _ID, _new_id())])
            [chosen] = self._all([(b"HGET", self._keys[0], _ID)])
            self._all([(b"HSETNX", key, _ID, chosen) for key in self._keys[1:]])
        elif len(found) > 1:
            chosen = _new_id()
            self._all([(b"HSET", key, _ID, chosen) for key in self._keys])
        else:
            [chosen] = found
        self._id = bytes(chosen)
        return self._id.decode()

    def read(self, partitions: Sequence[int]) -> Reading:
        """``ask`` and ``answer`` in one."""
        return self.answer(self.ask(partitions), partitions)

    def ask(self, partitions: Sequence[int]) -> Call:
        """Ask for the marks of some partitions, as they are behind all that was sent before.

        Raises:
            RedisError, OSError: Redis is away.
        """
        words = [_ID, *(b"%d" % partition for partition in partitions)]
        return self._send([(b"HMGET", key, *words) for key in self._keys])

    def answer(self, call: Call, partitions: Sequence[int]) -> Reading:
        """What ``ask`` asked for; raises as it does."""
        replies: list[list[bytes | None]] = self._wire.receive(call)
        ids = {reply[0] for reply in replies}
        marks = {}
        for number, partition in enumerate(partitions, start=1):
            found = [_mark(reply[number], reply[0]) for reply in replies]
            there = [one for one in found if one is not None]
            if len(there) == len(found):
                marks[partition] = min(there, key=lambda one: one.offset)
        only = ids.pop() if len(ids) == 1 else None
        return Reading(None if only is None else only.decode(), marks)

    def write(self, marks: Mapping[int, Mark], before: Mapping[int, int]) -> Call:
        """Send marks behind all that was sent before; the reply is to be ``settle``d.

        A mark is written only where the one before is still there: what was lost in the meantime
        must not be covered by a mark that comes after it.

        Args:
            marks: partition → how far the state reaches.
            before: partition → offset of the mark that must at least be there; none needed where
                it is missing here.

        Raises:
            RedisError, OSError: Redis is away.
        """
        words = [self._id]
        for partition, mark in marks.items():
            written = b"%d %d %b" % (mark.offset, mark.newest_ms, self._id)
            words += [b"%d" % partition, b"%d" % before.get(partition, -1), written]
        return self._send([(b"EVAL", _WRITE, b"1", key, *words) for key in self._keys])

    def settle(self, call: Call) -> None:
        """Wait until marks are written; raises as ``write``."""
        self._wire.receive(call)

    def _all(self, commands: Sequence[Command]) -> list[Any]:
        return self._wire.receive(self._send(commands))

    def _send(self, commands: Sequence[Command]) -> Call:
        return self._wire.send(
            [key_of(command) for command in commands],
            [pack((command,)) for command in commands],
            [1] * len(commands),
        )


def _new_id() -> bytes:
    return secrets.token_hex(8).encode()


def _mark(written: bytes | None, state_id: bytes | None) -> Mark | None:
    """The mark that was written, None where there is none or it is of another state."""
    if written is None:
        return None
    offset, newest_ms, of = written.split(b" ")
    return Mark(int(offset), int(newest_ms)) if of == state_id else None
