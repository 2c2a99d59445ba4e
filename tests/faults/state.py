"""The velocity state of a namespace as it lies in Redis, read when a run is over."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from core.settings import Settings
from features.batch import EventBatch
from features.entry import ENTRY_BYTES, WORDS
from features.kernel import quantities_from_logs
from features.online import VelocityState
from features.open_wire import open_wire
from features.profiles import profile_spec
from features.requests import DIGEST_BYTES
from tests.faults.oracle import Oracle


class StoredLogs:
    """Every log of a namespace and profile.

    Attributes:
        entries: kind of entity → key → its entries in the order in which they came, repeats too.
    """

    def __init__(self, settings: Settings) -> None:
        self.entries: dict[str, dict[bytes, list[bytes]]] = {}
        with closing(open_wire(settings.redis.get_secret_value())) as wire:
            self._state = VelocityState(wire, settings.namespace, settings.profile)
            for entity in profile_spec(settings.profile).entities:
                prefix = self._state.key(entity, "any")[:-DIGEST_BYTES]
                keys = list(set(wire._scan(prefix.decode() + "*")))
                contents = wire.execute([(b"GET", key) for key in keys])
                self.entries[entity] = {
                    key: [
                        content[at : at + ENTRY_BYTES] for at in range(0, len(content), ENTRY_BYTES)
                    ]
                    for key, content in zip(keys, contents, strict=True)
                }

    def key(self, entity: str, entity_id: str) -> bytes:
        """Where the log of one entity lies."""
        return self._state.key(entity, entity_id)

    def first_occurrences(self, entity: str, entity_id: str) -> list[bytes]:
        """The distinct entries of one log in the order in which they came."""
        return list(dict.fromkeys(self.entries[entity].get(self.key(entity, entity_id), ())))

    def quantities(self, oracle: Oracle) -> dict[str, NDArray[np.int64]]:
        """What the pasts of the oracle's events amount to by what stands before them in the logs.

        That is what they were scored with, whatever workers did it in whatever order.
        """
        found = {}
        for entity in self.entries:
            owner = oracle.batch.entity(entity)
            logs = [self.entries[entity].get(self.key(entity, one), []) for one in owner.distinct]
            found[entity] = _quantities(logs, oracle.entries(entity), owner.code)
        return found


def _quantities(
    logs: Sequence[list[bytes]], entries: NDArray[np.uint64], log_of_event: NDArray[np.int64]
) -> NDArray[np.int64]:
    starts = np.concatenate(([0], np.cumsum([len(log) for log in logs]))).astype(np.int64)
    raw = b"".join(entry for log in logs for entry in log)
    words = np.frombuffer(raw, dtype="<u8").reshape(-1, WORDS)
    return quantities_from_logs(words, starts, entries, log_of_event)


def order_of(batch: EventBatch, oracle: Oracle, entity: str) -> dict[bytes, int]:
    """Entry → row of the batch."""
    return {entry.tobytes(): row for row, entry in enumerate(oracle.entries(entity))}
