"""What stands where in Redis, and how an event is packed.

All keys of a profile's read model begin with ``{namespace}:views:{{namespace:profile}}:``: those of
a namespace can be deleted together, and the braces put a profile into one slot of a Redis Cluster,
so that scripts may change it as a whole. ``meta`` names the generation that answers; its keys have
the generation between prefix and these names (``forgotten`` and ``cases`` belong to all of them):

=================  ======  ======================================================================
``m``              hash    revision, first, last, horizon …; see ``readmodel.redis_model.State``
``o``              hash    ``topic:partition`` → next offset
``t:{month}``      string  int64 big endian (hour of the month, counter): sums over all events
``{d}{l}:{start}`` hash    counter and value → sum; dimension, level and beginning of the period
``r:{hour}``       hash    event id → packed ``Kept``
``h``              zset    ``h:{hour}``, ``d:{day}``, ``m:{month}`` that have records, by their end
``i:{bucket}``     hash    rest of the hashed event id → hour of its record
``d:{bucket}``     zset    hashed device, event time, event id
``a:{bucket}``     hash    event id → event time and the compressed alert
``x``              zset    event time, event id, what alerts are filtered by
``p:{day}:{v}``    hash    counter of a scorecard → sum, of a day and a model version
``w``              zset    ``{day}:{v}`` by day
=================  ======  ======================================================================

The sorted sets are ordered by their members' bytes. Hours, days and months are counted from 1970.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from functools import lru_cache

import msgspec
import numpy as np
import xxhash

from core.names import Decision
from features.declared import UNKNOWN
from views.counts import Dimension
from views.periods import HOUR_MS
from views.store import Place, Record

COUNTERS = 9  #: of ``Counts``, in its order
HOURS_OF_MONTH = 31 * 24
INT_BYTES = 8
DIMENSIONS: Mapping[Dimension, str] = {
    Dimension.COUNTRY: "c",
    Dimension.BROWSER: "b",
    Dimension.SOURCE: "s",
    Dimension.SEX: "g",
    Dimension.AGE: "y",
    Dimension.DEVICE: "k",
}
#: Small hashes and sorted sets are packed by Redis: so many keys share what many events need.
_ALERT_BUCKETS = 1024
DECISIONS = tuple(Decision)
NO_LABEL = -1
#: So many labels of an event are remembered, and so much of their sources.
MOST_SAID = 10
MOST_SOURCE = 64


class Said(msgspec.Struct, array_like=True, gc=False, frozen=True, order=True):
    """One label of an event: when, which, who says so."""

    labelled_ms: int
    label: int
    source: str


class Kept(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What is kept of an event; ``time_ms`` is None where only its label has come so far."""

    time_ms: int | None
    label: int = NO_LABEL
    labelled_ms: int = 0
    amount: int = 0
    decision: int = 0
    score: float = 0.0
    age: float | int | None = None
    country: str | None = None
    browser: str | None = None
    source: str | None = None
    sex: str | None = None
    user_id: str | None = None
    device_id: str | None = None
    version: str | None = None  #: of the model; None: counted before versions were
    control: bool = False
    weight: float = 1
    said: tuple[Said, ...] = ()  #: its labels, the earliest first

    @property
    def hour(self) -> int:
        """The hour whose records it is among: of the event, or else of its label."""
        return (self.labelled_ms if self.time_ms is None else self.time_ms) // HOUR_MS

    @property
    def day(self) -> int:
        """That of the event."""
        return self.hour // 24

    @property
    def is_alert(self) -> bool:
        """Whether it is to be reviewed or blocked."""
        return self.decision > 0

    def record(self, event_id: str) -> Record:
        """As answers have it."""
        return Record(
            place=Place(self.time_ms or 0, event_id),
            user_id=self.user_id,
            device_id=self.device_id,
            country=self.country,
            browser=self.browser,
            source=self.source,
            sex=self.sex,
            age=self.age,
            amount=self.amount,
            decision=DECISIONS[self.decision].value,
            score=self.score,
            label=None if self.label == NO_LABEL else self.label,
        )


class Facets(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """What alerts are filtered by, as ``AlertFilter`` names it."""

    severity: str | None
    decision: str | None
    country: str | None
    browser: str | None
    source: str | None
    device_id: str | None
    user_id: str | None


_packer = msgspec.msgpack.Encoder()
pack = _packer.encode
unpack = msgspec.msgpack.Decoder(Kept).decode
_facets = msgspec.msgpack.Decoder(Facets).decode


def prefix(namespace: str, profile: str) -> str:
    """What all keys of a profile's read model begin with."""
    return f"{namespace}:views:{{{namespace}:{profile}}}:"


def heartbeats(namespace: str) -> str:
    """Key of what the projectors say of themselves."""
    return f"{namespace}:views:heartbeats"


def index_entry(event_id: str) -> tuple[int, bytes]:
    """Bucket of an event id, and its field there."""
    digest = xxhash.xxh3_128_digest(event_id.encode())
    return digest[0] << 8 | digest[1], digest[2:]


def device_entry(device_id: str) -> tuple[str, bytes]:
    """Key of a device's bucket, and what its members there begin with.

    Other devices may share both, so the record is to be looked at.
    """
    digest = xxhash.xxh3_64_digest(device_id.encode())
    return f"d:{digest[0] << 8 | digest[1]}", digest[2:]


def alerts_key(event_id: str) -> str:
    """Key of the alerts that an event's is among."""
    return f"a:{xxhash.xxh3_64_intdigest(event_id.encode()) % _ALERT_BUCKETS}"


def member(place: Place) -> bytes:
    """Bytes that sort as places do."""
    return place.time_ms.to_bytes(8, "big") + place.event_id.encode()


def place_of(packed: bytes) -> Place:
    """The place that ``member`` packed."""
    return Place(int.from_bytes(packed[:8], "big"), packed[8:].decode())


def alert_member(place: Place, facets: Facets) -> bytes:
    """Member of the index of alerts; ids have no control characters, so a zero byte ends them."""
    return member(place) + b"\0" + pack(facets)


def alert_of(packed: bytes) -> tuple[Place, Facets]:
    """What ``alert_member`` packed."""
    end = packed.index(b"\0", 8)
    return place_of(packed[:end]), _facets(packed[end + 1 :])


def pack_alert(time_ms: int, message: bytes) -> bytes:
    """An alert and its event time."""
    return time_ms.to_bytes(8, "big") + zlib.compress(message)


def unpack_alert(packed: bytes) -> tuple[int, bytes]:
    """What ``pack_alert`` packed."""
    return int.from_bytes(packed[:8], "big"), zlib.decompress(packed[8:])


def known(text: str | None) -> str:
    """A text as it is counted."""
    return UNKNOWN if text is None else text


@lru_cache(maxsize=100_000)
def month_of_day(day: int) -> int:
    """Month of a day, both counted from 1970."""
    return int(np.datetime64(day, "D").astype("datetime64[M]").astype(np.int64))


@lru_cache(maxsize=10_000)
def first_hour_of(month: int) -> int:
    """First hour of a month."""
    return int(np.datetime64(month, "M").astype("datetime64[h]").astype(np.int64))
