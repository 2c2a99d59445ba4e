"""What a replay sends, in which order: a pure, repeatable sequence of records.

Promise: the records of a plan, counted from 0, are the same each time they are asked for, from
whatever position; events stand in total order (event time, event id) over all laps.

1. The accepted rows of the file between start and end, in total order, make lap 0.
2. Lap n is lap 0 moved by n spans, every id with ``-l{n}`` behind it. A span is the time from the
   first to the last event, both milliseconds included, so that laps never overlap.
3. A label stands where its time (its event's plus the delay) comes in the order of event times,
   behind events of the same time; what is left at the end follows the last event.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from features.batch import EventBatch, order_keys
from producer.encode import encode_events, encode_labels

#: Records encoded together: enough for columns to pay, few enough to stay in the CPU's cache.
CHUNK = 2048
LABEL_SOURCE = "replay"
UNKNOWN_LABEL = -1


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Consecutive records of a plan; row i of every column is the same record.

    Attributes:
        position: number of the first record in the plan.
        event_number: events of the plan before each record (a label: the number of the event
            it follows), shape (n,).
        time_ms: event time, or when a label becomes known, shape (n,).
        is_label: shape (n,).
        ids: event ids.
        keys: Kafka keys.
        values: messages.
    """

    position: int
    event_number: NDArray[np.int64]
    time_ms: NDArray[np.int64]
    is_label: list[bool]
    ids: list[str]
    keys: list[str]
    values: list[bytes]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class _Labels:
    """Labels in the order of their times; ``event_id`` is an object array."""

    event_id: NDArray[np.object_]
    label: NDArray[np.int8]
    time_ms: NDArray[np.int64]

    def after(self, earlier: _Labels) -> _Labels:
        return _Labels(
            np.concatenate([earlier.event_id, self.event_id]),
            np.concatenate([earlier.label, self.label]),
            np.concatenate([earlier.time_ms, self.time_ms]),
        )

    def since(self, count: int) -> _Labels:
        return _Labels(self.event_id[count:], self.label[count:], self.time_ms[count:])


_NO_LABELS = _Labels(np.empty(0, object), np.empty(0, np.int8), np.empty(0, np.int64))


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The sequence of records of one replay.

    Attributes:
        batch: lap 0 before shifting, in total order, at least one event.
        label: 1, 0 or -1 (unknown: never sent) for each event of ``batch``.
        events: events over all laps; None: laps without end.
        label_delay_ms: how long after its event a label becomes known; None: no labels.
        shift_ms: added to every time.
    """

    batch: EventBatch
    label: NDArray[np.int8]
    events: int | None
    label_delay_ms: int | None = None
    shift_ms: int = 0
    span_ms: int = field(init=False)

    def __post_init__(self) -> None:
        times = self.batch.time_ms
        object.__setattr__(self, "span_ms", int(times[-1] - times[0]) + 1)

    @property
    def loops(self) -> bool:
        """Whether there is a lap beyond lap 0."""
        return self.events is None or self.events > len(self.batch)

    def shifted(self, shift_ms: int) -> Plan:
        """The same plan with all times ``shift_ms`` later than in the file."""
        return replace(self, shift_ms=shift_ms)

    def labels(self) -> int:
        """Labels over all laps (of endless laps: of one lap); 0 without a delay."""
        if self.label_delay_ms is None:
            return 0
        known = self.label != UNKNOWN_LABEL
        if self.events is None:
            return int(known.sum())
        laps, rest = divmod(self.events, len(self.batch))
        return laps * int(known.sum()) + int(known[:rest].sum())

    def fingerprint(self) -> str:
        """SHA-256 (hex) of everything that decides the sequence, apart from the shift."""
        digest = hashlib.sha256()
        columns = (self.batch.time_ms, self.batch.amount, self.label)
        for column in columns:
            digest.update(np.ascontiguousarray(column).tobytes())
        digest.update("\n".join(self.batch.event_id).encode())
        digest.update(f"{self.events} {self.label_delay_ms} {self.batch.profile}".encode())
        return digest.hexdigest()

    def chunks(self, position: int = 0, size: int = CHUNK) -> Iterator[Chunk]:
        """The records from ``position`` on; at most ``size`` in each chunk."""
        at = 0
        number = 0
        pending = _NO_LABELS
        for lap, label, last in self._laps():
            pending = self._lap_labels(lap, label).after(pending)
            ready = (
                len(pending.time_ms)
                if last
                else int(np.searchsorted(pending.time_ms, lap.time_ms[-1], side="right"))
            )
            now, pending = _head(pending, ready), pending.since(ready)
            times = np.concatenate([lap.time_ms, now.time_ms])
            order = np.argsort(times, kind="stable")
            is_event = order < len(lap)
            # A label is numbered like the event it follows.
            numbers = number + np.maximum(np.cumsum(is_event) - 1, 0)
            begin = min(max(position - at, 0), len(order))
            for low in range(begin, len(order), size):
                rows = order[low : low + size]
                yield _chunk(
                    lap,
                    now,
                    rows,
                    position=at + low,
                    numbers=numbers[low : low + size],
                    times=times[rows],
                )
            at += len(order)
            number += len(lap)

    def _laps(self) -> Iterator[tuple[EventBatch, NDArray[np.int8], bool]]:
        """Events and labels of each lap in total order, and whether it is the last one."""
        left = self.events
        lap = 0
        while left is None or left > 0:
            events, label = self._lap(lap)
            if left is not None and left < len(events):
                rows = np.arange(left)
                events, label = events.take(rows), label[:left]
            left = None if left is None else left - len(events)
            yield events, label, left == 0
            lap += 1

    def _lap(self, lap: int) -> tuple[EventBatch, NDArray[np.int8]]:
        batch = self.batch
        shift = self.shift_ms + lap * self.span_ms
        number = dict(batch.number)
        if "signup_ms" in number:
            number["signup_ms"] = number["signup_ms"] + shift
        moved = replace(batch, time_ms=batch.time_ms + shift, number=number)
        if lap == 0:
            return moved, self.label
        ids = [f"{event_id}-l{lap}" for event_id in batch.event_id]
        moved = replace(moved, event_id=ids, order_id=order_keys(ids))
        # A suffix can reverse the order of two ids of which one begins with the other.
        rows = moved.in_total_order()
        return moved.take(rows), self.label[rows]

    def _lap_labels(self, lap: EventBatch, label: NDArray[np.int8]) -> _Labels:
        if self.label_delay_ms is None:
            return _NO_LABELS
        rows = np.flatnonzero(label != UNKNOWN_LABEL)
        ids = np.array(lap.event_id, dtype=object)[rows]
        return _Labels(ids, label[rows], lap.time_ms[rows] + self.label_delay_ms)


def make_plan(
    batch: EventBatch,
    label: NDArray[np.int8],
    *,
    start_ms: int | None = None,
    end_ms: int | None = None,
    limit: int | None = None,
    loop: bool = False,
    label_delay_ms: int | None = None,
) -> Plan:
    """The plan for the events of ``batch`` in [start, end), at most ``limit`` over all laps.

    Raises:
        DataError: no event is left.
    """
    order = batch.in_total_order()
    times = batch.time_ms[order]
    low = 0 if start_ms is None else int(np.searchsorted(times, start_ms))
    high = len(order) if end_ms is None else int(np.searchsorted(times, end_ms))
    rows = order[low:high]
    if limit is not None and not loop:
        rows = rows[:limit]
    if len(rows) == 0:
        raise DataError(
            f"nothing to replay: none of the {len(order)} accepted events lies in the chosen part; "
            "look at --start, --end and --limit"
        )
    return Plan(
        batch=batch.take(rows),
        label=label[rows],
        events=limit if loop else len(rows),
        label_delay_ms=label_delay_ms,
    )


def _head(labels: _Labels, count: int) -> _Labels:
    return _Labels(labels.event_id[:count], labels.label[:count], labels.time_ms[:count])


def _chunk(
    lap: EventBatch,
    labels: _Labels,
    rows: NDArray[np.intp],
    *,
    position: int,
    numbers: NDArray[np.int64],
    times: NDArray[np.int64],
) -> Chunk:
    """Encode ``rows``: below ``len(lap)`` an event of the lap, from there on one of ``labels``."""
    is_label = rows >= len(lap)
    events = lap.take(rows[~is_label])
    ids = list(events.event_id)
    keys = events.kafka_keys()
    values = encode_events(events)
    if is_label.any():
        which = rows[is_label] - len(lap)
        label_ids = labels.event_id[which].tolist()
        label_values = encode_labels(
            lap.profile, label_ids, labels.label[which], labels.time_ms[which], LABEL_SOURCE
        )
        # Both lists are in the order of the rows; this puts them back into their places.
        place = np.argsort(np.argsort(is_label, kind="stable")).tolist()
        ids, keys, values = ids + label_ids, keys + label_ids, values + label_values
        ids, keys, values = ([column[i] for i in place] for column in (ids, keys, values))
    return Chunk(position, numbers, times, is_label.tolist(), ids, keys, values)
