"""The consumer thread: fetching whole lists, fenced against rebalances. Runs in T."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaConnectionError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from stream.odd_headers import broken_at, read_plainly

#: How long the broker may hold a fetch that finds no data. While it does, a partition that has
#: just been emptied is not asked for.
FETCH_WAIT_MS = 25
#: Records taken out of aiokafka's buffer at once.
MAX_POLL_RECORDS = 8_192
#: Fewer records than that may be what came in long ago: aiokafka asks for more only when all it has
#: is taken, so the answer to the last request may have lain there since.
_FEW = 64
#: How long the answer to the next request is waited for in that case.
_FRESH_S = 0.002
_KEEP_ALIVE_S = 1.0
#: The longest pause between two attempts to find a broker at the start.
_LONGEST_PAUSE_S = 1.0
#: How long a commit may take before it is given up, to be made anew with the offsets of then: less
#: than whoever asked for it waits, so that there are never two.
_COMMIT_S = 4.5


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch brought.

    Attributes:
        records: partition → records in offset order.
        before: position of each partition asked for before its records were taken.
        after: position of each assigned partition afterwards.
        began: first position of each of these in this assignment.
        at_end: assigned partitions whose position has reached the high watermark.
        end: high watermark of the assigned partitions, as far as known.
    """

    records: Mapping[TP, list[Any]]
    before: Mapping[TP, int]
    after: Mapping[TP, int]
    began: Mapping[TP, int]
    at_end: set[TP]
    end: Mapping[TP, int]


class CountingListener(driver.ConsumerRebalanceListener):  # type: ignore[misc]
    """Counts the epoch before anybody else hears of a rebalance."""

    def on_partitions_revoked(self, revoked: Any) -> Any:
        """Called by aiokafka in T, synchronously, when a rebalance begins."""
        self._thread.epoch += 1
        return self._thread.then_end_commits(super().on_partitions_revoked(revoked))

    async def on_partitions_assigned(self, assigned: Any) -> None:
        """Called by aiokafka in T when the new assignment is known."""
        self._thread.epoch += 1
        await super().on_partitions_assigned(assigned)


class FetchThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """aiokafka's consumer with its own event loop."""

    epoch = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._commits: set[asyncio.Future[None]] = set()
        self._began: dict[TP, int] = {}
        self._began_in = -1
        super().__init__(*args, **kwargs)

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS  # Faust fixes 1500
        return consumer

    async def on_start(self) -> None:
        """Start the consumer, once there is a broker, and keep its poll clock running."""
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(KafkaConnectionError),
            wait=wait_exponential_jitter(initial=0.05, max=_LONGEST_PAUSE_S, jitter=0.1),
            stop=lambda _: self.should_stop,
            before_sleep=self._note_failure,
            reraise=True,
        )
        try:
            await attempts(super().on_start)
        except KafkaConnectionError:
            return  # told to stop before there was one
        self.app.on_connected()
        self.add_future(self._keep_poll_clock_running())

    async def _note_failure(self, attempt: RetryCallState) -> None:
        if attempt.outcome is not None:
            self.app.on_kafka_error(attempt.outcome.exception())
        await self._ensure_consumer().stop()  # each attempt makes its own

    async def _keep_poll_clock_running(self) -> None:
        """Not polling is our backpressure; aiokafka would leave the group for it and never return.

        That a worker makes progress is watched elsewhere.
        """
        while not self.should_stop:
            subscription = self._ensure_consumer()._subscription
            with subscription.fetch_context():
                pass
            await asyncio.sleep(_KEEP_ALIVE_S)

    async def fetch(self, partitions: set[TP], timeout: float) -> Fetched | None:
        """Called from M. None: nothing that may be used."""
        fetched: Fetched | None = await self.call_thread(
            self._fetch, self._ensure_consumer(), partitions, timeout
        )
        return fetched

    async def _fetch(
        self, consumer: AIOKafkaConsumer, partitions: set[TP], timeout: float
    ) -> Fetched | None:
        epoch = self.epoch
        if not self.consumer.flow_active:
            return None
        if consumer._closed or consumer._fetcher._closed:
            raise ConsumerStoppedError
        consumer._coordinator.check_errors()  # Faust never asks
        before = self._positions(consumer, partitions)
        lain = bool(consumer._fetcher._records)
        records = self._onward(consumer, before, await self._take(consumer, partitions, timeout))
        if lain and self._is_live(epoch) and sum(map(len, records.values())) < _FEW:
            due = before | {tp: found[-1].offset + 1 for tp, found in records.items()}
            more = await self._take(consumer, partitions, _FRESH_S)
            for tp, found in self._onward(consumer, due, more).items():
                records.setdefault(tp, []).extend(found)
        if not self._is_live(epoch):
            if epoch == self.epoch:
                self._put_back(consumer, records)
            return None
        after = self._positions(consumer, consumer.assignment())
        for tp in partitions - before.keys():  # it got its position on the way
            if records.get(tp):
                before[tp] = records[tp][0].offset  # even if it has lost its position again
            elif tp in after:
                before[tp] = after[tp]
        for tp, position in before.items():
            reached = records[tp][-1].offset + 1 if records.get(tp) else position
            after[tp] = max(after.get(tp, 0), reached)  # it may have been reset, or be none
        if self._began_in != epoch:
            self._began, self._began_in = {}, epoch
        for tp, position in before.items():
            self._began.setdefault(tp, position)
        highwater = {tp: consumer.highwater(tp) for tp in after}
        end = {tp: offset for tp, offset in highwater.items() if offset is not None}
        return Fetched(
            records={TP(tp.topic, tp.partition): fetched for tp, fetched in records.items()},
            before=before,
            after=after,
            began=dict(self._began),
            at_end={tp for tp, offset in end.items() if after[tp] >= offset},
            end=end,
        )

    def _onward(
        self,
        consumer: AIOKafkaConsumer,
        due: Mapping[TP, int],
        records: dict[TopicPartition, list[Any]],
    ) -> dict[TopicPartition, list[Any]]:
        """Records without those that lie before what was due.

        aiokafka resets a position that the broker says is outside of the log, at any time, also
        while records are waited for. What comes then is put back, for the next fetch to notice.
        """
        astray = {tp for tp, found in records.items() if found[0].offset < due.get(tp, 0)}
        self._put_back(consumer, {tp: records.pop(tp) for tp in astray})
        return records

    def _is_live(self, epoch: int) -> bool:
        return bool(epoch == self.epoch and self.consumer.flow_active)

    async def _take(
        self, consumer: AIOKafkaConsumer, partitions: set[TP], timeout: float
    ) -> dict[TopicPartition, list[Any]]:
        """Records from the present positions on; none where a rebalance came in between."""
        epoch = self.epoch
        before = self._positions(consumer, partitions)
        records: dict[TopicPartition, list[Any]]
        with consumer._subscription.fetch_context():
            try:
                records = await consumer._fetcher.fetched_records(
                    partitions, timeout=timeout, max_records=MAX_POLL_RECORDS
                )
            except UnicodeDecodeError:
                records = await self._read_odd_headers(consumer, before)
        if self._is_live(epoch):
            return records
        # The wait went through a rebalance: these may be the first records of the next assignment,
        # and the position is already behind them.
        self._put_back(consumer, records)
        return {}

    @staticmethod
    def _put_back(consumer: AIOKafkaConsumer, records: Mapping[Any, list[Any]]) -> None:
        for tp, fetched in records.items():
            if consumer._subscription.is_assigned(tp):
                consumer.seek(tp, fetched[0].offset)

    async def read_again(self, tp: TP, expected: int, position: int, live_epoch: int) -> int:
        """Called from M when the consumer is at ``position`` where ``expected`` was due.

        Returns:
            The offset from which on records come now: ``expected``, or where the log begins, if
            retention has deleted that. If it is ``position``, there is nothing to be read again,
            as when the log has lost its end and the consumer was sent back.
        """
        at: int = await self.call_thread(self._read_again, tp, expected, position, live_epoch)
        return at

    async def _read_again(self, tp: TP, expected: int, position: int, live_epoch: int) -> int:
        consumer = self._ensure_consumer()
        plain = TopicPartition(tp.topic, tp.partition)
        begins = await consumer.beginning_offsets([plain])
        ends = await consumer.end_offsets([plain])
        at: int = position if expected > ends[plain] else max(expected, begins[plain])
        if at != position and self._is_live(live_epoch) and plain in consumer.assignment():
            consumer.seek(plain, at)
        return at

    async def _read_odd_headers(
        self, consumer: AIOKafkaConsumer, before: Mapping[TP, int]
    ) -> dict[TP, list[Any]]:
        """Records of the partitions where aiokafka met one that it cannot decode.

        What it took out of the others before it did is lost with the exception: all go back.
        """
        epoch = self.epoch
        buffered = dict(consumer._fetcher._records)
        for tp, offset in before.items():
            consumer.seek(TopicPartition(tp.topic, tp.partition), offset)
        records: dict[TP, list[Any]] = {}
        for tp, begin in before.items():
            plain = TopicPartition(tp.topic, tp.partition)
            odd = broken_at(buffered.get(plain))
            if odd is None:
                continue
            end = consumer.highwater(plain) or odd + 1
            found = await asyncio.to_thread(
                read_plainly, self.transport.app.settings, tp.topic, tp.partition, begin, odd, end
            )
            if epoch != self.epoch:
                return {}  # nothing moved: positions start from what was committed
            if found:
                records[tp] = found
                consumer.seek(plain, found[-1].offset + 1)
        return records

    @staticmethod
    def _positions(consumer: AIOKafkaConsumer, partitions: Any) -> dict[TP, int]:
        subscription = consumer._subscription.subscription
        assignment = None if subscription is None else subscription.assignment
        positions = {}
        for tp in partitions:
            plain = TopicPartition(tp.topic, tp.partition)
            if assignment is None or plain not in assignment.tps:
                continue
            state = assignment.state_value(plain)
            if state is not None and state.has_valid_position:
                positions[TP(tp.topic, tp.partition)] = state.position
        return positions

    async def commit_in_epoch(self, offsets: Mapping[TP, int], live_epoch: int) -> bool:
        """Called from M. False when the partitions have since been assigned anew."""
        done: bool = await self.call_thread(self._commit_in_epoch, offsets, live_epoch)
        return done

    async def _commit_in_epoch(self, offsets: Mapping[TP, int], live_epoch: int) -> bool:
        # One more than the live epoch: the revocation waits for exactly this commit.
        if self.epoch not in (live_epoch, live_epoch + 1):
            return False
        consumer = self._ensure_consumer()
        assigned = consumer.assignment()
        mine = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, "")
            for tp, offset in offsets.items()
            if tp in assigned
        }
        if len(mine) != len(offsets):
            return False
        commit = asyncio.ensure_future(consumer.commit(mine))
        self._commits.add(commit)
        try:
            await asyncio.wait({commit}, timeout=_COMMIT_S)
            if not commit.done():
                raise TimeoutError
            return not commit.cancelled() and commit.result() is None
        finally:
            self._commits.discard(commit)
            commit.cancel()

    async def then_end_commits(self, revocation: Awaitable[None]) -> None:
        """Let a revocation come to its end, and no commit outlive it.

        aiokafka repeats one until the broker takes it, each time in the name of the generation that
        it is in by then: it would move the offset of another member back.
        """
        try:
            await revocation
        finally:
            for commit in list(self._commits):
                commit.cancel()
