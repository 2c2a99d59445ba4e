"""A worker whose parts go wrong on purpose.

What seldom happens at the wrong moment is done here again and again.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from pathlib import Path
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import Fetcher, OffsetResetStrategy

from stream.fetching import Fetched, FetchThread
from stream.pipeline import Pipeline


def work_poorly(
    pace: float = 0.0,
    loses: float = 0.0,
    late_s: float = 0.0,
    resets: float = 0.0,
    hangs_in: str = "",
    after: int = 0,
    starts_with: str = "",
) -> None:
    """Change how this process works.

    Args:
        pace: events per second that it does not exceed.
        loses: probability that what was fetched does not arrive, though the position has moved.
        late_s: every second look at the fetched records comes so much later than it was asked for:
            whatever happens to the assignment in the meantime, happens under a waiting fetch.
        resets: probability that under a fetch a partition's position is taken for being outside of
            the log, and reset to its beginning.
        hangs_in: ``fetch`` or ``complete``: the step of the consumer or of the work thread that one
            day does not return, and holds its thread for ever.
        after: how often it does before.
        starts_with: path of a file: until it is there the consumer does not look for its broker.
    """
    if pace:
        _take_time(pace)
    if loses:
        _lose(loses)
    if late_s:
        _be_late(late_s)
    if resets:
        _reset(resets)
    if hangs_in:
        _hang(
            *{"fetch": (FetchThread, "_fetch"), "complete": (Pipeline, "complete")}[hangs_in], after
        )
    if starts_with:
        _start_with(Path(starts_with))


def _take_time(pace: float) -> None:
    complete = Pipeline.complete

    def slow(self: Pipeline) -> list[Any]:
        time.sleep(len(self._begun[0].batch) / pace)
        return complete(self)

    Pipeline.complete = slow  # type: ignore[method-assign]


def _lose(probability: float) -> None:
    fetch = FetchThread._fetch

    async def lossy(self: FetchThread, *args: Any) -> Fetched | None:
        fetched = await fetch(self, *args)
        if fetched is not None and fetched.records and random.random() < probability:
            _say("lost")
            return None
        return fetched

    FetchThread._fetch = lossy  # type: ignore[method-assign,assignment]


def _be_late(seconds: float) -> None:
    take, put_back = Fetcher.fetched_records, FetchThread._put_back

    async def late(self: Fetcher, *args: Any, **named: Any) -> Any:
        if random.random() < 0.5:
            await asyncio.sleep(seconds)
        return await take(self, *args, **named)

    def telling(consumer: Any, records: Any) -> None:
        if records:
            _say("put back")
        put_back(consumer, records)

    Fetcher.fetched_records = late
    FetchThread._put_back = staticmethod(telling)  # type: ignore[method-assign]


def _reset(probability: float) -> None:
    take = FetchThread._take

    async def resetting(self: FetchThread, consumer: Any, partitions: Any, wait_s: float) -> Any:
        records = await take(self, consumer, partitions, wait_s)
        assignment = consumer._subscription.subscription.assignment
        for tp in partitions:
            plain = TopicPartition(tp.topic, tp.partition)
            if plain in assignment.tps and random.random() < probability:
                consumer._fetcher.request_offset_reset([plain], OffsetResetStrategy.EARLIEST)
                _say("reset")
                if random.random() < 0.5:  # time for it to be done
                    await asyncio.sleep(0.05)
        return records

    FetchThread._take = resetting  # type: ignore[method-assign,assignment]


def _hang(of: type, name: str, after: int) -> None:
    step, times = getattr(of, name), 0

    def hanging(*args: Any) -> Any:
        nonlocal times
        times += 1
        if times > after:
            _say(f"{name} hangs")
            time.sleep(1e6)
        return step(*args)

    setattr(of, name, hanging)


def _start_with(signal: Path) -> None:
    start = FetchThread.on_start

    async def waiting(self: FetchThread) -> None:
        _say("waits")
        while not signal.exists():
            await asyncio.sleep(0.05)
        await start(self)

    FetchThread.on_start = waiting  # type: ignore[method-assign]


def _say(what: str) -> None:
    sys.stderr.write(f"on purpose: {what}\n")
