"""The declared features of a micro-batch against the arrival logs in Redis.

Promise: after ``VelocityState.step`` returns, every event that may be put into state stands in the
log of each of its entities, and the quantities returned are a function of the event and of what
was in those logs before the event's first occurrence. So a step may be repeated, wholly or in part
(redelivery, a broken connection), without changing state or result.

One step:

1. For each distinct entity of the batch send, in one pipeline, ``APPEND`` of its new entries and
   ``GETEX``, which reads the log and puts off its expiry. One key a command: it works on Redis
   Cluster and Valkey alike. (A crash between the two leaves a log without expiry until the
   entity's next event.)
2. Let the kernel (``features.kernel``) compute all windows from the returned bytes.
3. An event whose id is known with another time or amount is a conflict: take its entries out
   again, and compute the rest of the batch without them.
4. Compact logs that have grown beyond ``CAP + SLACK`` entries by a fixed margin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import xxhash
from numpy.typing import NDArray

from core.names import DAY_MS
from features.batch import EventBatch
from features.compaction import COMPACT_ABOVE, Compactor
from features.declared import HORIZON_MS, LOOK_BACK_MS
from features.entry import ENTRY_BYTES, LAYOUT_VERSION, WORDS, entries_of, pack_entries
from features.kernel import quantities_from_logs
from features.profiles import profile_spec
from features.quantities import Quantity
from features.wire import Command, Wire

#: Forget an entity after this much wall-clock time without an event: look-back, lateness, slack.
TTL_MS = LOOK_BACK_MS + HORIZON_MS + 3 * DAY_MS
_TTL = str(TTL_MS).encode()
# Packed once: ``features.wire.pack`` for each command costs more than Redis spends on it.
_GET = b"*2\r\n$3\r\nGET\r\n$%d\r\n%b\r\n"
_APPEND_AND_GET = (
    b"*3\r\n$6\r\nAPPEND\r\n$%d\r\n%b\r\n$%d\r\n%b\r\n"
    b"*4\r\n$5\r\nGETEX\r\n$%d\r\n%b\r\n$2\r\nPX\r\n" + b"$%d\r\n%b\r\n" % (len(_TTL), _TTL)
)


@dataclass(frozen=True, slots=True)
class StateStep:
    """What one step found.

    Attributes:
        quantities: entity → int64 (n, ``quantities.N_QUANTITIES``) for the n events given; rows of
            conflicting events are meaningless.
        conflict: mask of the events whose id is known with another time or amount, shape (n,).
    """

    quantities: Mapping[str, NDArray[np.int64]]
    conflict: NDArray[np.bool_]

    @property
    def truncated(self) -> int:
        """How many events had more remembered events than the cap lets a feature look at."""
        flags = [q[:, Quantity.TRUNCATED] > 0 for q in self.quantities.values()]
        return int(np.logical_or.reduce(flags).sum())

    @property
    def overtaken(self) -> int:
        """How many already scored events would have looked different had these come in time."""
        per_entity = [np.maximum(q[:, Quantity.OVERTAKEN], 0) for q in self.quantities.values()]
        return int(np.maximum.reduce(per_entity).sum())


class VelocityState:
    """Arrival logs of one namespace and profile.

    Args:
        wire: connection to Redis.
        namespace: separates everything of one namespace from the others.
        profile: name of the profile.
    """

    def __init__(self, wire: Wire, namespace: str, profile: str) -> None:
        self._wire = wire
        self._entities = profile_spec(profile).entities
        self._prefix = {
            entity: f"{namespace}:{profile}:{LAYOUT_VERSION}:{entity}:".encode()
            for entity in self._entities
        }
        self._compactor = Compactor(wire)

    def key(self, entity: str, entity_id: str) -> bytes:
        """Redis key of one entity's log. The id itself does not appear in it."""
        return self._prefix[entity] + xxhash.xxh3_128_digest(entity_id.encode())

    def step(
        self,
        batch: EventBatch,
        country: NDArray[np.int16],
        remember: NDArray[np.bool_] | None = None,
    ) -> StateStep:
        """Put the events into state and return what their entities' pasts amount to.

        Args:
            batch: n events in the order in which they are to be remembered.
            country: their country codes, shape (n,).
            remember: mask of those that go into state (default: all); the others (too late) only
                look at it, shape (n,).

        Raises:
            redis.RedisError: Redis could not be reached or refused; repeat the step.
        """
        n = len(batch)
        remember = np.ones(n, np.bool_) if remember is None else remember
        conflict = np.zeros(n, np.bool_)
        logs = self._exchange(batch, country, remember)
        while True:
            quantities = {name: log.quantities() for name, log in logs.items()}
            fresh = self._owner_conflicts(quantities) & ~conflict
            if not fresh.any():
                break
            conflict |= fresh
            self._withdraw(logs, fresh & remember)
            for log in logs.values():
                log.log_of_event[conflict] = -1
            logs = self._reread(logs)
        self._compact(logs)
        return StateStep(quantities, conflict)

    def _owner_conflicts(self, quantities: Mapping[str, NDArray[np.int64]]) -> NDArray[np.bool_]:
        """The first entity that an event has owns its id (user; card, else vector)."""
        columns = [quantities[entity][:, Quantity.CONFLICT] for entity in self._entities]
        result = np.zeros(len(columns[0]), np.bool_)
        owned = np.zeros(len(columns[0]), np.bool_)
        for column in columns:
            result |= (column == 1) & ~owned
            owned |= column >= 0
        return result

    def _exchange(
        self, batch: EventBatch, country: NDArray[np.int16], remember: NDArray[np.bool_]
    ) -> dict[str, _Logs]:
        all_keys: list[bytes] = []
        parts: list[bytes] = []
        counts: list[int] = []
        prepared: dict[str, _Logs] = {}
        packed = pack_entries(batch, country)
        for entity in self._entities:
            entries = entries_of(entity, batch, packed)
            owner = batch.entity(entity)
            log_of_event = owner.code.copy()  # a conflict will change it
            keys = [self.key(entity, one) for one in owner.distinct]
            for key, added in zip(
                keys, _by_key(entries, log_of_event, len(keys), remember), strict=True
            ):
                size = len(key)
                if added:
                    parts.append(_APPEND_AND_GET % (size, key, len(added), added, size, key))
                    counts.append(2)
                else:
                    parts.append(_GET % (size, key))
                    counts.append(1)
            all_keys += keys
            prepared[entity] = _Logs(entries, log_of_event, keys, [])
        replies = self._wire.exchange(all_keys, parts, counts)
        # The log is the last reply of each part.
        contents = [replies[end - 1] for end in accumulate(counts)]
        start = 0
        for logs in prepared.values():
            logs.contents = contents[start : start + len(logs.keys)]
            start += len(logs.keys)
        return prepared

    def _withdraw(self, logs: Mapping[str, _Logs], rows: NDArray[np.bool_]) -> None:
        for log in logs.values():
            for row in np.flatnonzero(rows & (log.log_of_event >= 0)):
                key = log.keys[log.log_of_event[row]]
                self._compactor.withdraw(key, log.entries[row].tobytes())

    def _reread(self, logs: Mapping[str, _Logs]) -> dict[str, _Logs]:
        commands: list[Command] = [(b"GET", key) for log in logs.values() for key in log.keys]
        replies = self._wire.execute(commands)
        result = {}
        start = 0
        for name, log in logs.items():
            contents = replies[start : start + len(log.keys)]
            result[name] = _Logs(log.entries, log.log_of_event, log.keys, contents)
            start += len(log.keys)
        return result

    def _compact(self, logs: Mapping[str, _Logs]) -> None:
        for log in logs.values():
            for key, content in zip(log.keys, log.contents, strict=True):
                if content is not None and len(content) > COMPACT_ABOVE * ENTRY_BYTES:
                    self._compactor.compact(key, content)


def delete_namespace(wire: Wire, namespace: str) -> int:
    """Delete every key of a namespace; returns how many there were.

    Raises:
        redis.RedisError: Redis could not be reached.
    """
    return wire.delete_matching(f"{namespace}:*")


@dataclass(slots=True)
class _Logs:
    """The logs of one entity kind that a batch touches."""

    entries: NDArray[np.uint64]
    log_of_event: NDArray[np.int64]
    keys: list[bytes]
    contents: list[bytes | None]

    def quantities(self) -> NDArray[np.int64]:
        whole = [_whole_entries(content) for content in self.contents]
        sizes = np.fromiter((len(one) // ENTRY_BYTES for one in whole), np.int64, len(whole))
        starts = np.concatenate(([0], np.cumsum(sizes)))
        words = np.frombuffer(b"".join(whole), dtype="<u8").reshape(-1, WORDS)
        return quantities_from_logs(words, starts, self.entries, self.log_of_event)


def _by_key(
    entries: NDArray[np.uint64],
    log_of_event: NDArray[np.int64],
    keys: int,
    remember: NDArray[np.bool_],
) -> list[bytes]:
    """The bytes to append to each log, empty where nothing is to be remembered."""
    added = [b""] * keys
    raw = entries.tobytes()
    for row in np.flatnonzero(remember & (log_of_event >= 0)).tolist():
        added[log_of_event[row]] += raw[row * ENTRY_BYTES : (row + 1) * ENTRY_BYTES]
    return added


def _whole_entries(content: bytes | None) -> bytes:
    """What was read, less a torn end: a foreign writer must not break the kernel."""
    if content is None:
        return b""
    return content[: len(content) // ENTRY_BYTES * ENTRY_BYTES]
