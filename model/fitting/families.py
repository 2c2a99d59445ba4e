"""The families of models that are tried, from the simplest on, and where their parameters may lie.

The spaces hold what TreeSHAP explains within its budget (``model.explanations``): an alert whose
reasons come too late is of no use.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import xgboost

from model.candidate import Candidate, Parameters
from model.fitting.boosting import fit_boosting
from model.fitting.forests import fit_forest, fit_tree
from model.fitting.imbalance import WAYS, Rows, rebalanced
from model.fitting.logistic import fit_logistic

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True, slots=True)
class Family:
    """One way from rows to a sum of trees.

    Attributes:
        title: for people.
        fit: from rows (both classes present), parameters and a seed.
        usual: parameters that need no tuning to be sensible.
        propose: the parameters of a trial.
    """

    title: str
    fit: Callable[[Rows, Parameters, int], xgboost.Booster]
    usual: Parameters
    propose: Callable[[optuna.Trial], dict[str, float]]


def _logistic(trial: optuna.Trial) -> dict[str, float]:
    return {
        "bins": trial.suggest_int("bins", 4, 32, log=True),
        "c": trial.suggest_float("c", 1e-3, 10.0, log=True),
    }


def _tree(trial: optuna.Trial) -> dict[str, float]:
    return {
        "max_depth": trial.suggest_int("max_depth", 2, 10),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 2, 100, log=True),
    }


def _forest(trial: optuna.Trial) -> dict[str, float]:
    return {
        "n_estimators": trial.suggest_int("n_estimators", 20, 60),
        "max_depth": trial.suggest_int("max_depth", 3, 6),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 1, 50, log=True),
    }


def _boosting(trial: optuna.Trial) -> dict[str, float]:
    return {
        "rounds": trial.suggest_int("rounds", 80, 180),
        "max_depth": trial.suggest_int("max_depth", 3, 5),
        "eta": trial.suggest_float("eta", 0.05, 0.2, log=True),
        "min_child_weight": trial.suggest_float("min_child_weight", 0.3, 10.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 0.9),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.2, 0.7),
        "lambda": trial.suggest_float("lambda", 0.5, 20.0, log=True),
    }


FAMILIES: dict[str, Family] = {
    "logistic_regression": Family(
        "Logistic regression (scorecard)", fit_logistic, {"bins": 10, "c": 0.1}, _logistic
    ),
    "decision_tree": Family(
        "Decision tree", fit_tree, {"max_depth": 6, "min_samples_leaf": 20}, _tree
    ),
    "random_forest": Family(
        "Random forest", fit_forest,
        {"n_estimators": 40, "max_depth": 6, "min_samples_leaf": 3}, _forest,
    ),
    "xgboost": Family(
        "Gradient boosting (XGBoost)", fit_boosting,
        {
            "rounds": 140, "max_depth": 4, "eta": 0.1, "min_child_weight": 0.5, "subsample": 0.6,
            "colsample_bytree": 0.3, "lambda": 2.0,
        },
        _boosting,
    ),
}  # fmt: skip


def usual(family: str, imbalance: str = "none") -> Candidate:
    """A candidate whose parameters are the family's usual ones."""
    return Candidate(family, imbalance, dict(FAMILIES[family].usual))


def fit_candidate(candidate: Candidate, rows: Rows, seed: int) -> xgboost.Booster:
    """The candidate fitted to rows of both classes, after its way with imbalance."""
    ready = rebalanced(rows, candidate.imbalance, seed)
    return FAMILIES[candidate.family].fit(ready, candidate.parameters, seed)


def simplicity(candidate: Candidate, cost: float = 0.0) -> tuple[int, int, float, str]:
    """Sorts candidates from the simplest on.

    Args:
        candidate: what is sorted.
        cost: of its trees (``model.trees.explaining_cost``): fewer and smaller ones are simpler.
    """
    return (
        list(FAMILIES).index(candidate.family),
        WAYS.index(candidate.imbalance),
        cost,
        candidate.key,
    )
