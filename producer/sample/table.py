"""Arrow columns that are spelt as in the files they imitate."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from producer.sample.hashing import Ints, Words

_LETTERS = 13
_ID_PRIME = 2_147_483_647
_ID_FACTOR = 1_103_515_249
_ID_SHIFT = 12_345_677


def user_ids(number: Ints) -> Ints:
    """Account numbers, which tell who came when, as ids that do not; one to one below 2³¹ − 1."""
    return (number * _ID_FACTOR + _ID_SHIFT) % _ID_PRIME


def device_ids(words: Words) -> pa.Array:
    """Thirteen capital letters for each word."""
    rest = words % np.uint64(26**_LETTERS)
    letters = np.empty((len(words), _LETTERS), np.uint8)
    for column in range(_LETTERS - 1, -1, -1):
        rest, digit = np.divmod(rest, np.uint64(26))
        letters[:, column] = digit + np.uint64(ord("A"))
    flat = pa.py_buffer(letters)
    fixed = pa.FixedSizeBinaryArray.from_buffers(pa.binary(_LETTERS), len(words), [None, flat])
    return fixed.cast(pa.binary()).cast(pa.string())


def cents(values: Ints) -> pa.Array:
    """1/100 currency units as decimals with two places; exact, unlike floats."""
    halves = np.zeros((len(values), 2), np.int64)
    halves[:, 0] = values
    return pa.Array.from_buffers(pa.decimal128(18, 2), len(values), [None, pa.py_buffer(halves)])


def seconds(values: Ints) -> pa.Array:
    """Seconds since 1970 UTC, written as ``YYYY-MM-DD HH:MM:SS``."""
    return pa.array(values).cast(pa.timestamp("s"))


def names(codes: NDArray[np.int8], spelt: tuple[str, ...]) -> pa.Array:
    """The name at each index."""
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(spelt)).cast(pa.string())
