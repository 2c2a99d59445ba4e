"""One training part in, a model with its thresholds out: the procedure that every split repeats.

Whatever is judged (a fold, a past, the model that goes into use) is made by ``fit_part`` from its
training part alone, so that the test figures are those of the procedure and no choice has seen a
test row:

1. ``VALIDATION_FOLDS`` models, each fitted to the training part without one stratified fold, score
   that fold: a validation score for every training row, from a model that did not see it;
2. thresholds are chosen on those scores;
3. the model is fitted to the whole training part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from model.boosting import fit, predict
from model.metadata import Thresholds
from model.thresholds import choose_thresholds

VALIDATION_FOLDS = 3
#: Models fitted by one ``fit_part``.
FITS = VALIDATION_FOLDS + 1


@dataclass(frozen=True, slots=True, eq=False)
class FittedPart:
    """A model and the thresholds chosen with it."""

    booster: xgboost.Booster
    thresholds: Thresholds


def fit_part(
    matrix: NDArray[np.float32],
    fraud: NDArray[np.bool_],
    seed: int,
    tick: Callable[[], None],
) -> FittedPart:
    """Model and thresholds from n training rows.

    Args:
        matrix: float32 of shape (n, features), NaN where unknown.
        fraud: labels, shape (n,), at least ``VALIDATION_FOLDS`` of each class.
        seed: of the folds and of the trees.
        tick: called after each of the ``FITS`` models, from the calling thread.
    """
    validation = np.empty(len(fraud), np.float32)
    folds = StratifiedKFold(VALIDATION_FOLDS, shuffle=True, random_state=seed)
    for rest, fold in folds.split(matrix, fraud):
        validation[fold] = predict(fit(matrix[rest], fraud[rest], seed), matrix[fold])
        tick()
    booster = fit(matrix, fraud, seed)
    tick()
    return FittedPart(booster, choose_thresholds(validation, fraud))
