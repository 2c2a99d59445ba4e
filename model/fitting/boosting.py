"""Gradient-boosted trees, from xgboost, and what is asked of any booster."""

from __future__ import annotations

from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from model.candidate import Parameters
from model.fitting.imbalance import Rows
from model.trees import where_unknown_is_lowest

FIXED: dict[str, Any] = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    # With the default of 256 the one-second sign-ups of a ring share a bin with honest customers
    # who take hours: precision on the real e-commerce data falls from .997 to .946.
    "max_bin": 1024,
    # The intercept is learnt by the trees; estimated from the labels it is written to the model as
    # a rounded text.
    "base_score": 0.5,
    # One thread for each model: sums are then always formed in the same order, and OpenMP threads
    # that wait for each other by spinning cost ten times the work on a busy machine. Several
    # models are fitted side by side instead.
    "nthread": 1,
}
_WHOLE = ("max_depth",)


def fit_boosting(rows: Rows, parameters: Parameters, seed: int) -> xgboost.Booster:
    """Trees fitted to n rows; the same input and seed give the same trees.

    Args:
        rows: both classes present.
        parameters: ``rounds`` and any of xgboost's own.
        seed: of the row and column samples.
    """
    given: dict[str, Any] = {**FIXED, **parameters, "seed": seed}
    rounds = int(given.pop("rounds"))
    given |= {name: int(given[name]) for name in _WHOLE if name in given}
    data = xgboost.DMatrix(
        rows.matrix, label=rows.fraud.astype(np.float32), weight=rows.weight, nthread=1
    )
    booster = xgboost.train(given, data, rounds)
    return where_unknown_is_lowest(booster) if rows.filled else booster


def raw_scores(booster: xgboost.Booster, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum of the trees for each row, float32 of shape (n,)."""
    data = xgboost.DMatrix(matrix, nthread=1)
    raw: NDArray[np.float32] = booster.predict(data, output_margin=True)
    return raw
