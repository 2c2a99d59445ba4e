"""Lists that may change while they are in use."""

from __future__ import annotations

from collections import defaultdict
from typing import TypeAlias

from features.redis_client import said
from model.lists.addresses import AddressMembers
from model.lists.lists import NO_LISTS, Lists
from model.lists.members import Members, Span
from model.lists.store import ListStore, entry_of, where_of

#: Id of a change: milliseconds and a number, which rise.
_Id: TypeAlias = tuple[int, int]
_NONE: _Id = (0, 0)
_AT_ONCE = 10_000


class FollowedLists:
    """The lists of a store, in memory.

    What changed since the last look is read from the stream of changes. Where that no longer
    reaches back so far, or Redis holds less than was seen before, everything is read anew.

    Args:
        store: where they are kept.

    Attributes:
        current: what is to be used; nothing until ``changed`` was called.
    """

    def __init__(self, store: ListStore) -> None:
        self._store = store
        self._seen: _Id | None = None
        self.current: Lists = NO_LISTS

    def changed(self) -> bool:
        """Look at the store; whether ``current`` is another one now.

        Raises:
            StateError: Redis cannot be reached; ``current`` stays as it is.
        """
        with said():
            first, last = self._ends()
            if self._seen is None or self._has_missed(first, last):
                return self._read_all(last)
            if last == self._seen:
                return False
            while self._read_more():
                pass
        return True

    def _ends(self) -> tuple[_Id, _Id]:
        client, stream = self._store.client, self._store.changes
        first = client.xrange(stream, "-", "+", 1)
        last = client.xrevrange(stream, "+", "-", 1)
        return _id(first[0][0]) if first else _NONE, _id(last[0][0]) if last else _NONE

    def _has_missed(self, first: _Id, last: _Id) -> bool:
        """Whether some changes cannot be read any more."""
        assert self._seen is not None  # noqa: S101 - asked only after a first look
        return last < self._seen or first > self._seen != _NONE

    def _read_all(self, last: _Id) -> bool:
        """Everything there is; changes that come meanwhile are read again with the next look."""
        found: dict[tuple[str, str], dict[str, Span]] = defaultdict(dict)
        for one in self._store.entries():
            found[one.list, one.kind][one.value] = one.span
        before, self._seen = self.current, last
        members = {at: _members(at[1], entries) for at, entries in found.items()}
        self.current = Lists(members)
        return bool(len(before) or len(self.current))

    def _read_more(self) -> bool:
        """Some changes; whether there are more."""
        assert self._seen is not None  # noqa: S101
        begin = f"({self._seen[0]}-{self._seen[1]}"
        entries = self._store.client.xrange(self._store.changes, begin, "+", _AT_ONCE)
        changes: dict[tuple[str, str], list[tuple[str, Span | None]]] = defaultdict(list)
        for number, change in entries:
            field, value = change[b"f"], change[b"v"]
            which, kind, text = where_of(field)
            span = entry_of(field, value).span if value else None
            changes[which, kind].append((text, span))
            self._seen = _id(number)
        members = dict(self.current.members)
        for at, some in changes.items():
            members[at] = (members.get(at) or _members(at[1], {})).with_changes(some)
        self.current = Lists({at: one for at, one in members.items() if len(one)})
        return len(entries) == _AT_ONCE


def _members(kind: str, entries: dict[str, Span]) -> Members | AddressMembers:
    return AddressMembers.of(entries) if kind == "ip" else Members.of(entries)


def _id(raw: bytes) -> _Id:
    moment, _, number = raw.decode().partition("-")
    return int(moment), int(number)
