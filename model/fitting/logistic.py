"""Logistic regression over binned features: the scorecard that credit scoring has used for decades.

Each number is cut into bins that hold about equally many rows, unknown being one of them; each bin
and each category has a weight, and a row's raw score, its log odds, is the sum of one weight for
each feature. (Siddiqi, Credit Risk Scorecards, 2006.) Such a sum is a tree for each feature.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import xgboost
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from model.candidate import Parameters
from model.fitting.imbalance import Rows, with_unknown_lowest
from model.trees import booster_of, staircase


@dataclass(frozen=True, slots=True, eq=False)
class _Bins:
    """How one feature is cut: ``edges`` are the lowest values of all bins but the first."""

    edges: NDArray[np.float32]

    def of(self, values: NDArray[np.float32]) -> NDArray[np.intp]:
        return np.searchsorted(self.edges, values, side="right")

    def __len__(self) -> int:
        return len(self.edges) + 1


def fit_logistic(rows: Rows, parameters: Parameters, seed: int) -> xgboost.Booster:
    """Weights by penalised maximum likelihood; ``bins`` and ``c``, the inverse of the penalty."""
    matrix = with_unknown_lowest(rows.matrix)
    bins = [
        _cut(matrix[:, column], int(parameters["bins"]), column in rows.categories)
        for column in range(matrix.shape[1])
    ]
    starts = np.cumsum([0, *map(len, bins)])
    codes = np.column_stack([one.of(matrix[:, column]) for column, one in enumerate(bins)])
    hot = _one_hot(codes + starts[:-1], int(starts[-1]))
    # Newton's method: lbfgs does not get to the end where bins are empty or separate the classes.
    model = LogisticRegression(C=parameters["c"], solver="liblinear", random_state=seed)
    model.fit(hot, rows.fraud, sample_weight=rows.weight)
    weights = model.coef_[0]
    cover = np.asarray(hot.T @ rows.weight).ravel()
    trees = [
        staircase(
            column,
            one.edges,
            weights[start : start + len(one)],
            cover[start : start + len(one)],
        )
        for column, (one, start) in enumerate(zip(bins, starts[:-1].tolist(), strict=True))
        if len(one) > 1
    ]
    same_for_all = float(model.intercept_[0]) + sum(
        float(weights[start])
        for one, start in zip(bins, starts[:-1].tolist(), strict=True)
        if len(one) == 1
    )
    constant = staircase(0, np.empty(0), np.array([same_for_all]), rows.weight.sum()[None])
    return booster_of([*trees, constant], matrix.shape[1])


def _cut(values: NDArray[np.float32], bins: int, is_category: bool) -> _Bins:
    if is_category:
        # Codes are whole numbers, so that no value lies on an edge between two of them.
        return _Bins((np.unique(values)[1:] - np.float32(0.5)).astype(np.float32))
    at = np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1], method="higher")
    lowest = values[values > values.min()]
    # What is lowest is often "none" or unknown, and deserves a bin of its own.
    edges = np.append(at, lowest.min()) if len(lowest) else at[:0]
    return _Bins(np.unique(edges[edges > values.min()]).astype(np.float32))


def _one_hot(codes: NDArray[np.intp], width: int) -> scipy.sparse.csr_matrix:
    size, features = codes.shape
    return scipy.sparse.csr_matrix(
        (np.ones(codes.size), codes.ravel(), np.arange(0, codes.size + 1, features)), (size, width)
    )
