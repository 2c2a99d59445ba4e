"""One training part in, a calibrated model with its thresholds out: what every split repeats.

Whatever is judged (a fold, a past, the model that goes into use) is made by ``fit_part`` from its
training part alone, so that the test figures are those of the procedure and no choice has seen a
test row:

1. a candidate is selected on expanding folds of the part (``model.fitting.selection``);
2. ``VALIDATION_FOLDS`` models of it, each fitted to the part without one stratified fold, score
   that fold: a validation score for every training row, from a model that did not see it;
3. calibration and thresholds are chosen on these scores;
4. the candidate is fitted to the whole part.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import xgboost
from numpy.typing import NDArray

from model.calibration import Calibration
from model.candidate import Candidate, Choice
from model.fitting.boosting import raw_scores
from model.fitting.calibrating import choose_calibration
from model.fitting.families import fit_candidate, usual
from model.fitting.folds import expanding_folds, stratified_folds
from model.fitting.imbalance import Rows
from model.fitting.memo import Memo
from model.fitting.selection import Budget, Selection, steps
from model.fitting.thresholds import choose_thresholds
from model.metadata import Policy, Thresholds

VALIDATION_FOLDS = 3


@dataclass(frozen=True, slots=True)
class Procedure:
    """How a model is made from a training part.

    Attributes:
        budget: what is tried.
        policy: by what thresholds are chosen.
        delay_ms: how long a label takes to be known.
        first_share: of the fraud, that the first of the folds in order of time learns from.
        seed: of everything random.
    """

    budget: Budget
    policy: Policy
    delay_ms: int
    first_share: float
    seed: int

    @property
    def steps(self) -> int:
        """How often ``fit_part`` says that it has got on."""
        return steps(self.budget) + 2


@dataclass(frozen=True, slots=True, eq=False)
class FittedPart:
    """A model, its calibration, and the thresholds chosen with it.

    Attributes:
        booster: gives raw scores.
        calibration: makes probabilities of them.
        thresholds: those in use.
        alternatives: way of choosing → thresholds.
        choice: what was fitted, and what else was tried.
        validation: calibrated validation scores of the training part, float32, shape (n,).
    """

    booster: xgboost.Booster
    calibration: Calibration
    thresholds: Thresholds
    alternatives: Mapping[str, Thresholds]
    choice: Choice
    validation: NDArray[np.float32]

    def scores(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Fraud probability of each row, float32 of shape (n,)."""
        return self.calibration.apply(raw_scores(self.booster, matrix))


def fit_part(
    rows: Rows,
    time_ms: NDArray[np.int64],
    procedure: Procedure,
    memo: Memo,
    tick: Callable[[], None],
) -> FittedPart:
    """Model, calibration and thresholds from n training rows in total order.

    Args:
        rows: of the part, at least ``VALIDATION_FOLDS`` of each class.
        time_ms: their event times, ascending, shape (n,).
        procedure: how.
        memo: of an earlier run.
        tick: called ``procedure.steps`` times, from the calling thread.

    Raises:
        ModelError: nothing that was tried can be used.
    """
    seed = procedure.seed
    choice = _choose(rows, time_ms, procedure, memo, tick)
    raw = memo.recall(
        f"{choice.candidate.key}|validation",
        lambda: {"raw": validation_scores(choice.candidate, rows, seed)},
    )["raw"]
    tick()
    calibration = choose_calibration(raw, rows.fraud, seed)
    validation = calibration.apply(raw)
    alternatives = choose_thresholds(validation, rows.fraud, procedure.policy)
    booster = fit_candidate(choice.candidate, rows, seed)
    tick()
    return FittedPart(
        booster=booster,
        calibration=calibration,
        thresholds=alternatives[procedure.policy.by],
        alternatives=alternatives,
        choice=choice,
        validation=validation,
    )


def validation_scores(candidate: Candidate, rows: Rows, seed: int) -> NDArray[np.float32]:
    """Raw scores of all rows, each from a model that was fitted without it, shape (n,)."""
    found = np.empty(len(rows.fraud), np.float32)
    for fold in stratified_folds(rows.fraud, VALIDATION_FOLDS, seed):
        booster = fit_candidate(candidate, rows.take(fold.train), seed)
        found[fold.test] = raw_scores(booster, rows.matrix[fold.test])
    return found


def _choose(
    rows: Rows,
    time_ms: NDArray[np.int64],
    procedure: Procedure,
    memo: Memo,
    tick: Callable[[], None],
) -> Choice:
    budget, seed = procedure.budget, procedure.seed
    if budget.is_settled:
        return Choice(usual(budget.families[0], budget.ways[0]))
    # Where the past is too short to be cut, the folds are not in order of time.
    folds = expanding_folds(
        time_ms, rows.fraud, procedure.delay_ms, procedure.first_share
    ) or stratified_folds(rows.fraud, VALIDATION_FOLDS, seed)
    return Selection(rows, folds, budget, seed, memo, tick).choose()
