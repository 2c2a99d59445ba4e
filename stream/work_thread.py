"""The thread that works on batches, one after another, each begun before the one before is done.

Beside the event loops of Faust and of its consumer there is this thread. It is handed batches, and
says when one is finished. A batch that waits may still grow, hence when it is begun decides how
large it gets: at once where nothing is in work, so that at low rates nobody waits; beside the one
before only when it is full, or has waited long enough. That one is completed in the meantime.
"""

from __future__ import annotations

import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from stream.pipeline import Pipeline
from stream.positions import Batch
from stream.publish import Abandoned

_log = logging.getLogger(__name__)

EXIT_BROKEN = 70  #: process exit code when the work met an error it has no answer to
#: Batches begun at the same time: one at its state, one at everything else.
_AT_ONCE = 2
#: How long to wait for acknowledgements before looking for the next batch.
_CONFIRM_S = 0.001


@dataclass(frozen=True, slots=True)
class Work:
    """A batch, and what to call when it is finished."""

    batch: Batch[Any]
    finished: Callable[[], None]


class WorkThread(threading.Thread):
    """Takes batches to their confirmed outcomes.

    Args:
        pipeline: does the work; used by this thread only.
        is_live: whether a batch is still the worker's to work on.
        wait_s: how long a batch that is not full waits for the one before.
    """

    def __init__(
        self, pipeline: Pipeline, is_live: Callable[[Batch[Any]], bool], wait_s: float
    ) -> None:
        super().__init__(name="work", daemon=True)
        self._pipeline = pipeline
        self._is_live = is_live
        self._wait_s = wait_s
        self._tasks: queue.SimpleQueue[Work | frozenset[int]] = queue.SimpleQueue()
        self._waiting: deque[Work | frozenset[int]] = deque()
        self._underway: deque[Work] = deque()

    def submit(self, batch: Batch[Any], finished: Callable[[], None]) -> None:
        """Work on a batch after those before; ``finished`` is called from this thread."""
        self._tasks.put(Work(batch, finished))

    def prepare(self, partitions: Iterable[int]) -> None:
        """See to the state of these partitions before anything else is submitted."""
        self._tasks.put(frozenset(partitions))

    def run(self) -> None:
        """Until the process ends."""
        while True:
            try:
                if not (self._underway or self._waiting):
                    self._waiting.append(self._tasks.get())
                self._go_on()
            except Abandoned:
                self._give_up()
            except Exception:
                _log.critical("cannot go on, the batch will be read again", exc_info=True)
                logging.shutdown()
                os._exit(EXIT_BROKEN)

    def _go_on(self) -> None:
        while not self._tasks.empty():
            self._waiting.append(self._tasks.get())
        while self._waiting and self._is_due(self._waiting[0]):
            self._take_up(self._waiting.popleft())
        if self._pipeline.begun:
            self._finish(self._pipeline.complete())
        else:
            self._finish(self._pipeline.confirm(_CONFIRM_S))

    def _is_due(self, task: Work | frozenset[int]) -> bool:
        if isinstance(task, frozenset) or not self._pipeline.begun:
            return True
        batch = task.batch
        waited = time.monotonic() - batch.opened_at
        return self._pipeline.begun < _AT_ONCE and (not batch.has_room or waited > self._wait_s)

    def _take_up(self, task: Work | frozenset[int]) -> None:
        if isinstance(task, frozenset):
            self._pipeline.prepare(task)
            return
        task.batch.start()
        if not self._is_live(task.batch):  # its partitions are another's, who reads it again
            task.batch.started = False
            return
        self._underway.append(task)
        self._pipeline.begin(task.batch.items, task)

    def _finish(self, confirmed: list[Work]) -> None:
        for work in confirmed:
            self._underway.remove(work)
            work.finished()

    def _give_up(self) -> None:
        """What was begun will be read again; nobody needs to wait for it."""
        self._pipeline.abandon()
        for work in self._underway:
            work.batch.started = False
        self._underway.clear()
