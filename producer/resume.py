"""Finding out, from the topics themselves, what an interrupted replay had already sent.

Promise: of the records behind the checkpoint's position, exactly those that the topics hold are
found, however the earlier process ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import chain

import orjson

from core.errors import ConfigError
from core.kafka_admin import KafkaAdmin
from core.settings import Settings
from producer.checkpoint import Checkpoint
from producer.tail import Offsets, TailReader

#: (topic, event id) → how often it stands behind the checkpoint's offsets.
Found = Counter[tuple[str, str]]


def take_up(
    settings: Settings,
    admin: KafkaAdmin,
    counts: Mapping[str, int],
    checkpoint: Checkpoint,
    patience_s: float,
) -> tuple[Checkpoint, Found]:
    """The checkpoint to go on from, and the records that need not be sent again.

    Args:
        settings: where and how to connect.
        admin: connected.
        counts: topic → partitions, of the topics that the plan writes to.
        checkpoint: what was read; without offsets: a new replay, which begins at the topics' ends.
        patience_s: how long an outage is waited out.

    Raises:
        ConfigError: the topics are not those the checkpoint speaks of, or have lost records.
        BrokerError: no broker answers.
    """
    ids = admin.topic_ids(counts)
    end = admin.offsets(counts, end=True)
    if not checkpoint.offsets:
        return replace(checkpoint, topics=ids, offsets=end), Counter()
    begin = admin.offsets(counts, end=False)
    for name in counts:
        stored = checkpoint.offsets.get(name, [])
        if checkpoint.topics.get(name) != ids[name] or len(stored) != len(end[name]):
            raise ConfigError(
                f"topic {name} is not the one the interrupted replay wrote to: "
                "leave --resume out to start from the beginning"
            )
        if any(low > at for low, at in zip(begin[name], stored, strict=True)):
            raise ConfigError(
                f"topic {name} has already dropped records of the interrupted replay, so what it "
                "got cannot be told: leave --resume out to start from the beginning"
            )
    return checkpoint, _read_back(settings, checkpoint.offsets, end, patience_s)


def _read_back(settings: Settings, begin: Offsets, end: Offsets, patience_s: float) -> Found:
    found: Found = Counter()
    reader = TailReader(settings, begin, patience_s)
    try:
        for message in chain.from_iterable(reader.until(end)):
            try:
                event_id = orjson.loads(message.value() or b"")["event_id"]
            except (orjson.JSONDecodeError, TypeError, KeyError):
                continue  # not one of ours
            if isinstance(event_id, str):
                found[message.topic(), event_id] += 1
    finally:
        reader.close()
    return found
