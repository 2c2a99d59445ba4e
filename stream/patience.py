"""Holding the line while Redis or Kafka is away.

An outage is no error of an event: what failed is repeated in place, with growing, jittered pauses,
until it succeeds or the worker has to stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from redis.exceptions import RedisError
from tenacity import Retrying, retry_if_exception_type, wait_exponential_jitter

from core.errors import BrokerError
from stream.outage import Server
from stream.publish import Abandoned

T = TypeVar("T")

#: The longest pause between two attempts; an outage ends unnoticed for no longer than that.
_LONGEST_S = 2.0
_PART = "work"


class Patience:
    """Repeats what fails because Redis or Kafka is away.

    Args:
        redis: is told how its calls end.
        kafka: likewise.
        keep_going: asked while waiting; False gives up.
        retried: called after each failure; it shows that the worker waits and does not hang.
    """

    def __init__(
        self,
        redis: Server,
        kafka: Server,
        keep_going: Callable[[], bool],
        retried: Callable[[], None] = lambda: None,
    ) -> None:
        self._redis = redis
        self._kafka = kafka
        self._keep_going = keep_going
        self._retried = retried

    def call(self, call: Callable[[], T]) -> T:
        """The result of ``call``.

        Raises:
            Abandoned: ``keep_going`` said no before there was one.
        """
        attempts = Retrying(
            retry=retry_if_exception_type((RedisError, OSError, BrokerError)),
            wait=wait_exponential_jitter(multiplier=0.05, max=_LONGEST_S, jitter=0.1),
            before_sleep=self._failed,
            sleep=self._sleep,
            reraise=True,
        )
        result = attempts(call)
        self._redis.answered(_PART)
        self._kafka.answered(_PART)
        return result

    def _failed(self, attempt: Any) -> None:
        self._retried()
        error = attempt.outcome.exception()
        if isinstance(error, BrokerError):
            self._kafka.failed(_PART, str(error))
        else:
            self._redis.failed(_PART, type(error).__name__)

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not self._keep_going():
                raise Abandoned
            time.sleep(min(left, 0.1))
