"""Where ``/predict`` finds the pasts of events: the state in Redis, or a file that is all there is.

Either is only looked at. What is asked is what a worker asks before it scores, so the score of an
event is, bit for bit, the one that a worker would publish for it right after.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import hiredis
import numpy as np
from numpy.typing import NDArray
from redis.exceptions import RedisError

from core.errors import StateError
from core.settings import Settings
from features.batch import EventBatch
from features.entry import entries_of, pack_entries
from features.online import StateStep, VelocityState
from features.open_wire import open_wire
from features.profiles import profile_spec
from features.wire import Call, Wire, unpack


class Past(Protocol):
    """Knows what stands before events."""

    def look(self, batch: EventBatch, country: NDArray[np.int16]) -> StateStep:
        """What the pasts of events amount to, as ``VelocityState.look``; from any thread.

        Raises:
            StateError: the state is away.
        """


class LivePast:
    """The velocity state of the workers of a namespace.

    Connects when it is first asked, and again after a failure.

    Args:
        settings: Redis and namespace.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._states: dict[str, VelocityState] = {}

    def look(self, batch: EventBatch, country: NDArray[np.int16]) -> StateStep:
        """See ``Past``."""
        with self._lock:
            try:
                return self._state(batch.profile).look(batch, country)
            except (RedisError, OSError) as error:
                raise StateError(
                    f"Redis at FRAUDSTREAM_REDIS does not answer ({error}): nothing can be scored "
                    "without its state; try again when it is back"
                ) from None

    def _state(self, profile: str) -> VelocityState:
        if self._wire is None:
            self._wire = open_wire(self._settings.redis.get_secret_value())
        if profile not in self._states:
            self._states[profile] = VelocityState(self._wire, self._settings.namespace, profile)
        return self._states[profile]


class FilePast:
    """The events of a file, as if a worker had just scored them all.

    Args:
        batch: the events in total order, each id once.
        country: their country codes, shape (n,).
    """

    def __init__(self, batch: EventBatch, country: NDArray[np.int16]) -> None:
        self._lock = threading.Lock()
        logs: dict[bytes, bytes] = {}
        self._state = VelocityState(_LogsInMemory(logs), "file", batch.profile)
        packed = pack_entries(batch, country)
        for entity in profile_spec(batch.profile).entities:
            owner = batch.entity(entity)
            entries = entries_of(entity, batch, packed)
            order = np.argsort(owner.code, kind="stable")
            order = order[owner.code[order] >= 0]
            ends = np.cumsum(np.bincount(owner.code[order], minlength=len(owner.distinct)))
            # Behind the last end is one part more, empty; without owners it is the only one.
            for one, rows in zip(owner.distinct, np.split(order, ends)[:-1], strict=True):
                logs[self._state.key(entity, one)] = entries[rows].tobytes()

    def look(self, batch: EventBatch, country: NDArray[np.int16]) -> StateStep:
        """See ``Past``."""
        with self._lock:
            return self._state.look(batch, country)


class _LogsInMemory(Wire):
    """Answers ``GET`` from a mapping, and nothing else."""

    def __init__(self, logs: Mapping[bytes, bytes]) -> None:
        self._logs = logs

    def send(self, keys: Sequence[bytes], parts: Sequence[bytes], replies: Sequence[int]) -> Call:
        """As ``Wire.send``."""
        commands = [command for part in parts for command in unpack(part)]
        if any(command[0] != b"GET" for command in commands):
            raise hiredis.ReplyError("READONLY these logs are only looked at")
        return [self._logs.get(command[1]) for command in commands]

    def receive(self, call: Call) -> list[Any]:
        """As ``Wire.receive``."""
        return list(call)

    def flush(self) -> None:
        """Nothing waits."""

    def spread(self) -> Sequence[bytes]:
        """As ``Wire.spread``."""
        return (b"",)

    def check_policy(self) -> None:
        """Nothing is ever dropped."""

    def close(self) -> None:
        """Nothing is open."""

    def _drop(self) -> None:
        pass

    def _scan(self, pattern: str) -> Iterator[bytes]:
        return iter(())
