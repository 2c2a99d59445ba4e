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
from features.requests import Requests
from features.wire import Command, Wire

#: Forget an entity after this much wall-clock time without an event: look-back, lateness, slack.
TTL_MS = LOOK_BACK_MS + HORIZON_MS + 3 * DAY_MS


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
        self._requests = {
            entity: Requests(prefix, TTL_MS) for entity, prefix in self._prefix.items()
        }
        self._compactor = Compactor(wire)

    def key(self, entity: str, entity_id: str) -> bytes:
        """Redis key of one entity's log. The id itself does not appear in it."""
        return self._prefix[entity] + _digest(entity_id)

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
            digests = [_digest(one) for one in owner.distinct]
            keys = [self._prefix[entity] + digest for digest in digests]
            log_of_event = owner.code.copy()  # a conflict will change it
            more, replies = self._requests[entity].pack(
                b"".join(digests), entries, log_of_event, remember
            )
            all_keys += keys
            parts += more
            counts += replies
            prepared[entity] = _Logs(entries, log_of_event, keys, [])
        answers = self._wire.exchange(all_keys, parts, counts)
        # The log is the last reply of each part.
        contents = [answers[end - 1] for end in accumulate(counts)]
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
            for number in np.flatnonzero(log.sizes() > COMPACT_ABOVE * ENTRY_BYTES).tolist():
                self._compactor.compact(log.keys[number], log.contents[number] or b"")


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

    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each log."""
        return np.fromiter(map(len, self._whole()), np.int64, len(self.contents))

    def quantities(self) -> NDArray[np.int64]:
        """What the pasts of the batch's events amount to, as ``quantities_from_logs``."""
        starts = np.concatenate(([0], np.cumsum(self.sizes()))) // ENTRY_BYTES
        words = np.frombuffer(b"".join(self._whole()), dtype="<u8").reshape(-1, WORDS)
        return quantities_from_logs(words, starts, self.entries, self.log_of_event)

    def _whole(self) -> list[bytes]:
        """The logs, less a torn end: a foreign writer must not break the kernel."""
        contents = [content or b"" for content in self.contents]
        if any(len(content) % ENTRY_BYTES for content in contents):
            return [content[: len(content) // ENTRY_BYTES * ENTRY_BYTES] for content in contents]
        return contents


def _digest(entity_id: str) -> bytes:
    return xxhash.xxh3_128_digest(entity_id.encode())
