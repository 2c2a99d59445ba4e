"""Where the lists of a namespace and profile are kept: Redis.

=====================  ======  ================================================================
``{prefix}members``    hash    list, kind and value → the rest of the entry
``{prefix}changes``    stream  the latest changes: a field of the hash, and its value or nothing
=====================  ======  ================================================================

A change goes into both in one step (a script); the braces of the prefix put both into one slot of
a cluster. Event times alone say when an entry counts, so nothing expires by itself, and a backtest
finds what a worker found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from core.settings import Settings
from features.redis_client import Client, connect, said
from features.wire import SCAN_COUNT
from model.lists.entry import Entry

#: Changes that are kept for those who follow; who has missed more reads everything anew.
MOST_CHANGES = 100_000
_AT_ONCE = 1_000
_BETWEEN = "\x1f"  # no part of a list's, kind's or printable value's name
#: KEYS: members, changes. ARGV: most changes, then field and value (empty: taken off) in turn.
_CHANGE = """
local changed = 0
for at = 2, #ARGV, 2 do
  local field, value = ARGV[at], ARGV[at + 1]
  local now = redis.call('HGET', KEYS[1], field) or ''
  if now ~= value then
    if value == '' then redis.call('HDEL', KEYS[1], field)
    else redis.call('HSET', KEYS[1], field, value) end
    redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[1], '*', 'f', field, 'v', value)
    changed = changed + 1
  end
end
return changed
"""

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[int, int, str, int, str]).decode


class ListStore:
    """The lists of the settings' namespace and profile.

    Args:
        settings: where Redis is, namespace and profile.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = settings.redis.get_secret_value()
        owner = f"{settings.namespace}:{settings.profile}"
        prefix = f"{settings.namespace}:lists:{{{owner}}}:"
        self.members, self.changes = f"{prefix}members", f"{prefix}changes"
        self._client: Client = None
        self._change: Any = None

    @property
    def client(self) -> Client:
        """Connected when it is first used."""
        if self._client is None:
            self._client = connect(self._url)
            self._change = self._client.register_script(_CHANGE)
        return self._client

    def put(
        self, entries: Sequence[Entry], progress: Callable[[int], None] = lambda _: None
    ) -> int:
        """Put checked entries on their lists, or change those that are there.

        Args:
            entries: ``model.lists.entry.checked``.
            progress: told how many are done.

        Returns:
            How many are new or others than before.

        Raises:
            StateError: Redis cannot be reached; some may be there. Doing it again is harmless.
        """
        return self._write([(field_of(one), packed(one)) for one in entries], progress)

    def remove(self, entries: Sequence[Entry]) -> int:
        """Take entries off; how many were there. Raises as ``put``."""
        return self._write([(field_of(one), b"") for one in entries], lambda _: None)

    def entries(self, which: str = "", kind: str = "") -> Iterator[Entry]:
        """What is on the lists, in no order.

        Args:
            which: only this list.
            kind: only entries of this kind.

        Raises:
            StateError: Redis cannot be reached.
        """
        pattern = f"{which or '*'}{_BETWEEN}{kind or '*'}{_BETWEEN}*"
        with said():
            for field, value in self.client.hscan_iter(self.members, pattern, SCAN_COUNT):
                yield entry_of(field, value)

    def _write(self, changes: Sequence[tuple[str, bytes]], progress: Callable[[int], None]) -> int:
        changed = 0
        for start in range(0, len(changes), _AT_ONCE):
            some = changes[start : start + _AT_ONCE]
            arguments: list[Any] = [MOST_CHANGES]
            for pair in some:
                arguments += pair
            with said():
                client = self.client
                changed += self._change([self.members, self.changes], arguments, client)
            progress(start + len(some))
        return changed


def field_of(entry: Entry) -> str:
    """Where an entry stands in the hash."""
    return _BETWEEN.join((entry.list, entry.kind, entry.value))


def packed(entry: Entry) -> bytes:
    """The rest of it."""
    return _pack((entry.from_ms, entry.until_ms, entry.who, entry.at_ms, entry.why))


def entry_of(field: bytes, value: bytes) -> Entry:
    """What ``field_of`` and ``packed`` made."""
    which, kind, text = where_of(field)
    from_ms, until_ms, who, at_ms, why = _unpack(value)
    return Entry(
        list=which, kind=kind, value=text, from_ms=from_ms, until_ms=until_ms, who=who,
        at_ms=at_ms, why=why,
    )  # fmt: skip


def where_of(field: bytes) -> tuple[str, str, str]:
    """List, kind and value of a field."""
    which, kind, text = field.decode().split(_BETWEEN, 2)
    return which, kind, text
