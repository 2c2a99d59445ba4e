"""An entity's arrival log as bytes in somebody else's key-value state."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from features.compaction import COMPACT_ABOVE, compacted
from features.entry import WORDS
from features.kernel import quantities_from_logs
from features.quantities import Quantity

_KEY = "log"
_THE_ONLY_LOG = np.zeros(1, np.int64)


class KeyValueState(Protocol):
    """What Quix Streams gives a stateful function: the state of one message key."""

    def get_bytes(self, key: str, default: bytes) -> bytes:
        """The value, or ``default``."""

    def set_bytes(self, key: str, value: bytes) -> None:
        """Keep the value."""


class Past(NamedTuple):
    """What an entity's log says of one event.

    Attributes:
        quantities: a row of ``features.quantities`` as bytes.
        conflict: whether the event's id is known with another time or amount.
    """

    quantities: bytes
    conflict: bool


def remember(state: KeyValueState, entry: bytes, keep: bool) -> Past:
    """Put an event's entry into its entity's log, and look at the past that it has there.

    What ``VelocityState.step`` does for one event of one entity; a conflicting event is not kept.

    Args:
        state: of the entity.
        entry: the event's, for this entity.
        keep: False for an event that is too late to be kept.
    """
    log = state.get_bytes(_KEY, b"")
    if keep:
        log += entry
    words = np.frombuffer(log, "<u8").reshape(-1, WORDS)
    query = np.frombuffer(entry, "<u8").reshape(1, WORDS)
    found = quantities_from_logs(words, np.array([0, len(words)]), query, _THE_ONLY_LOG)
    conflict = bool(found[0, Quantity.CONFLICT] == 1)
    if keep and not conflict:
        state.set_bytes(_KEY, compacted(log) if len(words) > COMPACT_ABOVE else log)
    return Past(found.tobytes(), conflict)
