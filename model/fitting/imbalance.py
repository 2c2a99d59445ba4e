"""What to do about fraud being rare, before a model is fitted.

``none``; ``class_weights``: both classes weigh the same; ``under_sampling``: honest rows are left
out until there are three for each fraud; ``smote``: fraud rows are made up between neighbouring
ones (Chawla et al., SMOTE, JAIR 16, 2002; categories take the neighbours' most frequent value)
until there is one for three honest ones. All of it distorts probabilities, which is why every
model is calibrated afterwards on rows that were not touched.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

#: From the simplest on.
WAYS = ("none", "class_weights", "under_sampling", "smote")
#: Fraud rows for each honest one after resampling.
SHARE = 1 / 3
#: Stands for unknown where a value is needed: features that may be unknown are never negative.
LOWEST = np.float32(-1.0)
_NEIGHBOURS = 5


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n rows to fit a model to.

    Attributes:
        matrix: float32 of shape (n, features), NaN where unknown.
        fraud: labels, shape (n,).
        weight: of each row, float32, shape (n,).
        categories: columns that hold codes.
        filled: whether unknown values were replaced by ``LOWEST``.
    """

    matrix: NDArray[np.float32]
    fraud: NDArray[np.bool_]
    weight: NDArray[np.float32]
    categories: tuple[int, ...] = ()
    filled: bool = False

    def take(self, rows: NDArray[np.intp]) -> Rows:
        """Some of them."""
        return replace(
            self, matrix=self.matrix[rows], fraud=self.fraud[rows], weight=self.weight[rows]
        )


def rows_of(
    matrix: NDArray[np.float32], fraud: NDArray[np.bool_], categories: tuple[int, ...] = ()
) -> Rows:
    """Rows as they are, each of weight 1."""
    return Rows(matrix, fraud, np.ones(len(fraud), np.float32), categories)


def rebalanced(rows: Rows, way: str, seed: int) -> Rows:
    """The rows after one of ``WAYS``.

    Args:
        rows: both classes present.
        way: which.
        seed: of the resampling.
    """
    fraud = int(rows.fraud.sum())
    honest = len(rows.fraud) - fraud
    if way == "class_weights":
        half = len(rows.fraud) / 2
        weight = np.where(rows.fraud, half / fraud, half / honest).astype(np.float32)
        return replace(rows, weight=weight)
    if way == "none" or fraud >= SHARE * honest:  # it is not rare
        return rows
    if way == "under_sampling":
        return _fewer(rows, seed)
    return _more(rows, min(_NEIGHBOURS, fraud - 1), seed)


def with_unknown_lowest(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The matrix with ``LOWEST`` in place of NaN."""
    return np.where(np.isnan(matrix), LOWEST, matrix)


def _fewer(rows: Rows, seed: int) -> Rows:
    from imblearn.under_sampling import RandomUnderSampler

    sampler = RandomUnderSampler(sampling_strategy=SHARE, random_state=seed)
    sampler.fit_resample(np.zeros((len(rows.fraud), 1)), rows.fraud)
    kept = np.sort(sampler.sample_indices_)
    return rows.take(kept)


def _more(rows: Rows, neighbours: int, seed: int) -> Rows:
    from imblearn.over_sampling import SMOTE, SMOTENC

    matrix = with_unknown_lowest(rows.matrix)
    # Neighbours are near in every feature alike, whatever its unit.
    numbers = np.setdiff1d(np.arange(matrix.shape[1]), rows.categories)
    centre = matrix[:, numbers].mean(axis=0, dtype=np.float64)
    spread = matrix[:, numbers].std(axis=0, dtype=np.float64)
    spread[spread == 0] = 1.0
    scaled = matrix.astype(np.float64)
    scaled[:, numbers] = (scaled[:, numbers] - centre) / spread
    given = {"sampling_strategy": SHARE, "random_state": seed, "k_neighbors": neighbours}
    sampler = SMOTENC(rows.categories, **given) if rows.categories else SMOTE(**given)
    made, label = sampler.fit_resample(scaled, rows.fraud)
    made = made[len(matrix) :]
    made[:, numbers] = made[:, numbers] * spread + centre
    return replace(
        rows,
        matrix=np.vstack([matrix, made.astype(np.float32)]),
        fraud=np.asarray(label, np.bool_),
        weight=np.concatenate([rows.weight, np.ones(len(made), np.float32)]),
        filled=True,
    )
