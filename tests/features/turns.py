"""Several pieces of work on one Redis, interleaved command by command as a schedule says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle, islice
from typing import Any

import redis

from features.redis_wire import RedisWire
from features.wire import key_of, pack, unpack


class Turn:
    """Work in a thread of its own that goes on only when told to, from one pause to the next."""

    def __init__(self) -> None:
        self.done = False
        self._error: BaseException | None = None
        self._go = threading.Semaphore(0)
        self._paused = threading.Semaphore(0)

    def start(self, work: Callable[[], None]) -> None:
        """Begin the work, up to its first pause."""
        threading.Thread(target=self._run, args=(work,), daemon=True).start()
        self._paused.acquire()

    def pause(self) -> None:
        """Called by the work: here others may come in between."""
        self._paused.release()
        self._go.acquire()

    def go_on(self) -> None:
        """Let the work run to its next pause, or to its end.

        Raises:
            BaseException: what the work raised.
        """
        self._go.release()
        self._paused.acquire()
        if self._error is not None:
            raise self._error

    def _run(self, work: Callable[[], None]) -> None:
        try:
            self.pause()
            work()
        except BaseException as error:
            self._error = error
        self.done = True
        self._paused.release()


class PausingWire(RedisWire):
    """Sends one command at a time and pauses before each.

    Redis carries out the commands of one connection in order, and those of others anywhere in
    between: it is no pipeline's promise to stay together.
    """

    def __init__(self, url: str, turn: Turn) -> None:
        super().__init__(redis.Redis.from_url(url))
        self._turn = turn

    def send(
        self, keys: Sequence[bytes], parts: Sequence[bytes], replies: Sequence[int]
    ) -> list[Any]:
        found = []
        for command in unpack(b"".join(parts)):
            self._turn.pause()
            found += super().receive(super().send([key_of(command)], [pack([command])], [1]))
        return found

    def receive(self, call: list[Any]) -> list[Any]:
        return call


def interleave(
    turns: Sequence[Turn], works: Sequence[Callable[[], None]], schedule: Iterable[int]
) -> None:
    """Do the works, each for one step whenever the schedule names it; at last all to the end.

    The schedule is used again and again, for a thousand steps.
    """
    for turn, work in zip(turns, works, strict=True):
        turn.start(work)
    for number in islice(cycle(schedule), 1000):
        if not turns[number].done:
            turns[number].go_on()
    for turn in turns:
        while not turn.done:
            turn.go_on()
