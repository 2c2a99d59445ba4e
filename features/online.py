"""The declared features of a micro-batch against the arrival logs in Redis.

Promise: after ``VelocityState.step`` returns, every event that may be put into state stands in the
log of each of its entities, and the quantities returned are a function of the event and of what
was in those logs before the event's first occurrence. So a step may be repeated, wholly or in part
(redelivery, a broken connection), without changing state or result.

One step:

1. For each distinct entity of the batch send ``APPEND`` of its new entries and ``GETEX``, which
   reads the log and puts off its expiry. One key a command: it works on Redis Cluster and Valkey
   alike. (A crash between the two leaves a log without expiry until the entity's next event.)
2. Let the kernel (``features.kernel``) compute all windows from the returned bytes, of one kind of
   entity while Redis is still busy with the next.
3. An event whose id is known with another time or amount is a conflict: take its entries out
   again, and compute the rest of the batch without them.
4. Compact logs that have grown beyond ``CAP + SLACK`` entries by a fixed margin.

``begin`` does 1, ``finish`` the rest; in between the caller may work on something else, or begin
the next step. Steps are to be finished in the order in which they began.
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
from features.wire import Call, Command, Wire

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


@dataclass(slots=True)
class _Asked:
    """What was sent for the logs of one entity kind."""

    call: Call
    replies: list[int]
    logs: _Logs


@dataclass(frozen=True, slots=True)
class BegunStep:
    """A step whose events are on their way into state; opaque to the caller."""

    remember: NDArray[np.bool_]
    asked: Mapping[str, _Asked]
    withdrawn: int


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
        self._withdrawn = 0  # how often entries were taken out again

    def key(self, entity: str, entity_id: str) -> bytes:
        """Redis key of one entity's log. The id itself does not appear in it."""
        return self._prefix[entity] + _digest(entity_id)

    def step(
        self,
        batch: EventBatch,
        country: NDArray[np.int16],
        remember: NDArray[np.bool_] | None = None,
    ) -> StateStep:
        """``begin`` and ``finish`` in one."""
        return self.finish(self.begin(batch, country, remember))

    def look(self, batch: EventBatch, country: NDArray[np.int16]) -> StateStep:
        """What ``step`` would find, changing nothing: no log, and no expiry of one.

        Args:
            batch: n events; none of them is in the past of another, unless it is in state.
            country: their country codes, shape (n,).

        Raises:
            redis.RedisError, OSError: Redis could not be reached.
        """
        begun = self.begin(batch, country, np.zeros(len(batch), np.bool_))
        return self._found(begun)[0]

    def begin(
        self,
        batch: EventBatch,
        country: NDArray[np.int16],
        remember: NDArray[np.bool_] | None = None,
    ) -> BegunStep:
        """Put the events into state and ask for their entities' pasts.

        Args:
            batch: n events in the order in which they are to be remembered.
            country: their country codes, shape (n,).
            remember: mask of those that go into state (default: all); the others (too late) only
                look at it, shape (n,).

        Raises:
            redis.RedisError, OSError: Redis could not be reached; repeat the step.
        """
        remember = np.ones(len(batch), np.bool_) if remember is None else remember
        packed = pack_entries(batch, country)
        asked = []
        for entity in self._entities:
            entries = entries_of(entity, batch, packed)
            owner = batch.entity(entity)
            digests = [_digest(one) for one in owner.distinct]
            keys = [self._prefix[entity] + digest for digest in digests]
            log_of_event = owner.code.copy()  # a conflict will change it
            parts, replies = self._requests[entity].pack(
                b"".join(digests), entries, log_of_event, remember
            )
            call = self._wire.send(keys, parts, replies)
            asked.append(_Asked(call, replies, _Logs(entries, log_of_event, keys, [])))
        return BegunStep(remember, dict(zip(self._entities, asked, strict=True)), self._withdrawn)

    def finish(self, begun: BegunStep) -> StateStep:
        """What the pasts of a begun step's events amount to.

        Raises:
            redis.RedisError, OSError: Redis could not be reached or refused; repeat the step.
        """
        step, logs = self._found(begun)
        self._compact(logs)
        return step

    def _found(self, begun: BegunStep) -> tuple[StateStep, dict[str, _Logs]]:
        conflict = np.zeros(len(begun.remember), np.bool_)
        logs: dict[str, _Logs] = {}
        quantities = {}
        for entity, asked in begun.asked.items():
            answers = self._wire.receive(asked.call)
            # The log is the last reply of each part.
            asked.logs.contents = [answers[end - 1] for end in accumulate(asked.replies)]
            logs[entity] = asked.logs
            quantities[entity] = asked.logs.quantities()
        if begun.withdrawn != self._withdrawn:  # it may have read what is not there any more
            logs, quantities = self._reread(logs)
        while (fresh := self._owner_conflicts(quantities) & ~conflict).any():
            conflict |= fresh
            if (added := fresh & begun.remember).any():
                self._withdraw(logs, added)
            for log in logs.values():
                log.log_of_event[conflict] = -1
            logs, quantities = self._reread(logs)
        return StateStep(quantities, conflict), logs

    def take_back(
        self, batch: EventBatch, country: NDArray[np.int16], remember: NDArray[np.bool_]
    ) -> None:
        """Undo ``begin`` with the same arguments: take what it added out of the logs again.

        For a step that was begun on logs that had lost their past: its events must not stand
        before what is yet to be restored. What is not there is not missed.

        Raises:
            redis.RedisError, OSError: Redis could not be reached; some may be taken out.
        """
        packed = pack_entries(batch, country)
        for entity in self._entities:
            entries = entries_of(entity, batch, packed)
            owner = batch.entity(entity)
            keys = [self.key(entity, one) for one in owner.distinct]
            self._compactor.withdraw(
                [
                    (keys[owner.code[row]], entries[row].tobytes())
                    for row in np.flatnonzero(remember & (owner.code >= 0))
                ]
            )

    def _owner_conflicts(self, quantities: Mapping[str, NDArray[np.int64]]) -> NDArray[np.bool_]:
        """The first entity that an event has owns its id (user; card, else vector)."""
        columns = [quantities[entity][:, Quantity.CONFLICT] for entity in self._entities]
        result = np.zeros(len(columns[0]), np.bool_)
        owned = np.zeros(len(columns[0]), np.bool_)
        for column in columns:
            result |= (column == 1) & ~owned
            owned |= column >= 0
        return result

    def _withdraw(self, logs: Mapping[str, _Logs], rows: NDArray[np.bool_]) -> None:
        self._withdrawn += 1
        self._compactor.withdraw(
            [
                (log.keys[log.log_of_event[row]], log.entries[row].tobytes())
                for log in logs.values()
                for row in np.flatnonzero(rows & (log.log_of_event >= 0))
            ]
        )

    def _reread(
        self, logs: Mapping[str, _Logs]
    ) -> tuple[dict[str, _Logs], dict[str, NDArray[np.int64]]]:
        commands: list[Command] = [(b"GET", key) for log in logs.values() for key in log.keys]
        replies = self._wire.execute(commands)
        result = {}
        start = 0
        for name, log in logs.items():
            contents = replies[start : start + len(log.keys)]
            result[name] = _Logs(log.entries, log.log_of_event, log.keys, contents)
            start += len(log.keys)
        return result, {name: log.quantities() for name, log in result.items()}

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


def _digest(entity_id: str) -> bytes:
    return xxhash.xxh3_128_digest(entity_id.encode())
