"""Velocity states in a real Redis that share nothing, and a look at what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import cast

import numpy as np
import redis
from hypothesis import HealthCheck, settings
from numpy.typing import NDArray

from features.batch import EventBatch
from features.compaction import Compactor
from features.entry import ID_WORD, WORDS
from features.formulas import feature_matrix
from features.known import Known, own_columns
from features.online import VelocityState
from features.open_wire import open_wire
from features.wire import Wire
from tests.features.events import Quantities, country_of

_numbers = count()


def against_redis(examples: int) -> settings:
    """Settings of a property test with a real Redis.

    Args:
        examples: how many to try; as many times more as the profile in use tries more than 100.
    """
    return settings(
        max_examples=max(1, examples * settings().max_examples // 100),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


class OwnState:
    """A velocity state with a namespace of its own."""

    def __init__(self, wire: Wire, client: redis.Redis, profile: str) -> None:
        self.wire = wire
        self.profile = profile
        self._client = client
        self._namespace = f"t{next(_numbers)}"
        self.state = self.writer(wire)

    def writer(self, wire: Wire) -> VelocityState:
        """One more writer to this state, on the given connection."""
        return VelocityState(wire, self._namespace, self.profile)

    def put(
        self,
        batch: EventBatch,
        sizes: Sequence[int] = (7,),
        remember: NDArray[np.bool_] | None = None,
        compact: bool = False,
    ) -> Quantities:
        """Put the events into state in micro-batches.

        Args:
            batch: n events in order of arrival.
            sizes: of the micro-batches, used in turn.
            remember: mask of the events that are to be remembered, shape (n,); None: all.
            compact: whether to compact every log after every micro-batch.

        Returns:
            Entity → quantities of the n events.
        """
        country = country_of(batch)
        parts: list[Quantities] = []
        for rows in cut(len(batch), sizes):
            mask = None if remember is None else remember[rows]
            step = self.state.step(batch.take(rows), country[rows], mask)
            assert not step.conflict.any()
            parts.append(dict(step.quantities))
            if compact:
                self.compact()
        return joined(parts)

    def stored_keys(self) -> list[bytes]:
        """The keys of all logs."""
        return sorted(cast(list[bytes], self._client.keys(f"{self._namespace}:*")))

    def logs(self) -> dict[bytes, bytes]:
        """Every log as it is: kind of entity and hash of its id → entries."""
        keys = self.stored_keys()
        contents = self.wire.execute([(b"GET", key) for key in keys])
        return {key.split(b":", 3)[3]: log for key, log in zip(keys, contents, strict=True)}

    def compact(self) -> None:
        """Compact every log, however short."""
        compactor = Compactor(self.wire)
        keys = self.stored_keys()
        contents = self.wire.execute([(b"GET", key) for key in keys])
        for key, content in zip(keys, contents, strict=True):
            compactor.compact(key, content)


class FreshStates:
    """Hands out states that share nothing, in a database that nobody else uses."""

    def __init__(self, redis_url: str) -> None:
        self.url = redis_url.rsplit("/", 1)[0] + "/9"
        self._client = redis.Redis.from_url(self.url)
        self._wire = open_wire(self.url)

    def __call__(self, profile: str = "ecommerce") -> OwnState:
        return OwnState(self._wire, self._client, profile)

    def close(self) -> None:
        self._client.flushdb()
        self._client.close()
        self._wire.close()


def cut(n: int, sizes: Sequence[int]) -> list[range]:
    """The first ``n`` numbers in pieces of the given sizes, used in turn."""
    pieces: list[range] = []
    start = 0
    while start < n:
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(range(start, min(start + size, n)))
        start += size
    return pieces


def joined(parts: Sequence[Mapping[str, NDArray[np.int64]]]) -> Quantities:
    """The quantities of several batches as those of one."""
    return {entity: np.concatenate([part[entity] for part in parts]) for entity in parts[0]}


def ids_in(log: bytes) -> list[bytes]:
    """Order keys of the events in a log, in order of arrival."""
    words = np.frombuffer(log, "<u8").reshape(-1, WORDS)[:, ID_WORD:]
    ids: list[bytes] = np.ascontiguousarray(words.astype(">u8")).view("S40").ravel().tolist()
    return ids


def matrix_of(batch: EventBatch, quantities: Quantities) -> NDArray[np.float32]:
    """Features of events with these quantities."""
    return feature_matrix(Known(own_columns(batch, country_of(batch)), quantities))


def assert_same_bits(left: NDArray[np.float32], right: NDArray[np.float32]) -> None:
    np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(left.view(np.uint32), right.view(np.uint32))


def assert_same_quantities(left: Quantities, right: Quantities) -> None:
    assert left.keys() == right.keys()
    for entity, found in left.items():
        np.testing.assert_array_equal(found, right[entity], err_msg=entity)
