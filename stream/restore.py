"""Reading offsets again into state only: nothing is scored, nothing is published.

The events are put into state as they were the first time: merged in total order, with the same
horizon, those that conflict with an earlier one left out. What is in state already stays as it is,
since the first occurrence in a log counts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.errors import RejectedEvent
from features.countries import CountryTable
from features.fence import Mark
from features.iso_times import iso_time
from features.known import country_codes
from features.online import VelocityState
from features.validation import to_batch
from stream.horizon import NEVER, Horizon
from stream.input_log import InputLog

_log = logging.getLogger(__name__)
#: Records put into state at once.
_AT_ONCE = 4_096


@dataclass(frozen=True, slots=True)
class Gap:
    """What is missing of a partition: everything from its mark to ``end``; all where it has none.

    Attributes:
        mark: how far the state reaches.
        end: how far it should.
    """

    mark: Mark | None
    end: int


class Restorer:
    """Puts ranges of the input topic into state.

    Args:
        state: where they go.
        log: where they come from.
        profile: of both.
        countries: for the events' addresses.
        counted: called with how many events were put into state.
    """

    def __init__(
        self,
        state: VelocityState,
        log: InputLog,
        profile: str,
        countries: CountryTable,
        counted: Callable[[int], None],
    ) -> None:
        self._state = state
        self._log = log
        self._profile = profile
        self._countries = countries
        self._counted = counted

    def restore(
        self, gaps: Mapping[int, Gap], reached: Callable[[Mapping[int, Mark]], None]
    ) -> dict[int, int]:
        """Close the gaps, as far as the log reaches back.

        Args:
            gaps: partition → what is missing.
            reached: called on the way with how far the state reaches by then.

        Returns:
            Partition → its newest accepted event time at the end of its gap.

        Raises:
            RedisError, OSError: Redis is away.
            BrokerError: Kafka is away.
            Abandoned: the worker is to stop.
        """
        started = time.monotonic()
        horizon = Horizon()
        extents = self._log.extents(gaps)
        ranges = {}
        rebuilt = []
        for partition, gap in gaps.items():
            begin = extents[partition][0]
            if gap.mark is None or gap.mark.offset < begin:
                rebuilt.append(partition)
            else:
                begin = gap.mark.offset
            horizon.set(partition, NEVER if gap.mark is None else gap.mark.newest_ms)
            ranges[partition] = (begin, gap.end)
        self._announce(ranges, rebuilt)
        count = 0
        oldest: int | None = None
        for merged in self._log.read(ranges, _AT_ONCE):
            times = self._put(merged.items, horizon)
            count += len(times)
            if len(times) and (oldest is None or times.min() < oldest):
                oldest = int(times.min())
            reached(
                {
                    partition: Mark(offset, horizon.newest(partition))
                    for partition, offset in merged.next_offset.items()
                }
            )
        seconds = time.monotonic() - started
        if rebuilt:
            since = "complete" if oldest is None else f"complete since {iso_time(oldest)}"
            _log.warning("state rebuilt from the log, %s: %d events, %.1f s", since, count, seconds)
        else:
            _log.warning("state restored: %d events, %.1f s", count, seconds)
        return {partition: horizon.newest(partition) for partition in gaps}

    def _announce(self, ranges: Mapping[int, tuple[int, int]], rebuilt: list[int]) -> None:
        span = ", ".join(f"{one}: {begin} to {end}" for one, (begin, end) in sorted(ranges.items()))
        if rebuilt:
            _log.warning("Redis holds no state of all that is committed; rebuilding (%s)", span)
        else:
            _log.warning("Redis has lost its latest writes; restoring (%s)", span)

    def _put(self, items: list[Any], horizon: Horizon) -> Any:
        """Put decoded records into state; returns the times of the events among them."""
        good = [one for one in items if not isinstance(one.event, RejectedEvent)]
        if not good:
            return np.empty(0, np.int64)
        batch = to_batch(self._profile, [one.event for one in good])
        within = horizon.within([one.record.partition for one in good], batch.time_ms)
        self._state.step(batch, country_codes(batch, self._countries), within)
        self._counted(int(within.sum()))
        return batch.time_ms
