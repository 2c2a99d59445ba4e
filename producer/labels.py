"""Sending the outcomes of events to ``fraud-labels``.

Promise: when ``send_labels`` returns without having been stopped, the broker has acknowledged every
label but those counted in ``failed``. Sending the same file again changes nothing: consumers keep
the latest label of an event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.names import Topics
from core.settings import Settings
from producer.encode import encode_labels
from producer.sender import Failure, Sender

GIVE_UP_S = 120.0
_CHUNK = 2_048


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """n outcomes, each of a profile's event.

    Attributes:
        profile: of the events.
        event_id: n.
        label: 1 fraud, 0 honest, shape (n,).
        labelled_ms: when each became known, milliseconds since 1970 UTC, shape (n,).
        source: who says so, n.
    """

    profile: str
    event_id: Sequence[str]
    label: NDArray[np.int8]
    labelled_ms: NDArray[np.int64]
    source: Sequence[str]

    def in_order(self) -> Labels:
        """The same, the earliest known first: of two for one event the later is sent later."""
        order = np.argsort(self.labelled_ms, kind="stable").tolist()
        return Labels(
            self.profile,
            [self.event_id[row] for row in order],
            self.label[order],
            self.labelled_ms[order],
            [self.source[row] for row in order],
        )


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of labels.

    Attributes:
        sent: handed over.
        failed: refused by the broker for good.
        failures: the first of these.
        complete: all are acknowledged or refused.
    """

    sent: int
    failed: int
    failures: list[Failure]
    complete: bool


def send_labels(
    labels: Labels,
    settings: Settings,
    *,
    notice: Callable[[str], None],
    progress: Callable[[int], None],
    stopping: Callable[[], bool],
    patience_s: float = GIVE_UP_S,
) -> Sent:
    """Send labels in the order in which they became known.

    Args:
        labels: n of them.
        settings: where to; its namespace names the topic, which exists.
        notice: takes one line about an outage.
        progress: told how many were handed over.
        stopping: True ends the sending in good order.
        patience_s: how long an outage is waited out.

    Raises:
        BrokerError: an outage lasted longer.
    """
    topic = Topics(settings.namespace).labels.name
    ordered = labels.in_order()
    sender = Sender(settings, stopping=stopping, notice=notice, patience_s=patience_s)
    sent = 0
    try:
        for begin in range(0, len(ordered.event_id), _CHUNK):
            for event_id, value in _encoded(ordered, begin, begin + _CHUNK):
                if stopping() or not sender.send(topic, event_id, value, event_id):
                    return Sent(sent, sender.failed, sender.failures, False)
                sent += 1
            progress(sent)
        complete = sender.confirm()
        return Sent(sent, sender.failed, sender.failures, complete)
    finally:
        sender.close()


def _encoded(labels: Labels, begin: int, end: int) -> list[tuple[str, bytes]]:
    ids, who = labels.event_id[begin:end], labels.source[begin:end]
    found: list[tuple[str, bytes]] = []
    row = 0
    while row < len(ids):  # messages of one source are encoded together
        last = row
        while last < len(ids) and who[last] == who[row]:
            last += 1
        part = slice(begin + row, begin + last)
        found += zip(
            ids[row:last],
            encode_labels(
                labels.profile,
                ids[row:last],
                labels.label[part],
                labels.labelled_ms[part],
                who[row],
            ),
            strict=True,
        )
        row = last
    return found
