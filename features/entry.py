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

The worker appends them to logs in Redis and reads them back; the offline computation, which knows
the order of all events, makes do with words 0 to 2.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.batch import ORDER_BYTES, EventBatch

#: Part of every state key: a change of the layout below must change it.
LAYOUT_VERSION = 1
WORDS = 8
ENTRY_BYTES = WORDS * 8
TIME_SHIFT = 16
PEER_WORD = 2
ID_WORD = 3

#: Whose hash an entry carries, by the entity that owns the log.
PEER_COLUMN = {"user": "device_id", "device": "user_id", "ip": "user_id"}


def pack_entries(
    batch: EventBatch, country: NDArray[np.int16], words: int = WORDS
) -> NDArray[np.uint64]:
    """The entries of ``batch`` as they are in every log, their peers still 0; one row an event.

    Args:
        batch: n accepted events.
        country: their country codes (index into ``declared.COUNTRIES``), shape (n,).
        words: how many words of each entry; fewer than ``WORDS`` leave the event id out.

    Returns:
        uint64 of shape (n, words), C-contiguous.
    """
    entries = np.empty((len(batch), words), dtype="<u8")
    time = batch.time_ms.astype(np.uint64) << np.uint64(TIME_SHIFT)
    entries[:, 0] = time | country.astype(np.uint64)
    entries[:, 1] = batch.amount.astype(np.uint64)
    entries[:, PEER_WORD] = 0
    if words > ID_WORD:
        ids = np.ascontiguousarray(batch.order_id, dtype=f"S{ORDER_BYTES}")
        entries[:, ID_WORD:] = ids.view(">u8").reshape(len(batch), WORDS - ID_WORD)
    return entries


def entries_of(entity: str, batch: EventBatch, packed: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The entries that ``batch`` adds to the logs of ``entity``.

    Args:
        entity: name of the entity that owns the logs.
        batch: n accepted events.
        packed: what ``pack_entries`` made of them.

    Returns:
        uint64, shape and layout as ``packed``; ``row.tobytes()`` of a whole entry is what goes to
        Redis on a little-endian machine.
    """
    peer = PEER_COLUMN.get(entity)
    if peer is None:
        return packed
    entries = packed.copy()
    entries[:, PEER_WORD] = batch.coded(peer).hashes
    return entries
