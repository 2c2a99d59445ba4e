"""Sums over stretches of rows that are asked for again and again: by subtraction, not by adding.

The sum of rows a to b is the sum of all before b less that of all before a, so a question costs as
much as it has answers, however many rows lie between. Integers: exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


class RunningSums:
    """Sums over consecutive rows.

    Args:
        rows: what is summed, shape (n, c).
    """

    def __init__(self, rows: Ints) -> None:
        self._before = np.zeros((len(rows) + 1, rows.shape[1]), np.int64)
        np.cumsum(rows, axis=0, out=self._before[1:])

    def between(self, begin: Ints, end: Ints) -> Ints:
        """Sums from row ``begin`` to before row ``end``, of k stretches: shape (k, c)."""
        found: Ints = self._before[end] - self._before[begin]
        return found


class GroupedSums:
    """Sums over consecutive rows, of each value apart.

    Args:
        values: of n rows, texts.
        rows: what is summed, shape (n, c).

    Attributes:
        names: the distinct values, ascending.
        code: row → index into ``names``, shape (n,).
    """

    def __init__(self, values: NDArray[np.object_], rows: Ints) -> None:
        names, code = np.unique(values.astype(str), return_inverse=True)
        self.names: list[str] = names.tolist()
        self.code: Ints = code.astype(np.int64)
        self._n = max(len(rows), 1)
        order = np.argsort(self.code, kind="stable")
        self._order = order.astype(np.int64)
        #: Ascending: value first, then row.
        self._keys: Ints = self.code[order] * self._n + order
        self._sums = RunningSums(rows[order])

    def rows(self, code: int, begin: int, end: int) -> Ints:
        """The rows of a value from ``begin`` to before ``end``, ascending."""
        first, last = self._stretches(np.array([code]), begin, end)
        return self._order[first[0] : last[0]]

    def all_rows(self, codes: Ints, begin: int, end: int) -> tuple[Ints, Ints]:
        """The m rows of k values from ``begin`` to before ``end``: whose (0 to k − 1), and which.

        Both of shape (m,).
        """
        first, last = self._stretches(codes, begin, end)
        count = last - first
        whose = np.repeat(np.arange(len(codes)), count)
        within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        return whose, self._order[np.repeat(first, count) + within]

    def within(self, codes: Ints, begin: int, end: int) -> Ints:
        """Sums of k values from row ``begin`` to before ``end``, shape (k, c)."""
        return self._sums.between(*self._stretches(codes, begin, end))

    def _stretches(self, codes: Ints, begin: int, end: int) -> tuple[Ints, Ints]:
        base = codes * self._n
        return (
            np.searchsorted(self._keys, base + begin),
            np.searchsorted(self._keys, base + end),
        )
