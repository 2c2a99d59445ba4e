"""A Faust transport that hands whole merged batches to one agent.

Promise: an offset is committed only when every event before it in its partition is finished, and
every event is handed out at least once: whatever a rebalance, a failed commit or a fetch that
slept through either throws away is read again from the committed offset.

Stock Faust makes four tasks and an offset list entry of every message, which costs more than
scoring it. Here a fetched list is decoded at once, merged with those of the other partitions
(``stream.merge``) and given to the agent as one Faust event, with one position per partition
(``stream.positions``). Group membership, rebalancing, pausing, sensors, ``faust`` commands and the
web server are Faust's own.

Two threads: T runs aiokafka, its heartbeats and the rebalance listener; M runs everything else.
``epoch`` counts in T every revocation and every assignment, so that each side can tell what
belongs to the assignment that is live.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from typing import Any

import faust
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from stream.fetching import FETCH_WAIT_MS, CountingListener, Fetched, FetchThread
from stream.merge import Merger
from stream.positions import Batch, Positions

#: Batches handed to the agent and not finished: one whose outcomes the broker is to acknowledge,
#: one being scored, one at its state, one waiting for its turn.
MAX_OUTSTANDING = 4
#: Rows buffered per partition before no more are asked for.
MAX_BUFFERED = 16_384
#: And bytes, since an event may be a thousand times as large as another.
MAX_BUFFERED_BYTES = 32 << 20
#: How long rows may wait in the consumer's buffer while a batch is worked on or waits for its turn,
#: if none is finished before: each fetch takes the interpreter away from the batch in work, and at
#: low rates the next batch is the better for it: fetched when there is time for it, it has all that
#: came in until then.
_NO_HURRY_S = 0.012
#: How long a revocation or a stop waits for the batch in work.
DRAIN_S = 8.0
COMMIT_TIMEOUT_S = 5.0


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """Merges, hands out and commits batches. Runs in M except where said otherwise."""

    RebalanceListener = CountingListener
    _thread: FetchThread

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._merger: Merger[TP] = Merger()
        self._positions: Positions[TP] = Positions()
        self._live_epoch = -1
        self._expected: dict[TP, int] = {}
        self._unprepared = False
        self._progress = asyncio.Event()
        super().__init__(*args, **kwargs)

    def _new_consumer_thread(self) -> FetchThread:
        return FetchThread(self, loop=self.loop, beacon=self.beacon)

    # -- handing out ---------------------------------------------------------------------------

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Yield at most one merged batch, as one message of one of its partitions."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        if self._unprepared and self.flow_active:
            self._unprepared = False
            self.app.prepare_partitions(self._get_active_partitions())
        if self.should_stop:
            return
        if not self._has_room():
            await self._progress_within(timeout)
            return
        epoch = self._live_epoch
        if not self._merger.ready(1):
            if self._positions.last is not None and self._positions.last.has_room:
                await self._progress_within(_NO_HURRY_S)
            await self._fetch(epoch, timeout)
        batch = self._take(epoch)
        if batch is not None and self.is_live(batch):
            self._positions.hand_out(batch)
            yield self._message(batch)

    def _has_room(self) -> bool:
        last = self._positions.last
        return self._positions.outstanding < MAX_OUTSTANDING or (last is not None and last.has_room)

    async def _progress_within(self, seconds: float) -> None:
        """Until a batch is finished, or the time is up."""
        self._progress.clear()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._progress.wait(), seconds)

    def _take(self, epoch: int) -> Batch[TP] | None:
        """Put what is ready into the batch that waits for its turn, or else into a new one."""
        if not self.flow_active or epoch != self._live_epoch:
            return None
        last = self._positions.last
        if last is not None and last.epoch == epoch:
            last.grow(self._merger.take)
        if self._positions.outstanding >= MAX_OUTSTANDING:
            return None
        limit = self.app.batch_max
        merged = self._merger.take(limit)
        return None if merged is None else Batch(merged.items, merged.next_offset, epoch, limit)

    async def _fetch(self, epoch: int, timeout: float) -> None:
        wanted = {
            tp
            for tp in self._get_active_partitions()
            if self._merger.buffered(tp) < MAX_BUFFERED
            and self._merger.buffered_bytes(tp) < MAX_BUFFERED_BYTES
        }
        if not wanted:
            await self.sleep(0.05)
            return
        if self._merger.waiting:
            # For partitions that are behind their end, as far as known: the broker says at least so
            # often where it is, but only data ends the wait.
            timeout = min(timeout, FETCH_WAIT_MS / 1000)
        fetched: Fetched | None = await self._thread.fetch(wanted, timeout)
        if fetched is None or epoch != self._live_epoch or not self.flow_active:
            return  # positions go back to the committed offsets before the flow resumes
        broken = {
            tp
            for tp, position in fetched.before.items()
            if position != self._expected.setdefault(tp, fetched.began[tp])
            and not await self._is_continuous(tp, position, epoch)
        }
        if epoch != self._live_epoch:
            return
        self._expected |= {tp: fetched.after[tp] for tp in fetched.before if tp not in broken}
        usable = {tp: found for tp, found in fetched.records.items() if tp not in broken}
        if usable:
            for tp, rows in self.app.decode_records(usable).items():
                size = sum(len(record.value or b"") for record in usable[tp])
                self._merger.add(tp, rows, size)
        for tp in fetched.end:
            self._merger.set_idle(tp, tp in fetched.at_end)
        self.app.note_end_offsets(fetched.end, self._expected)

    async def _is_continuous(self, tp: TP, position: int, epoch: int) -> bool:
        """Whether a position is right though not as expected. If not, it goes back to what was."""
        expected = self._expected[tp]
        try:
            at = await self._thread.read_again(tp, expected, position, epoch)
        except KafkaError as error:  # the next fetch is behind ``expected`` too, and tries again
            self.app.on_kafka_error(error)
            return False
        self.app.on_kafka_answer()
        if epoch != self._live_epoch:
            return False
        self._expected[tp] = at
        if at > expected:
            self.log.error("%s: offsets %s to %s are no longer in the log", tp, expected, at - 1)
        elif at < expected:
            self.log.error("%s: the log ends before offset %s, reading on at %s", tp, expected, at)
        if at == position:
            return True
        self.app.on_discontinuity()
        self.log.warning("%s: at offset %s, expected %s; reading again", tp, position, at)
        return False

    def _message(self, batch: Batch[TP]) -> tuple[TP, ConsumerMessage]:
        tp, offset = next(iter(batch.next_offset.items()))
        message = ConsumerMessage(
            tp.topic, tp.partition, offset - 1, time.time(), 0, [], None, batch, None, 0, 0, tp,
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip
        return tp, message

    def is_live(self, batch: Batch[TP]) -> bool:
        """Whether the batch may be worked on: same assignment, and no revocation under way."""
        return batch.epoch == self._live_epoch == self._thread.epoch and self.flow_active

    # -- finishing and committing ---------------------------------------------------------------

    def ack(self, message: ConsumerMessage) -> bool:
        """Note that the message's batch is finished."""
        if message.acked:
            return False
        message.acked = True
        self._unacked_messages.discard(message)
        known = self._positions.finish(message.value)
        self._progress.set()
        return known

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:
        for tp in list(self._positions.done):
            if topics is None or tp in topics or tp.topic in topics:
                yield tp

    def _new_offset(self, tp: TP) -> int | None:
        return self._positions.done.get(tp)

    async def _commit_offsets(
        self, offsets: Mapping[TP, int], start_new_transaction: bool = True
    ) -> bool:
        before = {tp: self._committed_offset[tp] for tp in offsets}
        committed: bool = await super()._commit_offsets(offsets, start_new_transaction)
        if not committed:  # stock Faust believes in a failed commit and would never try it again
            self._committed_offset.update(before)
        return committed

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit, or return False: the timer tries again."""
        started = time.perf_counter()
        try:
            committed = await asyncio.wait_for(
                self._thread.commit_in_epoch(offsets, self._live_epoch), COMMIT_TIMEOUT_S
            )
            if committed:
                self.app.on_committed(time.perf_counter() - started)
            return bool(committed)
        except (CommitFailedError, IllegalStateError) as error:
            self.log.info("commit refused, the events are read again: %s", type(error).__name__)
        except (KafkaError, TimeoutError) as error:
            self.app.on_kafka_error(error)
        return False

    # -- rebalancing and stopping ---------------------------------------------------------------

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stop taking, let the batch in work finish, commit what is complete, forget the rest."""
        self.stop_flow()
        await self._drain()
        await self.commit()
        self._forget()
        self.app.on_rebalance_counted()
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Start over with what is assigned now."""
        self._forget()
        self._merger.assign(sorted(assigned))
        self._live_epoch = self._thread.epoch
        self._unprepared = True
        self.app.on_kafka_answer()
        await super().on_partitions_assigned(assigned, generation_id)

    def _forget(self) -> None:
        self._positions.forget()
        self._merger.assign([])
        self._expected.clear()
        self._progress.set()
        self.app.forget_partitions()

    async def _drain(self) -> None:
        deadline = time.monotonic() + DRAIN_S
        while self._positions.in_work and time.monotonic() < deadline:
            await self._progress_within(0.25)

    async def wait_empty(self) -> None:
        """Wait, for a bounded time, for the batch in work; then commit what is complete."""
        await self._drain()
        await self.commit()
        # A commit that was already under way when the last batch finished did not include it.
        await self.commit_and_end_transactions()

    async def perform_seek(self) -> None:
        """Go back to the committed offsets, and expect to read on from there."""
        await super().perform_seek()
        self._expected = {
            tp: offset for tp, offset in self._committed_offset.items() if offset is not None
        }

    # -- what stock Faust keeps per message and this has no use for -------------------------------

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Offsets inside a batch are no gap."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """``stream.watchdog`` sees a consumer that hangs; Faust's own look ends the worker where
        aiokafka is just resetting a position."""

    def on_buffer_full(self, tp: TP) -> None:
        """Backpressure is the number of outstanding batches."""


class BatchTransport(driver.Transport):  # type: ignore[misc]
    """``batch://host:port``: Kafka through aiokafka, in batches."""

    Consumer = BatchConsumer


def register() -> None:
    """Make ``batch://`` known to Faust."""
    aliases = faust.transport.drivers.TRANSPORTS.aliases
    aliases["batch"] = f"{BatchTransport.__module__}:{BatchTransport.__qualname__}"
