"""A decision tree and random forests, from scikit-learn.

Unknown values stand below all others while these are fitted. A row's raw score is the mean share of
fraud in the leaves it falls into.
"""

from __future__ import annotations

import numpy as np
import xgboost
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier

from model.candidate import Parameters
from model.fitting.imbalance import Rows, with_unknown_lowest
from model.trees import LEAF, Tree, booster_of

_INFINITY = np.float32(np.inf)


def fit_tree(rows: Rows, parameters: Parameters, seed: int) -> xgboost.Booster:
    """One decision tree; ``max_depth`` and ``min_samples_leaf``."""
    tree = DecisionTreeClassifier(random_state=seed, **_integers(parameters))
    tree.fit(with_unknown_lowest(rows.matrix), rows.fraud, sample_weight=rows.weight)
    return booster_of([_tree_of(tree, 1)], rows.matrix.shape[1])


def fit_forest(rows: Rows, parameters: Parameters, seed: int) -> xgboost.Booster:
    """A random forest; ``n_estimators``, ``max_depth``, ``min_samples_leaf``."""
    forest = RandomForestClassifier(random_state=seed, n_jobs=1, **_integers(parameters))
    forest.fit(with_unknown_lowest(rows.matrix), rows.fraud, sample_weight=rows.weight)
    return forest_as_booster(forest, rows.matrix.shape[1])


def forest_as_booster(forest: RandomForestClassifier, width: int) -> xgboost.Booster:
    """The forest's probabilities as sums of leaves, for rows with unknown values left out."""
    number = len(forest.estimators_)
    return booster_of([_tree_of(one, number) for one in forest.estimators_], width)


def _integers(parameters: Parameters) -> dict[str, int]:
    return {name: int(value) for name, value in parameters.items()}


def _tree_of(fitted: DecisionTreeClassifier, number: int) -> Tree:
    """The tree with an ``number``-th of its share of fraud in each leaf."""
    tree = fitted.tree_
    shares = tree.value[:, 0, :]
    fraud = shares[:, list(fitted.classes_).index(True)] / shares.sum(axis=1)
    leaf = tree.children_left == -1
    return Tree(
        feature=np.where(leaf, LEAF, tree.feature).astype(np.int64),
        below=_first_above(tree.threshold),
        left=tree.children_left.astype(np.int64),
        right=tree.children_right.astype(np.int64),
        unknown_left=np.ones(len(leaf), np.bool_),
        value=(fraud / number).astype(np.float32),
        cover=tree.weighted_n_node_samples.astype(np.float32),
    )


def _first_above(threshold: NDArray[np.float64]) -> NDArray[np.float32]:
    """The smallest float32 above each threshold.

    scikit-learn sends a float32 row left when it is at most the float64 threshold, xgboost when it
    is below a float32: this one draws the same line.
    """
    near = threshold.astype(np.float32)
    return np.where(near > threshold, near, np.nextafter(near, _INFINITY)).astype(np.float32)
