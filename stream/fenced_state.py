"""The velocity state of a worker's partitions, and the proof that Redis has not lost some of it.

Promise: an event is given quantities only when every event before it that this worker's group has
committed, and every one that this worker has finished, stands in Redis. If Redis loses some, it is
noticed at the latest with the next step, the offsets in question are read again from the input
topic into state, and only then work goes on; nothing of that is scored or published.

1. Before partitions are first worked on, and after every broken connection, compare the marks in
   Redis (``features.fence``) with what is committed and what was finished here; restore what is
   missing (``stream.restore``).
2. Send the steps, each with a question for the marks behind it. A mark lower than it was when the
   step was sent, or another id, means that the step may have looked at logs without their past:
   take out again what it and the steps behind it have added, and begin anew at 1.
3. Write the marks of a step when it is finished, behind its entries.

Whatever fails on the way because Redis or Kafka is away is repeated from 1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.batch import EventBatch
from features.fence import Fence, Mark, Reading
from features.online import BegunStep, StateStep, VelocityState
from features.wire import Wire
from stream.horizon import NEVER, Horizon
from stream.input_log import InputLog
from stream.patience import Patience
from stream.restore import Gap, Restorer


@dataclass(frozen=True, slots=True)
class _Sent:
    """A step that was sent, the question for the marks behind it, what they must at least be."""

    begun: BegunStep
    asked: Any
    expected: Mapping[int, Mark]


@dataclass(slots=True)
class _Flight:
    """One batch on its way through the state.

    Attributes:
        marks: how far the state reaches with it.
        sent: None while it is not sent, or its replies are lost.
    """

    batch: EventBatch
    country: NDArray[np.int16]
    within: NDArray[np.bool_]
    marks: Mapping[int, Mark]
    sent: _Sent | None = None


class FencedState:
    """Used by one thread at a time, but for ``forget``.

    Args:
        wire: connection to Redis.
        state: over the same connection.
        fence_of: topic id → the fence of that state and topic.
        log: the input topic.
        restorer: puts offsets of it into state.
        patience: for calls to Redis and Kafka.
    """

    def __init__(
        self,
        wire: Wire,
        state: VelocityState,
        fence_of: Callable[[str], Fence],
        log: InputLog,
        restorer: Restorer,
        patience: Patience,
    ) -> None:
        self._wire = wire
        self._state = state
        self._fence_of = fence_of
        self._log = log
        self._restorer = restorer
        self._patience = patience
        self._horizon = Horizon()
        self._fence: Fence | None = None
        self._state_id: str | None = None
        self._expected: dict[int, Mark] = {}
        self._breaks = -1  # of the wire, when what is expected was last seen to be there
        self._flights: deque[_Flight] = deque()
        self._unsettled: Any = None
        self._forgotten = False

    def forget(self) -> None:
        """The partitions are another worker's now; may be called from any thread."""
        self._forgotten = True

    def abandon(self) -> None:
        """Forget the steps that were begun: their events will come again."""
        self._flights.clear()

    def prepare(self, partitions: Iterable[int]) -> None:
        """Make sure that the state of some partitions is whole; ``begin`` does it where need be.

        Raises:
            Abandoned: the worker is to stop, or has lost its partitions.
        """
        wanted = set(partitions)
        self._patience.call(lambda: self._make_sure(wanted))

    def begin(
        self,
        batch: EventBatch,
        country: NDArray[np.int16],
        partitions: NDArray[np.int64],
        next_offset: Mapping[int, int],
    ) -> None:
        """Put the events of a batch on their way into state.

        Args:
            batch: n events in the order in which they are to be remembered.
            country: their country codes, shape (n,).
            partitions: where they came from, shape (n,).
            next_offset: partition → offset up to which everything is in state with this batch.

        Raises:
            Abandoned: the worker is to stop, or has lost its partitions.
        """
        self.prepare(next_offset)
        # Asked once: it moves the horizon, and a repeated step must see the same.
        within = self._horizon.within(partitions.tolist(), batch.time_ms)
        marks = {
            partition: Mark(offset, self._horizon.newest(partition))
            for partition, offset in next_offset.items()
        }
        self._flights.append(_Flight(batch, country, within, marks))
        self._patience.call(self._send)

    def finish(self) -> tuple[StateStep, NDArray[np.bool_]]:
        """What the oldest step begun has found, and which of its events were not too late.

        Raises:
            Abandoned: the worker is to stop, or has lost its partitions.
        """
        while True:
            step = self._patience.call(self._finish)
            if step is not None:
                # Only now: a flight that ended in a call which is repeated would end twice.
                return step, self._flights.popleft().within

    # -- the steps of the promise ----------------------------------------------------------------

    def _make_sure(self, partitions: Iterable[int] = ()) -> Fence:
        if self._forgotten:
            self._forgotten = False
            self._expected.clear()
            self._horizon = Horizon()
            self._breaks = -1
        own = self._expected.keys() | set(partitions)
        if (
            self._fence is not None
            and self._breaks == self._wire.breaks
            and own == self._expected.keys()
        ):
            return self._fence
        for flight in self._flights:
            flight.sent = None
        self._unsettled = None
        self._breaks = -1
        breaks = self._wire.breaks
        fence = self._verify(own)
        self._breaks = breaks
        return fence

    def _verify(self, own: set[int]) -> Fence:
        """Compare the marks in Redis with what should be there; restore what is not."""
        fence = self._fence = self._fence or self._fence_of(self._log.topic_id())
        committed = self._log.committed()  # before the marks, which others move ahead of it
        state_id = fence.claim()
        everything = sorted(own | committed.keys())
        found = fence.read(everything).marks
        due = {one: max(committed.get(one, 0), self._due(one)) for one in everything}
        gaps = {
            one: Gap(found.get(one), due[one])
            for one in everything
            if due[one] > (found[one].offset if one in found else 0)
        }
        before = {one: mark.offset for one, mark in found.items()}
        newest = {}
        if gaps or state_id != self._state_id:
            # Steps that were sent in the meantime must not stand before what they come after: what
            # is restored, and the steps before them that are lost.
            for flight in self._flights:
                self._state.take_back(flight.batch, flight.country, flight.within)
        if gaps:

            def reached(marks: Mapping[int, Mark]) -> None:
                # A break on the way should cost little. The marks of others are theirs to write.
                mine = {one: mark for one, mark in marks.items() if one in own}
                fence.settle(fence.write(mine, before))
                before.update({one: mark.offset for one, mark in mine.items()})

            newest = self._restorer.restore(gaps, reached)
        for partition in own:
            mark = found.get(partition, Mark(0, NEVER))
            if partition in gaps:
                mark = Mark(due[partition], newest[partition])
            if partition not in self._expected:
                self._horizon.set(partition, mark.newest_ms)
            self._expected[partition] = mark
        fence.settle(fence.write({one: self._expected[one] for one in own}, before))
        self._state_id = state_id
        return fence

    def _due(self, partition: int) -> int:
        return self._expected[partition].offset if partition in self._expected else 0

    def _send(self) -> tuple[Fence, list[_Sent]]:
        fence = self._make_sure()
        for flight in self._flights:
            if flight.sent is None:
                expected = dict(self._expected)
                begun = self._state.begin(flight.batch, flight.country, flight.within)
                flight.sent = _Sent(begun, fence.ask(tuple(expected)), expected)
        self._wire.flush()
        return fence, [flight.sent for flight in self._flights if flight.sent is not None]

    def _finish(self) -> StateStep | None:
        """None: Redis has lost something, and the step is to be done again."""
        fence, sent = self._send()
        step = self._state.finish(sent[0].begun)
        reading = fence.answer(sent[0].asked, tuple(sent[0].expected))
        if not self._holds(reading, sent[0].expected):
            self._breaks = -1
            return None
        if self._unsettled is not None:
            fence.settle(self._unsettled)
        reached = {
            partition: max(mark, self._expected[partition], key=lambda one: one.offset)
            for partition, mark in self._flights[0].marks.items()
        }
        before = {one: self._expected[one].offset for one in reached}
        self._unsettled = fence.write(reached, before)
        self._wire.flush()  # marks that do not arrive look like something lost
        self._expected.update(reached)
        return step

    def _holds(self, reading: Reading, expected: Mapping[int, Mark]) -> bool:
        return reading.state_id == self._state_id and all(
            partition in reading.marks and reading.marks[partition].offset >= mark.offset
            for partition, mark in expected.items()
        )
