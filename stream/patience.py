"""Holding the line while Redis or Kafka is away.

An outage is no error of an event: what failed is repeated in place, with growing, jittered pauses,
until it succeeds or the worker has to stop. The log says once that something went away and once
that it is back; the metrics count every failure.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from redis.exceptions import RedisError
from tenacity import Retrying, retry_if_exception_type, wait_exponential_jitter

from core.errors import BrokerError
from stream.metrics import WorkerMetrics
from stream.publish import Abandoned

T = TypeVar("T")

_log = logging.getLogger(__name__)
#: The longest pause between two attempts; an outage ends unnoticed for no longer than that.
_LONGEST_S = 2.0


class Patience:
    """Repeats what fails because Redis or Kafka is away.

    Args:
        metrics: count the failures.
        keep_going: asked while waiting; False gives up.
        retried: called after each failure; it shows that the worker waits and does not hang.
    """

    def __init__(
        self,
        metrics: WorkerMetrics,
        keep_going: Callable[[], bool],
        retried: Callable[[], None] = lambda: None,
    ) -> None:
        self._metrics = metrics
        self._keep_going = keep_going
        self._retried = retried
        self._away: str | None = None

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
        if self._away is not None:
            _log.info("%s: answers again", self._away)
            self._away = None
        return result

    def _failed(self, attempt: Any) -> None:
        self._retried()
        error = attempt.outcome.exception()
        name = "Kafka" if isinstance(error, BrokerError) else "Redis"
        (self._metrics.kafka_errors if name == "Kafka" else self._metrics.redis_errors).inc()
        if self._away is None:
            self._away = name
            what = str(error) if name == "Kafka" else type(error).__name__
            _log.warning("%s: %s; holding the line until it is back", name, what)

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not self._keep_going():
                raise Abandoned
            time.sleep(min(left, 0.1))
