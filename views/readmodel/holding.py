"""Holding the line while Redis or Kafka is away: what failed is repeated until it succeeds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from tenacity import Retrying, retry_if_exception_type, wait_exponential_jitter

from core.errors import BrokerError, StateError

T = TypeVar("T")

#: The longest pause between two attempts; an outage ends unnoticed for no longer than that.
_LONGEST_S = 2.0


class Abandoned(Exception):  # noqa: N818 - not an error: whoever waits was told to stop
    """There is no result because it was no longer waited for."""


class Holding:
    """Repeats calls.

    Args:
        keep_going: asked while waiting; False gives up.
        told: what is the trouble; empty when it is over.
    """

    def __init__(self, keep_going: Callable[[], bool], told: Callable[[str], None]) -> None:
        self._keep_going = keep_going
        self._told = told

    def call(self, call: Callable[[], T]) -> T:
        """The result of ``call``.

        Raises:
            Abandoned: ``keep_going`` said no before there was one.
        """
        attempts = Retrying(
            retry=retry_if_exception_type((StateError, BrokerError)),
            wait=wait_exponential_jitter(multiplier=0.05, max=_LONGEST_S, jitter=0.1),
            before_sleep=self._failed,
            sleep=self._sleep,
            reraise=True,
        )
        result = attempts(call)
        self._told("")
        return result

    def _failed(self, attempt: Any) -> None:
        self._told(str(attempt.outcome.exception()))

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not self._keep_going():
                raise Abandoned
            time.sleep(min(left, 0.1))
