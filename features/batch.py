"""The one batch type that flows through everything: events as columns.

Whatever the source (a CSV, a Kafka micro-batch), accepted events become an ``EventBatch``; the
feature computations, the scorer and the publisher all read its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import xxhash
from numpy.typing import NDArray

from features.coded import Coded
from features.profiles import VECTOR, profile_spec

#: Amounts are integers of 10⁻⁴ currency units everywhere inside.
AMOUNT_SCALE = 10_000
#: An amount above this many currency units is rejected: 512 of them still sum below 2⁵³.
MAX_AMOUNT = 1_000_000_000
#: Bytes of an event id that take part in the order; longer ids end in a hash (see ``order_key``).
ORDER_BYTES = 40


#: The column that says who an entity is.
ENTITY_COLUMN = {
    "user": "user_id",
    "device": "device_id",
    "ip": "ip_address",
    "card": "card_id",
    "vector": "vector",
}


def order_key(event_id: str) -> bytes:
    """The bytes by which event ids are compared, at most ``ORDER_BYTES`` long.

    Ids of up to 40 UTF-8 bytes are compared as they are. Of a longer one, the first 32 bytes and
    an 8-byte hash of the whole stand in for it, so that state entries have a fixed size.
    """
    raw = event_id.encode()
    if len(raw) <= ORDER_BYTES:
        return raw
    # Fixed-size byte arrays drop zero bytes at the end: do so here, so that both forms agree.
    return (raw[: ORDER_BYTES - 8] + xxhash.xxh3_64_digest(raw)).rstrip(b"\0")


def order_keys(event_ids: Sequence[str]) -> NDArray[np.bytes_]:
    """``order_key`` of each id as an ``S40`` array of shape (n,)."""
    return np.array([order_key(event_id) for event_id in event_ids], dtype=f"S{ORDER_BYTES}")


def total_order(time_ms: NDArray[np.int64], order_id: NDArray[np.bytes_]) -> NDArray[np.intp]:
    """Indices that sort events by (event time, event id)."""
    order = np.argsort(time_ms, kind="stable")
    # Ids are slow to compare, so only those of equal times are.
    tied = np.zeros(len(order) + 1, np.bool_)
    tied[1:-1] = np.diff(time_ms[order]) == 0
    rows = np.flatnonzero(tied[1:] | tied[:-1])
    among = order[rows]
    order[rows] = among[np.lexsort((order_id[among], time_ms[among]))]
    return order


@dataclass(frozen=True, slots=True, eq=False)
class EventBatch:
    """n accepted events of one profile; row i of every column is the same event.

    Attributes:
        profile: name of the profile.
        event_id: n ids as they came.
        order_id: their order keys, ``S40``, shape (n,).
        time_ms: event time, integer milliseconds since 1970 UTC, shape (n,).
        amount: integer 10⁻⁴ currency units, shape (n,).
        text: column name → n strings, None where unknown. ``ip_address`` is canonical text
            (dotted IPv4 or compressed IPv6).
        number: column name → float64 of shape (n,), NaN where unknown; ``signup_ms`` holds whole
            milliseconds since 1970 UTC.
    """

    profile: str
    event_id: list[str]
    order_id: NDArray[np.bytes_]
    time_ms: NDArray[np.int64]
    amount: NDArray[np.int64]
    text: dict[str, list[str | None]]
    number: dict[str, NDArray[np.float64]]
    _coded: dict[str, Coded] = field(default_factory=dict, init=False, repr=False)

    def __len__(self) -> int:
        return len(self.event_id)

    def take(self, rows: NDArray[np.intp] | Sequence[int]) -> EventBatch:
        """The given rows, in the given order."""
        index = np.asarray(rows, dtype=np.intp)
        order = index.tolist()
        return EventBatch(
            profile=self.profile,
            event_id=[self.event_id[i] for i in order],
            order_id=self.order_id[index],
            time_ms=self.time_ms[index],
            amount=self.amount[index],
            text={name: [column[i] for i in order] for name, column in self.text.items()},
            number={name: column[index] for name, column in self.number.items()},
        )

    def in_total_order(self) -> NDArray[np.intp]:
        """Indices that sort the batch by (event time, event id)."""
        return total_order(self.time_ms, self.order_id)

    def coded(self, column: str) -> Coded:
        """A text column, or ``vector``, by its distinct values; made once for each batch."""
        if column not in self._coded:
            texts = vector_ids(self.number) if column == "vector" else self.text[column]
            self._coded[column] = Coded(texts)
        return self._coded[column]

    def entity(self, entity: str) -> Coded:
        """Who stands behind each event: a user, device, ip, card or vector."""
        return self.coded(ENTITY_COLUMN[entity])

    def kafka_keys(self) -> list[str]:
        """The partitioning key of each event (contract, "Topics")."""
        if self.profile == "ecommerce":
            return [str(user) for user in self.text["user_id"]]
        vectors = vector_ids(self.number)
        return [str(card or one) for card, one in zip(self.text["card_id"], vectors, strict=True)]


def vector_ids(number: dict[str, NDArray[np.float64]]) -> list[str | None]:
    """128-bit hex hash of v1…v28 for each event; equal exactly when all 28 numbers are equal."""
    # Adding 0.0 turns −0.0 into 0.0: numbers that compare equal hash equal.
    matrix = np.column_stack([number[name] for name in VECTOR]) + 0.0
    return [xxhash.xxh3_128_hexdigest(row.tobytes()) for row in np.ascontiguousarray(matrix)]


def empty_batch(profile: str) -> EventBatch:
    """A batch of no events."""
    spec = profile_spec(profile)
    return EventBatch(
        profile=profile,
        event_id=[],
        order_id=order_keys([]),
        time_ms=np.empty(0, np.int64),
        amount=np.empty(0, np.int64),
        text={name: [] for name in spec.text},
        number={name: np.empty(0, np.float64) for name in spec.number},
    )
