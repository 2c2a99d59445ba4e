"""When a batch is begun: at once, or beside the one before where it is full or has waited."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, cast

import pytest

from stream.pipeline import Pipeline
from stream.positions import Batch
from stream.work_thread import WorkThread

_SOON_S = 5.0


class SlowPipeline:
    """Begins at once, and completes what it has begun when it is told to."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.go = threading.Semaphore(0)
        self._begun: deque[Any] = deque()
        self._sent: list[Any] = []

    @property
    def begun(self) -> int:
        return len(self._begun)

    def begin(self, items: list[Any], token: Any) -> None:
        self.log.append(f"begin {items}")
        self._begun.append(token)

    def complete(self) -> list[Any]:
        self.log.append("completing")
        assert self.go.acquire(timeout=_SOON_S)
        confirmed, self._sent = self._sent, [self._begun.popleft()]
        return confirmed

    def confirm(self, timeout_s: float | None = None) -> list[Any]:
        confirmed, self._sent = self._sent, []
        return confirmed

    def await_entries(self, count: int) -> list[str]:
        deadline = time.monotonic() + _SOON_S
        while len(self.log) < count:
            assert time.monotonic() < deadline, self.log
            time.sleep(0.001)
        return self.log


def batch(*items: int, limit: int = 2) -> Batch[str]:
    return Batch(list(items), {"p": items[-1] + 1}, epoch=0, limit=limit)


@pytest.fixture
def pipeline() -> SlowPipeline:
    return SlowPipeline()


def started(pipeline: SlowPipeline, wait_s: float, live: bool = True) -> WorkThread:
    thread = WorkThread(cast(Pipeline, pipeline), lambda _: live, wait_s)
    thread.start()
    return thread


def test_full_batch_is_begun_beside_the_one_in_work(pipeline: SlowPipeline) -> None:
    done: list[int] = []
    thread = started(pipeline, wait_s=60)
    thread.submit(batch(0), lambda: done.append(0))
    pipeline.await_entries(2)
    thread.submit(batch(1, 2), lambda: done.append(1))
    thread.submit(batch(3, 4), lambda: done.append(2))
    pipeline.go.release()
    # Both full ones are begun before the first of them is completed.
    expected = ["begin [0]", "completing", "begin [1, 2]", "begin [3, 4]", "completing"]
    assert pipeline.await_entries(5) == expected
    pipeline.go.release(2)
    pipeline.await_entries(6)
    deadline = time.monotonic() + _SOON_S
    while done != [0, 1, 2]:
        assert time.monotonic() < deadline, done
        time.sleep(0.001)


def test_batch_that_waits_grows_until_the_one_in_work_is_done(pipeline: SlowPipeline) -> None:
    thread = started(pipeline, wait_s=60)
    for number in (0, 1):
        thread.submit(batch(number, limit=9), lambda: None)
    pipeline.await_entries(2)
    waiting = batch(2, limit=9)
    thread.submit(waiting, lambda: None)
    pipeline.go.release()
    pipeline.await_entries(4)  # the second, alone: it was completed before the third was begun
    waiting.items.append(3)
    pipeline.go.release(2)
    assert pipeline.await_entries(6) == [
        "begin [0]", "completing", "begin [1]", "completing", "begin [2, 3]", "completing"
    ]  # fmt: skip


def test_batch_that_has_waited_long_enough_is_begun_beside_the_one_in_work(
    pipeline: SlowPipeline,
) -> None:
    thread = started(pipeline, wait_s=0)
    thread.submit(batch(0, limit=9), lambda: None)
    pipeline.await_entries(2)
    for number in (1, 2):
        thread.submit(batch(number, limit=9), lambda: None)
    pipeline.go.release(3)
    assert pipeline.await_entries(5)[2:5] == ["begin [1]", "begin [2]", "completing"]


def test_batch_of_a_past_assignment_is_not_begun(pipeline: SlowPipeline) -> None:
    past = batch(0)
    thread = started(pipeline, wait_s=0, live=False)
    thread.submit(past, lambda: pytest.fail("it is not finished"))
    deadline = time.monotonic() + 0.2
    while time.monotonic() < deadline:
        time.sleep(0.01)
    assert pipeline.log == []
    assert not past.started
