"""The worker's arrival logs in Redis for one event at a time: one round trip, one kernel call.

What ``features.online.VelocityState`` does for a batch. That is made for columns, and takes most of
a millisecond to set up for one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import xxhash

from features.compaction import COMPACT_ABOVE, Compactor
from features.entry import ENTRY_BYTES, WORDS
from features.kernel import quantities_from_logs
from features.online import TTL_MS
from features.profiles import profile_spec
from features.quantities import Quantity
from features.wire import Wire, pack

_TTL = b"%d" % TTL_MS


class RedisLogs:
    """Arrival logs of one namespace and profile.

    Args:
        wire: connection to Redis.
        namespace: separates everything of one namespace from the others.
        profile: name of the profile.
    """

    def __init__(self, wire: Wire, namespace: str, profile: str) -> None:
        self._wire = wire
        self._compactor = Compactor(wire)
        self._prefixes = [
            f"{namespace}:{profile}:peer:{entity}:".encode()
            for entity in profile_spec(profile).entities
        ]

    def remember(
        self, owners: Sequence[str | None], entries: Sequence[bytes], keep: bool
    ) -> list[bytes] | None:
        """Put an event into the logs of its entities and look at the pasts it has there.

        Args:
            owners: who each entity of the profile is, None where unknown.
            entries: what the event adds to the log of each.
            keep: False for an event that is too late to be kept.

        Returns:
            The quantities of each entity; None: the event's id is known with another time or
            amount, and it is not kept.
        """
        there = [number for number, owner in enumerate(owners) if owner is not None]
        keys = [
            self._prefixes[number] + xxhash.xxh3_128_digest((owners[number] or "").encode())
            for number in there
        ]
        if keep:
            parts = [
                pack(((b"APPEND", key, entries[number]), (b"GETEX", key, b"PX", _TTL)))
                for key, number in zip(keys, there, strict=True)
            ]
        else:
            parts = [pack(((b"GET", key),)) for key in keys]
        replies = self._wire.exchange(keys, parts, [2 if keep else 1] * len(keys))
        logs = [log or b"" for log in (replies[1::2] if keep else replies)]
        starts = np.array([0, *accumulate(len(log) // ENTRY_BYTES for log in logs)])
        log_of_query = np.full(len(owners), -1, np.int64)
        log_of_query[there] = np.arange(len(there))
        found = quantities_from_logs(
            np.frombuffer(b"".join(logs), "<u8").reshape(-1, WORDS),
            starts,
            np.frombuffer(b"".join(entries), "<u8").reshape(-1, WORDS),
            log_of_query,
        )
        if there and found[there[0], Quantity.CONFLICT] == 1:  # the first entity owns the id
            if keep:
                self._compactor.withdraw(
                    [(key, entries[number]) for key, number in zip(keys, there, strict=True)]
                )
            return None
        for key, log in zip(keys, logs, strict=True):
            if len(log) > COMPACT_ABOVE * ENTRY_BYTES:
                self._compactor.compact(key, log)
        return [row.tobytes() for row in found]
