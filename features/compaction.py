"""Keeping arrival logs short, and taking single entries out again.

Both are rare, run for one key at a time, and are safe beside concurrent writers: the script
replaces only the beginning of the value that the caller saw, and keeps whatever came after it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from features.batch import ORDER_BYTES
from features.declared import CAP, HORIZON_MS, LOOK_BACK_MS, SLACK
from features.entry import ENTRY_BYTES, ID_WORD, TIME_SHIFT, WORDS
from features.wire import Wire

#: A log is compacted when it has more entries than this.
COMPACT_ABOVE = CAP + SLACK + 256

# KEYS[1] = log, ARGV[1] = the beginning as the caller saw it, ARGV[2] = what replaces it.
_REPLACE_START = b"""
local value = redis.call('GET', KEYS[1])
if not value or string.sub(value, 1, #ARGV[1]) ~= ARGV[1] then return 0 end
local ttl = redis.call('PTTL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[2] .. string.sub(value, #ARGV[1] + 1))
if ttl > 0 then redis.call('PEXPIRE', KEYS[1], ttl) end
return 1
"""

# KEYS[1] = log, ARGV[1] = one entry: its last occurrence is cut out.
_CUT_ENTRY = b"""
local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local size = #ARGV[1]
for start = #value - size + 1, 1, -size do
  if string.sub(value, start, start + size - 1) == ARGV[1] then
    local ttl = redis.call('PTTL', KEYS[1])
    redis.call('SET', KEYS[1], string.sub(value, 1, start - 1) .. string.sub(value, start + size))
    if ttl > 0 then redis.call('PEXPIRE', KEYS[1], ttl) end
    return 1
  end
end
return 0
"""


class Compactor:
    """Shortens logs in Redis."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def compact(self, key: bytes, content: bytes) -> None:
        """Replace ``content``, the log as it was read, by ``compacted(content)``."""
        shorter = compacted(content)
        if len(shorter) < len(content):
            self._wire.execute([(b"EVAL", _REPLACE_START, b"1", key, content, shorter)])

    def withdraw(self, entries: Sequence[tuple[bytes, bytes]]) -> None:
        """Take the last occurrence of each entry out of its log.

        Args:
            entries: key of the log, entry.
        """
        self._wire.execute([(b"EVAL", _CUT_ENTRY, b"1", key, entry) for key, entry in entries])


def compacted(content: bytes) -> bytes:
    """The log without repeats, without what is beyond look-back, and at most ``CAP + SLACK`` long.

    The order of arrival is kept. What is dropped is chosen by event time and id only, so every
    worker drops the same.
    """
    size = len(content) // ENTRY_BYTES
    log = np.frombuffer(content[: size * ENTRY_BYTES], dtype="<u8").reshape(-1, WORDS)
    ids = np.ascontiguousarray(log[:, ID_WORD:].astype(">u8")).view(f"S{ORDER_BYTES}").ravel()
    _, first = np.unique(ids, return_index=True)
    time = (log[first, 0] >> np.uint64(TIME_SHIFT)).astype(np.int64)
    by_order = first[np.lexsort((ids[first], time))]
    newest = by_order[-(CAP + SLACK) :]
    newest_time = (log[newest, 0] >> np.uint64(TIME_SHIFT)).astype(np.int64)
    alive: NDArray[np.intp] = newest[newest_time > newest_time[-1] - LOOK_BACK_MS - HORIZON_MS]
    return log[np.sort(alive)].tobytes()
