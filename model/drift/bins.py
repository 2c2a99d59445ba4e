"""Bins of features and scores, fixed when a version is trained, and counts of events in them.

Promise: counts of any two sets of events add up to those of both together, whoever counted them and
in whatever pieces, since the edges are the version's; their size hangs on the number of features
alone.

Numbers have a bin for each tenth of the training events (fewer where values repeat), a category has
one for each of its commonest values and one for the others; what is unknown has its own.
"""

from __future__ import annotations

import msgspec
import numba
import numpy as np
from numpy.typing import NDArray

from features.declared import Feature

#: Name of the row that counts scores.
SCORE = "score"
#: Bins of known values, and one for what is unknown.
MOST_KNOWN = 10
BINS = MOST_KNOWN + 1
UNKNOWN = BINS - 1

Counts = NDArray[np.int64]


class Bins(msgspec.Struct, frozen=True):
    """Bins of one feature, and how many training events lie in each.

    Attributes:
        name: of the feature, or ``SCORE``.
        edges: of a number: bin i holds values above edge i − 1 and up to edge i; ascending.
        codes: of a category: those with a bin of their own; the last bin is for the others.
        counts: ``BINS`` numbers, the unknown last.
    """

    name: str
    edges: tuple[float, ...]
    codes: tuple[int, ...]
    counts: tuple[int, ...]


def bins_of(
    features: tuple[Feature, ...], matrix: NDArray[np.float32], score: NDArray[np.float32]
) -> tuple[Bins, ...]:
    """Bins of every feature, in model order, and of the score, from training events.

    Args:
        features: the declared features.
        matrix: their values, float32 of shape (n, len(features)), n > 0.
        score: of the events, shape (n,).
    """
    found = []
    for column, feature in enumerate(features):
        values = matrix[:, column]
        known = values[~np.isnan(values)]
        if feature.categories:
            shares = np.bincount(known.astype(np.intp), minlength=len(feature.categories))
            common = np.argsort(-shares, kind="stable")[: MOST_KNOWN - 1]
            codes = tuple(sorted(common[shares[common] > 0].tolist()))
            found.append(Bins(feature.name, (), codes, ()))
        else:
            found.append(Bins(feature.name, _edges(known), (), ()))
    found.append(Bins(SCORE, _edges(score), (), ()))
    counts = Binning(tuple(found)).count(matrix, score)
    return tuple(
        msgspec.structs.replace(one, counts=tuple(row))
        for one, row in zip(found, counts.tolist(), strict=True)
    )


def _edges(known: NDArray[np.float32]) -> tuple[float, ...]:
    """Tenths, each value once, the largest left out: above the last edge lies the last bin."""
    if not len(known):
        return ()
    tenths = np.quantile(known, np.arange(1, MOST_KNOWN) / MOST_KNOWN, method="inverted_cdf")
    edges = np.unique(tenths)
    return tuple(edges[edges < known.max()].tolist())


class Binning:
    """Counts events into the bins of a version; used by one thread at a time.

    Args:
        bins: of the features in model order, the score last.
    """

    def __init__(self, bins: tuple[Bins, ...]) -> None:
        self.names = tuple(one.name for one in bins)
        self.shape = (len(bins), BINS)
        self._edges = np.full((len(bins), MOST_KNOWN - 1), np.inf, np.float32)
        widest = max((max(one.codes) for one in bins if one.codes), default=0)
        #: Bin of each code of a category; the last column is for codes beyond the table.
        self._tables = np.full((len(bins), widest + 2), -1, np.int64)
        for row, one in enumerate(bins):
            self._edges[row, : len(one.edges)] = one.edges
            if one.codes:
                self._tables[row] = len(one.codes)
                self._tables[row, list(one.codes)] = np.arange(len(one.codes))

    def count(self, matrix: NDArray[np.float32], score: NDArray[np.float32]) -> Counts:
        """Events in each bin.

        Args:
            matrix: float32 of shape (n, features).
            score: shape (n,).

        Returns:
            int64 of shape (features + 1, ``BINS``).
        """
        counts = np.zeros(self.shape, np.int64)
        self.add(counts, matrix, score)
        return counts

    def add(self, counts: Counts, matrix: NDArray[np.float32], score: NDArray[np.float32]) -> None:
        """The same, added to ``counts``."""
        last = len(self.names) - 1
        _count(matrix, self._edges[:last], self._tables[:last], counts[:last])
        _count(score[:, None], self._edges[last:], self._tables[last:], counts[last:])


@numba.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _count(
    values: NDArray[np.float32],
    edges: NDArray[np.float32],
    tables: NDArray[np.int64],
    counts: Counts,
) -> None:
    """Add each value of (n, columns) to its bin of (columns, ``BINS``)."""
    rows, columns = values.shape
    for row in range(rows):
        for column in range(columns):
            value = values[row, column]
            place = 0
            if np.isnan(value):
                place = UNKNOWN
            elif tables[column, 0] >= 0:
                place = tables[column, min(int(value), tables.shape[1] - 1)]
            else:
                while place < edges.shape[1] and value > edges[column, place]:
                    place += 1
            counts[column, place] += 1


def reference_counts(bins: tuple[Bins, ...]) -> Counts:
    """Counts of the training events, int64 of shape (features + 1, ``BINS``)."""
    return np.array([one.counts for one in bins], np.int64)
