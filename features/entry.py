"""One remembered event as it lies in an entity's arrival log.

An entry is eight unsigned 64-bit little-endian words, 64 bytes:

====  ======================================================================
word  content
====  ======================================================================
0     event time in ms since 1970, shifted left by 16, plus the country code
1     amount in 10⁻⁴ currency units
2     hash of the peer: the device for a user's log, the user elsewhere
3–7   order key of the event id (``features.batch.order_key``), zero-padded,
      as big-endian numbers, so that comparing words compares ids
====  ======================================================================

The same entries, in the same order, are what the offline computation builds in memory and what
the worker reads from Redis.
"""

from __future__ import annotations

import numpy as np
import xxhash
from numpy.typing import NDArray

from features.batch import ORDER_BYTES, EventBatch

#: Part of every state key: a change of the layout below must change it.
LAYOUT_VERSION = 1
WORDS = 8
ENTRY_BYTES = WORDS * 8
TIME_SHIFT = 16
ID_WORD = 3

#: Whose hash an entry carries, by the entity that owns the log.
PEER_COLUMN = {"user": "device_id", "device": "user_id", "ip": "user_id"}


def pack_entries(batch: EventBatch, country: NDArray[np.int16], entity: str) -> NDArray[np.uint64]:
    """The entries that ``batch`` adds to the logs of ``entity``, one row an event.

    Args:
        batch: n accepted events.
        country: their country codes (index into ``declared.COUNTRIES``), shape (n,).
        entity: name of the entity that owns the logs.

    Returns:
        uint64 of shape (n, ``WORDS``), C-contiguous; ``row.tobytes()`` is what goes to Redis on a
        little-endian machine.
    """
    words = np.empty((len(batch), WORDS), dtype="<u8")
    time = batch.time_ms.astype(np.uint64) << np.uint64(TIME_SHIFT)
    words[:, 0] = time | country.astype(np.uint64)
    words[:, 1] = batch.amount.astype(np.uint64)
    peer = PEER_COLUMN.get(entity)
    words[:, 2] = 0 if peer is None else _hashes(batch.text[peer])
    ids = np.ascontiguousarray(batch.order_id, dtype=f"S{ORDER_BYTES}")
    words[:, ID_WORD:] = ids.view(">u8").reshape(len(batch), WORDS - ID_WORD)
    return words


def _hashes(values: list[str | None]) -> NDArray[np.uint64]:
    return np.fromiter(
        (xxhash.xxh3_64_intdigest(value.encode()) if value is not None else 0 for value in values),
        dtype=np.uint64,
        count=len(values),
    )
