"""A Redis with so many entities and so long histories, and micro-batches that touch them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import redis
from numpy.typing import NDArray

from core.names import DAY_MS
from features.batch import EventBatch, order_keys
from features.entry import ENTRY_BYTES, entries_of, pack_entries
from features.online import TTL_MS, VelocityState
from features.open_wire import open_wire
from features.profiles import ECOMMERCE
from features.wire import Command
from stack.local import LocalStack

BATCH = 256
ENTITIES = ECOMMERCE.entities
_NAMESPACE = "bench"
_NOW_MS = 1_760_000_000_000
_AT_ONCE = 2_000
#: The number of the hot device, which is none of the ordinary ones.
_HOT = -1


@dataclass(frozen=True, slots=True)
class Spent:
    """What one micro-batch took, µs per event of it.

    ``batch_us`` is the wall time of the whole batch.
    """

    wall_us: float
    client_us: float
    redis_us: float
    batch_us: float


def median(spent: list[Spent]) -> dict[str, float]:
    """Medians over batches (Redis' clock ticks too seldom for that: its mean)."""
    return {
        "wall_us": statistics.median(one.wall_us for one in spent),
        "client_us": statistics.median(one.client_us for one in spent),
        "redis_us": statistics.fmean(one.redis_us for one in spent),
        "batch_us": statistics.median(one.batch_us for one in spent),
    }


class World:
    """One Redis, its entities, and a clock that each batch moves on.

    Args:
        url: of the Redis.
    """

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url)
        self._wire = open_wire(url)
        self._state = VelocityState(self._wire, _NAMESPACE, ECOMMERCE.name)
        self._rng = np.random.default_rng(1)
        self._size = 0
        self._now_ms = _NOW_MS
        self._made = 0

    def fill(self, size: int, history: int, spread: bool = False) -> None:
        """Empty Redis, then give every entity a past, over the 30 days before now.

        Args:
            size: entities of each kind.
            history: events of each.
            spread: give them different numbers instead, between half and one and a half times
                ``history``. Redis doubles the memory of a string that has outgrown it; where all
                logs have the same length, either all of them or none outgrow it in a round.
        """
        self._client.flushall()
        self._size = size
        longest = history + history // 2 if spread else history
        gaps = np.sort(self._rng.integers(1, 30 * DAY_MS, longest))[::-1]
        nobody = np.zeros(longest, np.int64)
        batch = self._batch(nobody, nobody, nobody, self._now_ms - gaps)
        packed = pack_entries(batch, np.zeros(longest, np.int16))
        for entity in ENTITIES:
            content = entries_of(entity, batch, packed).tobytes()
            for start in range(0, size, _AT_ONCE):
                commands: list[Command] = []
                for number in range(start, min(start + _AT_ONCE, size)):
                    key = self._state.key(entity, f"{entity}-{number}")
                    events = longest - number % (history + 1) if spread else history
                    commands += [(b"APPEND", key, part) for part in _grown(content, events)]
                    commands.append((b"PEXPIRE", key, b"%d" % TTL_MS))
                self._wire.execute(commands)
        self._settle()

    def _settle(self) -> None:
        """Wait until Redis has rewritten its append-only file, which so much growth begins."""
        while True:
            info: dict[str, Any] = self._client.info("persistence")
            if not (info["aof_rewrite_in_progress"] or info["aof_rewrite_scheduled"]):
                return
            time.sleep(0.2)

    def heat(self, events: int) -> None:
        """Give the hot device so many events, by the state's own steps."""
        for _ in range(0, events, BATCH):
            batch = self._next(0, BATCH)
            self._state.step(batch, np.zeros(len(batch), np.int16))

    def round(self, batches: int, hot_added: int = 0, hot_share: float = 0.0) -> list[Spent]:
        """State steps of so many micro-batches, with events of the hot device in each."""
        hot = int(BATCH * hot_share)
        work = [self._next(BATCH - hot, hot + hot_added) for _ in range(batches)]
        country = np.zeros(BATCH + hot_added, np.int16)
        return self._timed(work, lambda batch: self._state.step(batch, country[: len(batch)]))

    def plain_round(self, batches: int) -> list[Spent]:
        """The same commands through redis-py's pipeline, their replies thrown away."""
        return self._timed([self._next(BATCH, 0) for _ in range(batches)], self._pipeline)

    def _pipeline(self, batch: EventBatch) -> None:
        packed = pack_entries(batch, np.zeros(len(batch), np.int16))
        pipeline = self._client.pipeline(transaction=False)
        for entity in ENTITIES:
            entries = entries_of(entity, batch, packed)
            for row, code in enumerate(batch.entity(entity).code.tolist()):
                key = self._state.key(entity, batch.entity(entity).distinct[code])
                pipeline.append(key, entries[row].tobytes())
                pipeline.pexpire(key, TTL_MS)
                pipeline.get(key)
        pipeline.execute()

    def _timed(self, work: list[EventBatch], do: Any) -> list[Spent]:
        spent = []
        before = self._redis_s()
        for batch in work:
            started, cpu = time.perf_counter(), time.process_time()
            do(batch)
            wall, client = time.perf_counter() - started, time.process_time() - cpu
            spent.append((wall, client, len(batch)))
        redis_us = (self._redis_s() - before) / sum(n for _, _, n in spent) * 1e6
        return [
            Spent(wall / n * 1e6, client / n * 1e6, redis_us, wall * 1e6)
            for wall, client, n in spent
        ]

    def _redis_s(self) -> float:
        info: dict[str, Any] = self._client.info("cpu")
        return float(info["used_cpu_user"]) + float(info["used_cpu_sys"])

    def _next(self, ordinary: int, hot: int) -> EventBatch:
        """A fresh micro-batch: events of random entities, then some of the hot device."""
        n = ordinary + hot
        self._now_ms += 1000
        users, devices, addresses = self._rng.integers(0, max(self._size, 1), (3, n))
        devices[ordinary:] = _HOT
        return self._batch(users, devices, addresses, np.full(n, self._now_ms))

    def _batch(
        self,
        users: NDArray[np.int64],
        devices: NDArray[np.int64],
        addresses: NDArray[np.int64],
        time_ms: NDArray[np.int64],
    ) -> EventBatch:
        n = len(time_ms)
        ids = [f"ecommerce-0a1b2c3d-{self._made + i:012d}" for i in range(n)]
        self._made += n
        nobody: list[str | None] = [None] * n
        return EventBatch(
            profile=ECOMMERCE.name,
            event_id=ids,
            order_id=order_keys(ids),
            time_ms=time_ms,
            amount=self._rng.integers(1, 100, n) * 10_000,
            text={
                **dict.fromkeys(ECOMMERCE.text, nobody),
                "user_id": [f"user-{one}" for one in users.tolist()],
                "device_id": [f"device-{one}" for one in devices.tolist()],
                "ip_address": [f"ip-{one}" for one in addresses.tolist()],
            },
            number={name: np.full(n, np.nan) for name in ECOMMERCE.number},
        )

    def bytes_per_entity(self, history: int, entities: int = 10_000) -> dict[str, float]:
        """Memory that logs of ``history`` events take, appended one event at a time.

        Returns:
            ``used``: growth of Redis' memory for each; ``value``: what ``MEMORY USAGE`` says of
            one.
        """
        self._client.flushall()
        before = self._used_memory()
        entry = bytes(ENTRY_BYTES)
        keys = [self._state.key("device", f"device-{number}") for number in range(entities)]
        for _ in range(history):
            self._wire.execute([(b"APPEND", key, entry) for key in keys])
        self._wire.execute([(b"PEXPIRE", key, b"%d" % TTL_MS) for key in keys])
        return {
            "used": (self._used_memory() - before) / entities,
            "value": float(self._client.memory_usage(keys[0]) or 0),
        }

    def _used_memory(self) -> int:
        info: dict[str, Any] = self._client.info("memory")
        return int(info["used_memory"])


def _grown(content: bytes, events: int) -> list[bytes]:
    """The first entries in parts that leave Redis with the memory that single ones would.

    It doubles what it has at the 2nd, 5th, 11th, 23rd … entry.
    """
    last_doubling = 1
    while 2 * last_doubling + 1 <= events or last_doubling == 1 < events:
        last_doubling = 2 * last_doubling + 1 if last_doubling > 1 else 2
    ends = sorted({0, last_doubling - 1, last_doubling, events})
    return [content[begin * ENTRY_BYTES : end * ENTRY_BYTES] for begin, end in pairwise(ends)]


@contextmanager
def worlds(folder: Path, count: int) -> Iterator[tuple[World, ...]]:
    """So many servers of their own, side by side."""
    with ExitStack() as open_stacks:
        found = []
        for number in range(count):
            stack = LocalStack(folder / str(number), prometheus=False, kafka="not needed:0")
            open_stacks.callback(stack.down, wipe=True)
            found.append(World(stack.up().redis))
        yield tuple(found)
