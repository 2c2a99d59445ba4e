"""What a topic of ours holds now, message by message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

import msgspec
import numpy as np

from core.kafka_admin import KafkaAdmin
from core.settings import Settings
from producer.tail import TailReader

M = TypeVar("M")


def messages(settings: Settings, topic: str, kind: type[M]) -> Iterator[M]:
    """The messages of a topic, those of a partition in its order; none where there is no topic.

    What cannot be read is left out: the projector of the views counts and logs that.

    Args:
        settings: the broker.
        topic: its name.
        kind: of ``core.messages``.

    Raises:
        BrokerError: Kafka is away.
    """
    admin = KafkaAdmin(settings)
    here = {name: count for name, count in admin.partitions().items() if name == topic}
    if not here:
        return
    reader = TailReader(settings, admin.offsets(here, end=False))
    decode = msgspec.json.Decoder(kind).decode
    try:
        for some in reader.until(admin.offsets(here, end=True)):
            for message in some:
                try:
                    yield decode(message.value() or b"")
                except msgspec.MsgspecError:
                    continue
    finally:
        reader.close()


def milliseconds(text: str) -> int:
    """Milliseconds since 1970 UTC of a time in a message of ours."""
    return int(np.datetime64(text.removesuffix("Z"), "ms").astype(np.int64))
