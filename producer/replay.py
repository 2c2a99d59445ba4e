"""Sending a plan to Kafka: paced, resumable, each record exactly once.

Promise: when ``replay`` returns with ``complete``, the broker has acknowledged every record of the
plan, in order within each partition; when it ends in any other way, the checkpoint lets the same
replay go on without a gap and without a repeat.

1. Compare the checkpoint with the topics and read back what came in behind it
   (``producer.resume``).
2. For each chunk: wait until records are due, hand them over, leave out those already there.
3. Every few seconds: wait for all acknowledgements, write a checkpoint.
4. At the end, or when asked to stop: the same once more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import BrokerError
from core.kafka_admin import KafkaAdmin
from core.names import Topics
from core.settings import Settings
from producer.checkpoint import Checkpoint, write_checkpoint
from producer.pacing import Pace
from producer.plan import Chunk, Plan
from producer.resume import take_up
from producer.sender import Failure, Sender

CHECKPOINT_S = 2.0
GIVE_UP_S = 120.0
#: How long a stopped replay waits for what is under way.
STOP_S = 10.0

_TICK_S = 0.1
#: How often the last checkpoint is tried: the broker may be just back from an outage.
_LAST_MARKS = 3
#: Records handed over between two looks at the clock when all are due.
_BURST = 512


class End(StrEnum):
    """Why a replay ended."""

    COMPLETE = "complete"
    STOPPED = "stopped"
    FUTURE = "future"  #: the next lap would lie in the future


@dataclass(slots=True)
class Progress:
    """How far a replay is.

    Attributes:
        position: records of the plan dealt with (handed over, or found in the topic).
        events: events among them, over all runs of the same replay.
        labels: labels sent by this run.
        sent: events sent by this run.
        already_there: records left out because the topic held them.
        failed: records refused for good.
        failures: the first of them.
        seconds: time since the first record of this run.
        last_ms: event time reached.
        confirmed: everything before ``position`` is acknowledged, and the checkpoint says so.
        end: why it ended.
    """

    position: int = 0
    events: int = 0
    labels: int = 0
    sent: int = 0
    already_there: int = 0
    failed: int = 0
    failures: list[Failure] = field(default_factory=list)
    seconds: float = 0.0
    last_ms: int | None = None
    confirmed: bool = False
    end: End = End.COMPLETE


class Watcher(Protocol):
    """Shows a replay to somebody."""

    def progress(self, progress: Progress) -> None:
        """Called a few times a second."""

    def notice(self, text: str) -> None:
        """One line that matters now."""


@dataclass(frozen=True, slots=True)
class Job:
    """Everything one run of a replay needs.

    Attributes:
        settings: where and how to connect; its namespace names the topics.
        plan: what to send, shifted where it is to be.
        pace: when.
        path: the checkpoint's file.
        checkpoint: where to begin; its offsets may be empty, for "from now on".
        patience_s: how long an outage is waited out.
    """

    settings: Settings
    plan: Plan
    pace: Pace
    path: Path
    checkpoint: Checkpoint
    patience_s: float = GIVE_UP_S

    def topics(self) -> list[str]:
        """Names of the topics the plan writes to: events, then labels."""
        topics = Topics(self.settings.namespace)
        names = [topics.transactions(self.plan.batch.profile).name]
        return names if self.plan.label_delay_ms is None else [*names, topics.labels.name]


def replay(
    job: Job,
    watcher: Watcher,
    stopping: Callable[[], bool],
    *,
    clock: Callable[[], float] = time.monotonic,
    now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
) -> Progress:
    """Send the records of ``job`` from its checkpoint on.

    Args:
        job: what, when, where; its topics exist.
        watcher: is told how it goes.
        stopping: asked several times a second; True ends the replay in good order.
        clock: seconds, monotonic.
        now_ms: the present, milliseconds since 1970 UTC; laps do not run past it.

    Raises:
        BrokerError: an outage outlasted ``patience_s``.
        ConfigError: the checkpoint does not fit the topics.
    """
    sender = Sender(
        job.settings,
        stopping=stopping,
        notice=watcher.notice,
        patience_s=job.patience_s,
        clock=clock,
    )
    try:
        run = _Run(job, sender, watcher, stopping=stopping, clock=clock, now_ms=now_ms)
        return run.to_the_end()
    finally:
        sender.close()


class _Run:
    def __init__(
        self,
        job: Job,
        sender: Sender,
        watcher: Watcher,
        *,
        stopping: Callable[[], bool],
        clock: Callable[[], float],
        now_ms: Callable[[], int],
    ) -> None:
        self._job = job
        self._sender = sender
        self._watcher = watcher
        self._stopping = stopping
        self._clock = clock
        self._now_ms = now_ms
        self._admin = KafkaAdmin(job.settings)
        self._topics = job.topics()
        counts = self._admin.partitions()
        self._counts = {name: counts[name] for name in self._topics}
        self._checkpoint, self._there = take_up(
            job.settings, self._admin, self._counts, job.checkpoint, job.patience_s
        )
        write_checkpoint(job.path, self._checkpoint)
        self._state = Progress(position=self._checkpoint.position, events=self._checkpoint.events)
        self._started = self._marked = self._shown = clock()

    def to_the_end(self) -> Progress:
        """Steps 2 to 4."""
        state = self._state
        pace: Pace | None = None
        for chunk in self._job.plan.chunks(state.position):
            if pace is None:
                pace = self._job.pace.starting_at(int(chunk.event_number[0]), int(chunk.time_ms[0]))
            due = pace.due_s(chunk.event_number, chunk.time_ms)
            if not self._send_chunk(chunk, due):
                break
        self._finish()
        return state

    def _send_chunk(self, chunk: Chunk, due: NDArray[np.float64]) -> bool:
        """Step 2 for one chunk; False when the replay is to end before it is through."""
        low = 0
        while low < len(chunk):
            if self._stopping():
                self._state.end = End.STOPPED
                return False
            elapsed = self._clock() - self._started
            high = int(np.searchsorted(due, elapsed, side="right"))
            if high <= low:
                self._sender.wait(min(max(float(due[low]) - elapsed, 0.001), _TICK_S))
                self._tend()
                continue
            high = min(high, low + _BURST)
            if self._job.plan.loops and self._in_future(chunk, low, high):
                self._state.end = End.FUTURE
                return False
            low += self._hand_over(chunk, low, high)
            self._tend()
        return True

    def _in_future(self, chunk: Chunk, low: int, high: int) -> bool:
        """Whether workers would refuse the latest of these events for its time."""
        limit = self._now_ms() + self._job.settings.max_future_s * 1000
        late = chunk.time_ms[low:high] > limit
        return any(not chunk.is_label[low + i] for i in np.flatnonzero(late).tolist())

    def _hand_over(self, chunk: Chunk, low: int, high: int) -> int:
        """Send records ``low`` to ``high``; how many were dealt with before a stop."""
        state, sender, there = self._state, self._sender, self._there
        events_topic, labels_topic = self._topics[0], self._topics[-1]
        done = low
        for done in range(low, high):
            is_label = chunk.is_label[done]
            topic = labels_topic if is_label else events_topic
            event_id = chunk.ids[done]
            if there and (topic, event_id) in there:
                there[topic, event_id] -= 1
                if not there[topic, event_id]:
                    del there[topic, event_id]
                state.already_there += 1
            elif not sender.send(topic, chunk.keys[done], chunk.values[done], event_id):
                break
            elif is_label:
                state.labels += 1
            else:
                state.sent += 1
            state.events += not is_label
        else:
            done = high
        if done > low:
            state.position = chunk.position + done
            state.last_ms = int(chunk.time_ms[done - 1])
        return done - low

    def _tend(self) -> None:
        """Show how it goes, and from time to time write a checkpoint."""
        now = self._clock()
        if now - self._shown >= _TICK_S:
            self._shown = now
            self._sender.wait(0)
            self._show(now)
        if now - self._marked >= CHECKPOINT_S:
            self._mark(within_s=None)
            self._marked = self._clock()

    def _show(self, now: float) -> None:
        self._state.seconds = now - self._started
        self._state.failed = self._sender.failed
        self._state.failures = self._sender.failures
        self._watcher.progress(self._state)

    def _mark(self, within_s: float | None, *, done: bool = False) -> bool:
        """Step 3; False when not everything is acknowledged."""
        state = self._state
        if not self._sender.confirm(within_s) or self._sender.failed:
            # A refused record stays behind the checkpoint, so that --resume tries it again.
            return False
        if state.position == self._checkpoint.position and done == self._checkpoint.done:
            return True
        try:
            offsets = self._checkpoint.offsets
            if not self._there:
                offsets = self._admin.offsets(self._counts, end=True)
        except BrokerError:
            return False  # went away just now; the sender's patience decides what comes of it
        self._checkpoint = self._checkpoint.at(state.position, state.events, offsets, done=done)
        write_checkpoint(self._job.path, self._checkpoint)
        return True

    def _finish(self) -> None:
        """Step 4."""
        state = self._state
        complete = state.end is End.COMPLETE
        for _ in range(_LAST_MARKS):
            state.confirmed = self._mark(None if complete else STOP_S, done=complete)
            if state.confirmed or self._sender.failed:
                break
            if complete and self._stopping():
                complete, state.end = False, End.STOPPED
        self._show(self._clock())
