"""The labelled history of a stream, out of its topics: what a model can be trained on.

Promise: the events are those that workers accepted, each id once, in total order as far as the
partitions are; the label of an event is the latest of ``fraud-labels``, of equally late ones the
last in the log, as everywhere. Features need not be kept with the scores: they are a function of
the events, so ``features.offline`` gives those that a worker had in front of it.

How far back it reaches is a matter of the topics' retention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cli.topic_messages import messages, milliseconds
from core.errors import RejectedEvent
from core.messages import Label
from core.names import Topics
from core.settings import Settings
from features.batch import EventBatch
from features.csv_source.moments import NO_TIME
from features.iso_times import iso_times
from features.validation import to_batch
from features.validation_one import Accepted
from producer.encode import event_fields
from stream.input_log import InputLog

_AT_ONCE = 4_096
_UNKNOWN = -1


@dataclass(frozen=True, slots=True, eq=False)
class Collected:
    """What the topics hold of n events.

    Attributes:
        batch: the events.
        label: 1 fraud, 0 honest, −1 unknown, shape (n,).
        labelled_ms: when it became known, ``NO_TIME`` where it is not, shape (n,).
        repeated: messages of an event that was there already.
        conflicting: messages with the id of another event.
        rejected: messages that workers set aside as dead letters.
        unmatched: labels of events that the topic does not hold.
    """

    batch: EventBatch
    label: NDArray[np.int8]
    labelled_ms: NDArray[np.int64]
    repeated: int
    conflicting: int
    rejected: int
    unmatched: int


def collect(settings: Settings, progress: Callable[[int, int], None]) -> Collected:
    """Read the input topic and the labels as they are now.

    Args:
        settings: profile, namespace and broker.
        progress: told how many of how many messages of the input topic are read.

    Raises:
        BrokerError: Kafka is away, or there is no such topic.
    """
    log = InputLog(settings, lambda: True)
    log.topic_id()  # or there is none, which the error says
    extents = log.extents(log.partitions())
    total = sum(end - begin for begin, end in extents.values())
    first: dict[str, Accepted] = {}
    read = repeated = conflicting = rejected = 0
    for merged in log.read(extents, _AT_ONCE):
        for one in merged.items:
            event = one.event
            if isinstance(event, RejectedEvent):
                rejected += 1
                continue
            known = first.setdefault(event.event_id, event)
            if known is not event:
                same = (known.time_ms, known.amount) == (event.time_ms, event.amount)
                repeated, conflicting = repeated + same, conflicting + (not same)
        read += len(merged)
        progress(read, total)
    labels = latest_labels(settings)
    found = [labels.pop(event_id, (NO_TIME, _UNKNOWN)) for event_id in first]
    return Collected(
        batch=to_batch(settings.profile, list(first.values())),
        label=np.array([label for _, label in found], np.int8),
        labelled_ms=np.array([moment for moment, _ in found], np.int64),
        repeated=repeated,
        conflicting=conflicting,
        rejected=rejected,
        unmatched=len(labels),
    )


def latest_labels(settings: Settings) -> dict[str, tuple[int, int]]:
    """Event id → when its latest label became known, and the label; of the settings' profile.

    Raises:
        BrokerError: Kafka is away.
    """
    found: dict[str, tuple[int, int]] = {}
    for one in messages(settings, Topics(settings.namespace).labels.name, Label):
        if one.profile == settings.profile:
            moment = milliseconds(one.labelled_at)
            if moment >= found.get(one.event_id, (NO_TIME, 0))[0]:
                found[one.event_id] = moment, one.label
    return found


def csv_rows(collected: Collected) -> Iterator[dict[str, Any]]:
    """Rows of a file that ``features.csv_source`` reads back as the same events and labels."""
    moments = iso_times(np.maximum(collected.labelled_ms, 0))
    fields = event_fields(collected.batch)
    for row, event in enumerate(fields):
        label = int(collected.label[row])
        yield {
            **{name: value for name, value in event.items() if name != "schema"},
            "class": None if label < 0 else label,
            "labelled_at": None if label < 0 else moments[row],
        }
