"""Messages that mean harm: drawn by Hypothesis, and real ones with something done to them."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.features.written_events import encoded, events, json_values, spoilt

Key = bytes | None
Value = bytes | None
Mutation = Callable[[bytes, bytes, np.random.Generator], bytes]

_AT_ONCE = 20
#: What a parser may trip over, in place of a value.
_ODD_VALUES = (
    b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0.0", b"1e-400", b"00", b"0x10", b'""',
    b'"\\ud800"', b'"\\u0000"', b"[]", b"{}", b"9007199254740993", b"-9223372036854775809",
    b'"2015-02-29T00:00:00Z"', b'"1969-12-31T23:59:59Z"', b'"9999-12-31T23:59:60Z"', b"1" * 400,
    b'"' + b"x" * 257 + b'"', b"[" * 300 + b"]" * 300, b'{"event_id":1}', b"1,1", b"'",
)  # fmt: skip
#: What no UTF-8 holds, or only an unusual one.
_ODD_BYTES = (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\x00", b"\x1b[2J", b"\n")


def drawn(profile: str, count: int) -> list[Value]:
    """Messages that Hypothesis draws: anything, JSON of any kind, valid events, spoilt ones."""
    valid = events[profile].flatmap(lambda event: encoded(event.fields))
    any_json = json_values.map(lambda value: json.dumps(value).encode())
    broken = st.none() | st.binary(max_size=40) | any_json
    # Of what is named twice more are drawn.
    one = st.one_of(
        _with_any_field(profile), valid.flatmap(spoilt), valid, broken, valid.flatmap(spoilt),
        _with_any_field(profile),
    )  # fmt: skip
    found: list[Value] = []

    @settings(
        max_examples=count // _AT_ONCE + 1,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(values=st.lists(one, min_size=_AT_ONCE, max_size=_AT_ONCE))
    def draw(values: list[Value]) -> None:
        found.extend(values)

    draw()
    return found[:count]


@st.composite
def _with_any_field(draw: st.DrawFn, profile: str) -> bytes:
    fields = draw(events[profile]).fields
    return json.dumps({**fields, draw(st.sampled_from(sorted(fields))): draw(json_values)}).encode()


def mutated(values: list[bytes], count: int, seed: int) -> list[bytes]:
    """So many messages, each one of ``values`` with one or two things done to it."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        value, other = (values[one] for one in rng.integers(0, len(values), 2))
        for _ in range(rng.integers(1, 3)):
            value = _MUTATIONS[rng.integers(len(_MUTATIONS))](value, other, rng)
        found.append(value)
    return found


def any_keys(count: int, seed: int) -> list[Key]:
    """Keys that no sender of ours would give: none, empty, long, no text."""
    rng = np.random.default_rng(seed)
    kinds = (None, b"", b"k", b"\xff\xfe", b"x" * 1000)
    return [
        kinds[one] if one < len(kinds) else b"user-%d" % one
        for one in rng.integers(0, 50, count).tolist()
    ]


def _place(value: bytes, rng: np.random.Generator) -> int:
    return int(rng.integers(0, len(value) + 1))


def _flip_a_bit(value: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    if not value:
        return value
    changed = bytearray(value)
    changed[rng.integers(len(changed))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def _cut_off(value: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    return value[: _place(value, rng)]


def _take_out(value: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    at = _place(value, rng)
    return value[:at] + value[at + int(rng.integers(1, 8)) :]


def _put_in(value: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    at = _place(value, rng)
    return value[:at] + _ODD_BYTES[rng.integers(len(_ODD_BYTES))] + value[at:]


def _repeat_a_part(value: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    begin, end = sorted((_place(value, rng), _place(value, rng)))
    return value[:end] + value[begin:end] + value[end:]


def _join(value: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return value[: _place(value, rng)] + other[_place(other, rng) :]


def _append(value: bytes, other: bytes, _: np.random.Generator) -> bytes:
    return value + other


def _another_value(value: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    """In place of what stands between one colon and the next comma."""
    colons = [at for at, byte in enumerate(value) if byte == ord(":")]
    if not colons:
        return value
    begin = colons[rng.integers(len(colons))] + 1
    end = value.find(b",", begin)
    odd = _ODD_VALUES[rng.integers(len(_ODD_VALUES))]
    return value[:begin] + odd + (value[end:] if end >= 0 else b"}")


def _a_field_more(value: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """One that is there already, or one that nobody knows."""
    fields = other.strip(b"{} \r\n").split(b",")
    return value.rstrip(b"} \r\n") + b"," + fields[rng.integers(len(fields))] + b"}"


def _another_number(value: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    """One digit changed: often another amount or time under the same id."""
    digits = [at for at, byte in enumerate(value) if chr(byte).isdecimal()]
    if not digits:
        return value
    at = digits[rng.integers(len(digits))]
    return value[:at] + b"%d" % rng.integers(10) + value[at + 1 :]


#: Those that leave most messages JSON are in it more often.
_MUTATIONS: tuple[Mutation, ...] = (
    _flip_a_bit, _cut_off, _take_out, _put_in, _repeat_a_part, _join, _append,
    *(_a_field_more,) * 2, *(_another_value,) * 6, *(_another_number,) * 8,
)  # fmt: skip
