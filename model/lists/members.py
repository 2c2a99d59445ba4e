"""The members of one list of one kind, a million of them if need be, asked of whole batches.

Promise: exactly the members are found. A batch's values are looked up by their 64-bit hashes in a
sorted array, and what is found there is compared with the member's text. Changes since the arrays
were made stand beside them in a small dictionary, until there are so many that new arrays are due.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

from features.coded import Coded
from model.rules.rule import ALWAYS_MS, NEVER_MS

#: From and until: the event times between which an entry counts.
Span = tuple[int, int]
FOREVER: Span = (ALWAYS_MS, NEVER_MS)
#: Changes beside the arrays before new arrays are made.
_MOST_CHANGES = 4_096


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Texts, each with the event times between which it counts.

    Attributes:
        hash: of each text, ascending, shape (m,).
        text: in the same order.
        span: from and until in milliseconds since 1970 UTC, shape (m, 2); None: all for ever.
        changed: text → its span since then, None where it was taken off.
    """

    hash: NDArray[np.uint64] = field(default_factory=lambda: np.empty(0, np.uint64))
    text: pa.Array = field(default_factory=lambda: pa.array([], pa.large_string()))
    span_ms: NDArray[np.int64] | None = None
    changed: Mapping[str, Span | None] = field(default_factory=dict)
    size: int = 0

    @classmethod
    def of(cls, entries: Mapping[str, Span]) -> Members:
        """Exactly these entries."""
        texts = list(entries)
        hashes = np.fromiter(map(_hashed, texts), np.uint64, len(texts))
        order = np.argsort(hashes)
        spans = None
        if any(span != FOREVER for span in entries.values()):
            spans = np.array(list(entries.values()), np.int64)[order]
        text = pa.array(texts, pa.large_string()).take(pa.array(order))
        return cls(hashes[order], text, spans, {}, len(texts))

    def __len__(self) -> int:
        return self.size

    def with_changes(self, changes: Iterable[tuple[str, Span | None]]) -> Members:
        """The same after some were put on or taken off (None), in this order."""
        changed, size = dict(self.changed), self.size
        for text, span in changes:
            before = changed[text] if text in changed else self._in_arrays(text)
            size += (span is not None) - (before is not None)
            changed[text] = span
        members = Members(self.hash, self.text, self.span_ms, changed, size)
        return members if len(changed) <= _MOST_CHANGES else Members.of(members.entries())

    def entries(self) -> dict[str, Span]:
        """All of it: text → span."""
        texts = self.text.to_pylist()
        if self.span_ms is None:
            found = dict.fromkeys(texts, FOREVER)
        else:
            found = dict(zip(texts, map(tuple, self.span_ms.tolist()), strict=True))
        for text, span in self.changed.items():
            if span is None:
                found.pop(text, None)
            else:
                found[text] = span
        return found

    def span(self, text: str) -> Span | None:
        """When a text counts; None where it is no member."""
        return self.changed[text] if text in self.changed else self._in_arrays(text)

    def holds(self, column: Coded, time_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of n events have a member in a column.

        Args:
            column: n texts.
            time_ms: event times, shape (n,).
        """
        hashes = column.hashes
        maybe = np.zeros(len(time_ms), np.bool_)
        if len(self.hash):
            at = np.minimum(np.searchsorted(self.hash, hashes), len(self.hash) - 1)
            maybe = self.hash[at] == hashes
        if self.changed:
            fresh = np.fromiter(
                map(self.changed.__contains__, column.distinct), np.bool_, len(column)
            )
            maybe |= column.spread(fresh, False)
        maybe &= column.code >= 0
        rows = np.flatnonzero(maybe)
        if not len(rows):
            return maybe
        spans = {code: self.span(column.distinct[code]) for code in np.unique(column.code[rows])}
        for row in rows.tolist():
            span = spans[column.code[row]]
            maybe[row] = span is not None and span[0] <= time_ms[row] < span[1]
        return maybe

    def _in_arrays(self, text: str) -> Span | None:
        hashed = _hashed(text)
        at = int(np.searchsorted(self.hash, np.uint64(hashed)))
        while at < len(self.hash) and int(self.hash[at]) == hashed:
            if self.text[at].as_py() == text:
                return FOREVER if self.span_ms is None else tuple(self.span_ms[at].tolist())
            at += 1
        return None


def _hashed(text: str) -> int:
    """As ``Coded.hashes`` has it."""
    return xxhash.xxh3_64_intdigest(text.encode())
