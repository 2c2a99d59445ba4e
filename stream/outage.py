"""Whether Kafka and Redis answer: said once when that changes.

Several parts of a worker find out, each in its own thread, and their client libraries say so of
every attempt, some forty times a second. One line that a server is away and one that it is back
is what a person can read.
"""

from __future__ import annotations

import logging
import re
import threading

from prometheus_client import Counter

_log = logging.getLogger(__name__)

#: What these say when a broker cannot be reached, is just starting, or takes its time, and when it
#: has given a member up meanwhile: the member's commits are refused one by one, which the transport
#: says once.
_NOISE = {
    ("aiokafka", "stream.librdkafka", "mode.timers"): re.compile(
        r"KafkaConnectionError|NodeNotReadyError|RequestTimedOutError|Unable connect to node"
        r"|Unable to (update|request) metadata|Connect call failed|coordinator dead"
        r"|Disconnected|Connect to \S+ failed|Send failed|timed out|load in progress"
        r"|Timer commit is overlapping|Heartbeat failed for group .* coordinator|new leader"
        r"|OffsetCommit failed for group"
    ),
    ("asyncio",): re.compile(r"never retrieved\s.*GroupCoordinator\._do_commit_offsets"),
}


class Server:
    """One server, as the parts of a worker find it.

    It is away from the first failure of any part until the last that failed has had an answer.

    Args:
        name: what the log calls it.
        failures: counts every failed call.
    """

    def __init__(self, name: str, failures: Counter) -> None:
        self.name = name
        self._failures = failures
        self._missed_by: set[str] = set()
        self._lock = threading.Lock()

    def failed(self, part: str, reason: str) -> None:
        """A part had no answer, or a refusal that may pass."""
        self._failures.inc()
        with self._lock:
            is_first = not self._missed_by
            self._missed_by.add(part)
        if is_first:
            _log.warning("%s: %s; holding the line until it is back", self.name, reason)

    def answered(self, part: str) -> None:
        """A part had an answer."""
        if part not in self._missed_by:
            return
        with self._lock:
            self._missed_by.discard(part)
            is_last = not self._missed_by
        if is_last:
            _log.info("%s: answers again", self.name)


class ClientNoise(logging.Filter):
    """Drops what client libraries say of single attempts to reach a broker."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to let the record pass."""
        return not any(
            record.name.startswith(clients) and said.search(record.getMessage())
            for clients, said in _NOISE.items()
        )


def quieten_clients() -> None:
    """Keep them out of the log, unless it is at DEBUG."""
    root = logging.getLogger()
    if root.level > logging.DEBUG:
        for handler in root.handlers:
            handler.addFilter(ClientNoise())
