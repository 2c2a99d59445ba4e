"""What projectors say of themselves, and what is made of it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec

from features.iso_times import iso_time
from views.store import Health

#: A projector that has said nothing for so long is not at work.
SILENT_S = 15.0
#: After so long, nothing is remembered of it.
GONE_S = 86_400.0


class Heartbeat(msgspec.Struct, frozen=True):
    """One projector at one moment.

    Attributes:
        at: Unix time, seconds.
        lag: topic → messages of its partitions that are not taken in yet.
        trouble: what keeps it from going on; empty when all is well.
    """

    at: float
    lag: dict[str, int]
    trouble: str = ""

    @property
    def is_fresh(self) -> bool:
        """Whether that was not long ago."""
        return time.time() - self.at < SILENT_S


encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Heartbeat).decode


def read_beats(beats: Mapping[str, bytes]) -> dict[str, Heartbeat]:
    """Projector → what it last said."""
    return {who: _decode(heartbeat) for who, heartbeat in beats.items()}


def health_of(beats: Mapping[str, Heartbeat], complete_from: Sequence[int | None]) -> Health:
    """How the read model does.

    Args:
        beats: of all projectors.
        complete_from: of each profile that has events, as ``State.complete_from_ms``.
    """
    complete = max((moment for moment in complete_from if moment is not None), default=None)
    if not beats:
        return Health(False, "the projector has not run yet: start `fraudstream views`")
    alive = [beat for beat in beats.values() if beat.is_fresh]
    if not alive:
        last = max(beat.at for beat in beats.values())
        return Health(
            True,
            f"the projector was last at work at {iso_time(int(last * 1000))}: "
            "what came since is missing",
            complete,
            sum(max(beats.values(), key=lambda beat: beat.at).lag.values()),
        )
    lag = sum(sum(beat.lag.values()) for beat in alive)
    detail = next((beat.trouble for beat in alive if beat.trouble), "")
    if not detail and complete is not None:
        detail = f"complete from {iso_time(complete)} on: the topics reach no further back"
    return Health(True, detail, complete, lag)
