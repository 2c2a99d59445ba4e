"""The events of devices out of the read model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from views.periods import HOUR_MS, Span
from views.readmodel.layout import Kept, device_entry, member, place_of, unpack
from views.readmodel.redis_model import RedisModel
from views.readmodel.scripts import Command, binary
from views.store import Place

#: So many devices are asked about together, so many events of each at first; later as many as that
#: would be of those that have more.
_DEVICES = 20
_EVENTS = 50
_HIGHEST = b"\xff" * 9


class RedisDevices:
    """Answers about what was done on devices.

    Args:
        model: the namespace's.
    """

    def __init__(self, model: RedisModel) -> None:
        self._model = model

    def events(
        self,
        profile: str,
        devices: Sequence[str],
        span: Span,
        before: Place | None = None,
        most: int = _EVENTS,
    ) -> Iterator[tuple[str, str, Kept]]:
        """The events of devices in a span and before a place; of each device the latest first.

        Args:
            profile: of the events.
            devices: each once.
            span: in which.
            before: where to begin.
            most: events of a device that are likely to be enough.

        Returns:
            (device, event id, event) of each.

        Raises:
            StateError: Redis cannot be reached.
        """
        lowest = member(Place(span.from_ms or 0, ""))
        upper = [] if before is None else [member(before)]
        upper += [] if span.to_ms is None else [member(Place(max(span.to_ms, 0), ""))]
        highest = min(upper, default=_HIGHEST)
        for first in range(0, len(devices), _DEVICES):
            together = devices[first : first + _DEVICES]
            below = {device: b"(" + device_entry(device)[1] + highest for device in together}
            yield from self._below(profile, below, lowest, most)

    def _below(
        self, profile: str, below: dict[str, bytes], lowest: bytes, most: int
    ) -> Iterator[tuple[str, str, Kept]]:
        while below:
            asked = [_members(device, lowest, high, most) for device, high in below.items()]
            found = dict(zip(below, self._model.ask(profile, asked)[1], strict=True))
            yield from self._records(profile, found)
            below = {
                device: b"(" + members[-1]
                for device, members in found.items()
                if len(members) == most
            }
            most = _DEVICES * _EVENTS // max(len(below), 1)

    def _records(
        self, profile: str, members: dict[str, list[bytes]]
    ) -> Iterator[tuple[str, str, Kept]]:
        places = [
            (device, place_of(one[len(device_entry(device)[1]) :]))
            for device, some in members.items()
            for one in some
        ]
        records = self._model.ask(
            profile, [("HGET", f"r:{one.time_ms // HOUR_MS}", one.event_id) for _, one in places]
        )[1]
        for (device, place), packed in zip(places, records, strict=True):
            kept = None if packed is None else unpack(packed)
            if kept is not None and kept.device_id == device:  # others may share the start
                yield device, place.event_id, kept


def _members(device: str, lowest: bytes, highest: bytes, most: int) -> Command:
    key, start = device_entry(device)
    return (
        "ZREVRANGEBYLEX", key, binary(highest), binary(b"[" + start + lowest), "LIMIT", 0, most
    )  # fmt: skip
