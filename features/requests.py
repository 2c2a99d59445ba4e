"""What a step asks Redis of each log, packed for many logs at once.

Most logs of a micro-batch get exactly one entry, and then all that differs between two requests is
16 bytes of the key and the entry: these are laid over copies of one template. Packing each command
by itself costs as much as Redis spends on it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.entry import ENTRY_BYTES, WORDS
from features.wire import Command, pack

#: Bytes of the hash that a key ends in.
DIGEST_BYTES = 16


class Requests:
    """Requests for the logs of one entity kind.

    Args:
        prefix: what every key begins with.
        ttl_ms: after how long an unread log expires.
    """

    def __init__(self, prefix: bytes, ttl_ms: int) -> None:
        self._ttl = b"%d" % ttl_ms
        self._prefix = prefix
        # The places of key and entry are those of bytes that occur nowhere else.
        digest, entry = b"\0" * DIGEST_BYTES, b"\1" * ENTRY_BYTES
        template = pack(self._append_and_read(prefix + digest, entry))
        first = template.index(digest)
        self._digest_at = (first, template.index(digest, first + DIGEST_BYTES))
        self._entry_at = template.index(entry)
        self._template = np.frombuffer(template, np.uint8)

    def _append_and_read(self, key: bytes, entries: bytes) -> tuple[Command, Command]:
        # GETEX puts off the expiry, too. A crash between the two commands leaves a log without
        # one until the entity's next event.
        return (b"APPEND", key, entries), (b"GETEX", key, b"PX", self._ttl)

    def pack(
        self,
        digests: bytes,
        entries: NDArray[np.uint64],
        log_of_event: NDArray[np.int64],
        remember: NDArray[np.bool_],
    ) -> tuple[list[bytes], list[int]]:
        """One part for each log: append what it is to remember, then read it.

        Args:
            digests: the ends of the keys of k logs, one after another.
            entries: what n events add to their logs, shape (n, ``WORDS``).
            log_of_event: which log belongs to each event, −1 for none, shape (n,).
            remember: mask of the events that are to be added, shape (n,).

        Returns:
            The k parts, and how many commands each holds; the reply to the last is the log.
        """
        logs = len(digests) // DIGEST_BYTES
        rows = np.flatnonzero(remember & (log_of_event >= 0))
        added = np.bincount(log_of_event[rows], minlength=logs)
        only = np.zeros(logs, np.intp)
        only[log_of_event[rows]] = rows
        parts = self._with_one_entry(digests, entries[only])
        replies = [2] * logs
        for log in np.flatnonzero(added != 1).tolist():
            key = self._prefix + digests[DIGEST_BYTES * log : DIGEST_BYTES * (log + 1)]
            if added[log]:
                mine = entries[rows[log_of_event[rows] == log]].tobytes()
                parts[log] = pack(self._append_and_read(key, mine))
            else:
                parts[log] = pack([(b"GET", key)])
                replies[log] = 1
        return parts, replies

    def _with_one_entry(self, digests: bytes, entries: NDArray[np.uint64]) -> list[bytes]:
        size = len(self._template)
        requests = np.tile(self._template, (len(entries), 1))
        ends = np.frombuffer(digests, np.uint8).reshape(-1, DIGEST_BYTES)
        for at in self._digest_at:
            requests[:, at : at + DIGEST_BYTES] = ends
        raw = entries.view(np.uint8).reshape(-1, 8 * WORDS)
        requests[:, self._entry_at : self._entry_at + ENTRY_BYTES] = raw
        packed = requests.tobytes()
        return [packed[start : start + size] for start in range(0, len(packed), size)]
