"""The control share: some of what the model would block is reviewed instead, drawn by event id.

What is blocked gets no label, so precision among blocked events could not be known. An event of the
control share gets one, and stands for ``1 / share`` blocked events. Whether an event belongs to it
hangs on its id alone: it is the same on every repeat, live, for ``/predict`` and in a backtest, and
has nothing to do with the score (Horvitz and Thompson, JASA 47, 1952).
"""

from __future__ import annotations

from collections.abc import Iterable

import xxhash

#: Keeps the draw apart from other uses of the id's hash, such as Kafka's partitions.
_SALT = b"control|"
_HASHES = 2**64


def in_control(event_ids: Iterable[str], share: float) -> list[bool]:
    """Whether each event is drawn.

    Args:
        event_ids: of the events.
        share: between 0 and 1: how many of them, on average.
    """
    bound = round(share * _HASHES)
    return [xxhash.xxh3_64_intdigest(_SALT + one.encode()) < bound for one in event_ids]


def weight_of(share: float) -> float | None:
    """How many blocked events one of the control share stands for; None where there is none."""
    return 1.0 / share if share else None
