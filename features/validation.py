"""From the bytes of a topic to a batch of events: what is wrong is set aside with its reason.

Promise: for every message, ``decode`` gives what ``features.validation_one.examine`` gives, be it
an event or a refusal, and never another exception. Steps, by the column over a fetched list:

1. each message is read into its struct, which settles types, bounds and required fields;
2. text, times, amounts and addresses are checked and brought into the form of a batch;
3. quotes are counted to find fields given twice, of which the reader silently keeps the last;
4. every message that is not plainly good by then is examined on its own.

``to_batch`` then only turns events into columns: it refuses nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import orjson
from numpy.typing import NDArray

from core.errors import RejectedEvent
from core.messages import EVENTS
from core.names import MAX_MESSAGE_BYTES
from features import rules_of_fields as rules
from features.batch import ORDER_BYTES, EventBatch, empty_batch, order_keys
from features.profiles import BANKING, ECOMMERCE, VECTOR, profile_spec
from features.rules_of_times import banking_time, written_time, written_times
from features.validation_one import MAX_DEPTH, Accepted, examine

#: Event time of a message that was refused.
NO_TIME = int(np.iinfo(np.int64).min)


@dataclass(slots=True)
class Decoded:
    """What n messages are, aligned with them.

    Attributes:
        event: the accepted event for ``to_batch``, None where refused.
        time_ms: event time, milliseconds since 1970 UTC, ``NO_TIME`` where refused, shape (n,).
        order_id: ``features.batch.order_keys`` of the event ids, b"" where refused, shape (n,).
        rejected: row → why it was refused.
    """

    event: list[Accepted | None]
    time_ms: NDArray[np.int64]
    order_id: NDArray[np.bytes_]
    rejected: dict[int, RejectedEvent]


def decode(
    profile: str,
    values: Sequence[bytes | None],
    broker_ms: NDArray[np.int64] | Sequence[int],
    max_future_ms: int,
) -> Decoded:
    """Read and validate the values of fetched messages.

    Args:
        profile: name of the profile.
        values: n messages as they came; None is a tombstone.
        broker_ms: their broker timestamps, milliseconds since 1970 UTC, shape (n,).
        max_future_ms: how far an event time may be ahead of the broker's clock.
    """
    if not values:
        return Decoded([], np.empty(0, np.int64), order_keys([]), {})
    latest_ms = np.asarray(broker_ms, np.int64) + max_future_ms
    # What is empty or too large is not even looked at here.
    raw = [value if value and len(value) <= MAX_MESSAGE_BYTES else b"" for value in values]
    columns = _read(profile, raw)
    columns.close_look |= columns.time_ms > latest_ms
    event_id = columns.event_id
    time_ms = columns.time_ms
    order_id = order_keys(event_id)
    event: list[Accepted | None] = list(
        map(
            Accepted,
            event_id,
            order_id.tolist(),
            time_ms.tolist(),
            columns.amount.tolist(),
            zip(*columns.text, strict=True),
            zip(*columns.number, strict=True),
        )
    )
    rejected = {}
    for row in np.flatnonzero(columns.close_look).tolist():
        try:
            one = examine(profile, values[row], int(latest_ms[row]))
        except RejectedEvent as refusal:
            rejected[row] = refusal
            event[row], time_ms[row], order_id[row] = None, NO_TIME, b""
        else:
            event[row], time_ms[row], order_id[row] = one, one.time_ms, one.order_id
    return Decoded(event, time_ms, order_id, rejected)


def to_batch(profile: str, events: Sequence[Accepted]) -> EventBatch:
    """The columns of n accepted events, in their order."""
    if not events:
        return empty_batch(profile)
    spec = profile_spec(profile)
    size = len(events)
    flat = chain.from_iterable([event.number for event in events])
    numbers = np.fromiter(flat, np.float64, size * len(spec.number)).reshape(size, -1)
    texts = zip(*[event.text for event in events], strict=True)
    return EventBatch(
        profile=profile,
        event_id=[event.event_id for event in events],
        order_id=np.array([event.order_id for event in events], dtype=f"S{ORDER_BYTES}"),
        time_ms=np.array([event.time_ms for event in events], np.int64),
        amount=np.array([event.amount for event in events], np.int64),
        text={name: list(column) for name, column in zip(spec.text, texts, strict=True)},
        number=dict(zip(spec.number, np.ascontiguousarray(numbers.T), strict=True)),
    )


@dataclass(slots=True)
class _Columns:
    """Messages by the column; rows of ``close_look`` hold values of no meaning."""

    close_look: NDArray[np.bool_]
    event_id: Sequence[str]
    time_ms: NDArray[np.int64]
    amount: NDArray[np.int64]
    text: list[Sequence[str | None]]
    number: list[Sequence[float]]


#: What the reader raises for a message that it cannot read.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
#: Stands in the columns for a message that could not be read.
_STAND_IN = {
    ECOMMERCE.name: b'{"event_id":"-","user_id":"-","signup_time":"1970-01-01T00:00:00.000Z",'
    b'"purchase_time":"1970-01-01T00:00:00.000Z","purchase_value":0.0,"device_id":"-",'
    b'"source":"-","browser":"-","sex":"-","age":0.0,"ip_address":"0.0.0.0","schema":1}',
    BANKING.name: msgspec.json.encode(
        {"event_id": "-", "time": 0, "amount": 0.0, "schema": 1} | dict.fromkeys(VECTOR, 0.0)
    ),
}
_DECODERS: dict[str, msgspec.json.Decoder[Any]] = {
    profile: msgspec.json.Decoder(event) for profile, event in EVENTS.items()
}


def _read(profile: str, raw: list[bytes]) -> _Columns:
    decoder = _DECODERS[profile]
    close_look = np.zeros(len(raw), np.bool_)
    structs = []
    for row, value in enumerate(raw):
        try:
            structs.append(decoder.decode(value))
        except _UNREADABLE:
            structs.append(decoder.decode(_STAND_IN[profile]))
            close_look[row] = True
    names = EVENTS[profile].__struct_fields__
    by_field = zip(*map(msgspec.structs.astuple, structs), strict=True)
    fields: dict[str, Sequence[Any]] = dict(zip(names, by_field, strict=True))
    columns = _COLUMNS[profile](fields, close_look)
    _look_for_repeated(raw, fields, close_look)
    _look_for_unfit_text(raw, columns)
    return columns


def _ecommerce(fields: dict[str, Sequence[Any]], close_look: NDArray[np.bool_]) -> _Columns:
    texts: list[Sequence[str | None]] = [
        _entities(fields["user_id"]),
        _entities(fields["device_id"]),
        _categories(fields["source"]),
        _categories(fields["browser"]),
        _categories(fields["sex"]),
        _addresses(fields["ip_address"], close_look),
    ]
    signup_ms = _times("signup_time", fields["signup_time"], close_look)
    ages = [age if type(age) is float else np.nan for age in fields["age"]]
    return _Columns(
        close_look,
        fields["event_id"],
        _times("purchase_time", fields["purchase_time"], close_look),
        _amounts(fields["purchase_value"], close_look),
        texts,
        [signup_ms.astype(np.float64).tolist(), ages],
    )


def _banking(fields: dict[str, Sequence[Any]], close_look: NDArray[np.bool_]) -> _Columns:
    return _Columns(
        close_look,
        fields["event_id"],
        _times("time", fields["time"], close_look),
        _amounts(fields["amount"], close_look),
        [_entities(fields["card_id"])],
        [fields[name] for name in VECTOR],
    )


_COLUMNS: dict[str, Callable[[dict[str, Sequence[Any]], NDArray[np.bool_]], _Columns]] = {
    ECOMMERCE.name: _ecommerce,
    BANKING.name: _banking,
}


def _entities(column: Sequence[Any]) -> Sequence[str | None]:
    if set(map(type, column)) == {str}:
        return column
    return [value if type(value) is str else _digits(value) for value in column]


def _digits(value: Any) -> str | None:
    return str(value) if type(value) is int else None


def _categories(column: Sequence[Any]) -> Sequence[str | None]:
    # Null, missing and the empty text are all false, and all mean unknown.
    return column if all(column) else [value or None for value in column]


def _addresses(column: Sequence[Any], close_look: NDArray[np.bool_]) -> Sequence[str | None]:
    if set(map(type, column)) == {str} and rules.all_dotted_ipv4(column):
        return column
    found: list[str | None] = []
    for row, value in enumerate(column):
        try:
            found.append(rules.ip_text("ip_address", None if value is msgspec.UNSET else value))
        except RejectedEvent:
            found.append(None)
            close_look[row] = True
    return found


def _times(field: str, column: Sequence[Any], close_look: NDArray[np.bool_]) -> NDArray[np.int64]:
    if set(map(type, column)) == {str} and (times := written_times(column)) is not None:
        return times
    times = np.empty(len(column), np.int64)
    for row, value in enumerate(column):
        read = written_time if isinstance(value, str) else banking_time
        try:
            times[row] = read(field, value)
        except RejectedEvent:
            times[row] = NO_TIME
            close_look[row] = True
    return times


def _amounts(column: Sequence[float], close_look: NDArray[np.bool_]) -> NDArray[np.int64]:
    units, fits = rules.amounts_in_units(np.array(column, np.float64))
    close_look |= ~fits
    return units


#: Quotes that a field with a value of this type takes: two for its name, two around a text.
_FIELD_QUOTES = {str: 4, int: 2, float: 2, type(None): 2, msgspec.UnsetType: 0}


def _look_for_repeated(
    raw: list[bytes],
    fields: dict[str, Sequence[Any]],
    close_look: NDArray[np.bool_],
) -> None:
    """Mark messages with more quotes than the fields that were read account for.

    Every field given twice adds the two quotes of its name, however it is spelt. So does a field
    that is not known, which is allowed; those get a second test.
    """
    quotes: int | NDArray[np.int64] = 0
    for column in fields.values():
        kinds = set(map(type, column))
        if len(kinds) == 1:
            quotes = quotes + _FIELD_QUOTES[kinds.pop()]
        else:
            counts = map(_FIELD_QUOTES.__getitem__, map(type, column))
            quotes = quotes + np.fromiter(counts, np.int64, len(column))
    more = np.array([value.count(b'"') for value in raw]) != quotes
    for row in np.flatnonzero(more & ~close_look).tolist():
        close_look[row] = not _surely_no_repeat(raw[row])


def _surely_no_repeat(value: bytes) -> bool:
    """Whether nothing at all is in ``value`` twice, and its unknown fields are sound."""
    if value.count(b"[") + value.count(b"{") > MAX_DEPTH:
        return False
    try:
        # The reader of structs skips unknown fields without looking at their encoding.
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        return False
    return value.count(b'"') == _quotes(parsed)


def _quotes(value: Any) -> int:
    """Quotes that it takes to write ``value`` as JSON without escapes."""
    if isinstance(value, str):
        return 2
    if isinstance(value, dict):
        return sum([2 + _quotes(content) for content in value.values()])
    return sum(map(_quotes, value)) if isinstance(value, list) else 0


def _look_for_unfit_text(raw: list[bytes], columns: _Columns) -> None:
    """Mark texts that hold more than printable characters."""
    everything = b"".join(raw)
    # JSON allows none of the other ASCII control characters outside an escape.
    if everything.isascii() and b"\\" not in everything and b"\x7f" not in everything:
        return
    for column in (columns.event_id, *columns.text):
        columns.close_look |= [not (value or "").isprintable() for value in column]
