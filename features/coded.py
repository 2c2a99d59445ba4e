"""Text columns by their distinct values.

Most columns repeat few values, so what a value means (its hash, its country, its code) is worked
out once for each distinct one and then spread over the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash
from numpy.typing import NDArray

_FEW = 32


class Coded:
    """n texts, of which d are distinct.

    Args:
        texts: the column, None where unknown.

    Attributes:
        code: row → index into ``distinct``, −1 where the text is unknown, shape (n,).
    """

    def __init__(self, texts: Sequence[str | None]) -> None:
        self.code: NDArray[np.int64]
        self._dictionary: pa.Array | dict[str, int]
        if len(texts) <= _FEW:  # a few are looked up before Arrow has begun
            known: dict[str, int] = {}
            codes = [-1 if text is None else known.setdefault(text, len(known)) for text in texts]
            self._dictionary, self.code = known, np.array(codes, np.int64)
            return
        column = pa.array(texts, pa.string()).dictionary_encode()
        self._dictionary = column.dictionary
        self.code = column.indices.fill_null(-1).to_numpy().astype(np.int64)

    def __len__(self) -> int:
        """How many distinct texts there are."""
        return len(self._dictionary)

    @cached_property
    def distinct(self) -> list[str]:
        """The distinct texts in order of first appearance."""
        if isinstance(self._dictionary, dict):
            return list(self._dictionary)
        texts: list[str] = self._dictionary.to_pylist()
        return texts

    def spread(self, values: NDArray[Any], unknown: Any) -> NDArray[Any]:
        """The value of each row.

        Args:
            values: of each distinct text, shape (d,).
            unknown: where the text is unknown.
        """
        # −1 takes the last one.
        spread: NDArray[Any] = np.append(values, np.array(unknown, values.dtype))[self.code]
        return spread

    @cached_property
    def hashes(self) -> NDArray[np.uint64]:
        """64-bit hash of each row's text, 0 where unknown, shape (n,)."""
        found = (xxhash.xxh3_64_intdigest(text.encode()) for text in self.distinct)
        return self.spread(np.fromiter(found, np.uint64, len(self)), 0)
