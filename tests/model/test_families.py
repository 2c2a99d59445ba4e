"""Every family ends as a sum of trees that says what its own library says, here and in ONNX."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score

from model.calibration import KINDS
from model.candidate import Candidate
from model.explanations import contributions
from model.fitting.boosting import raw_scores
from model.fitting.calibrating import fit_calibration
from model.fitting.dataset import Dataset
from model.fitting.export import check_parity, to_onnx
from model.fitting.families import FAMILIES, fit_candidate, simplicity, usual
from model.fitting.forests import forest_as_booster
from model.fitting.imbalance import WAYS, rows_of, with_unknown_lowest
from model.metadata import Thresholds
from model.scorer import open_graph, run_graph
from model.trees import explaining_cost

CANDIDATES = [usual(family, way) for family in FAMILIES for way in WAYS]


def half(data: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Rows to learn from, and others."""
    return np.arange(0, len(data), 2), np.arange(1, len(data), 2)


@pytest.mark.parametrize("candidate", CANDIDATES, ids=str)
def test_every_candidate_learns_and_is_exported_as_it_is(
    dataset: Dataset, candidate: Candidate
) -> None:
    learnt, others = half(dataset)
    rows = rows_of(dataset.matrix[learnt], dataset.fraud[learnt], dataset.categories)
    booster = fit_candidate(candidate, rows, seed=1)
    matrix = with_gaps(dataset.matrix[others])
    raw = raw_scores(booster, matrix)
    assert roc_auc_score(dataset.fraud[others], raw_scores(booster, dataset.matrix[others])) > 0.6
    for kind in KINDS:
        calibration = fit_calibration(raw, dataset.fraud[others], kind)
        graph = to_onnx(booster, calibration)
        original = calibration.apply(raw)
        assert check_parity(original, graph, matrix, Thresholds(0.5, 0.9)).flipped == 0
        exported = run_graph(open_graph(graph, "graph"), matrix)
        one_by_one = [run_graph(open_graph(graph, "graph"), matrix[row : row + 1])[0]
                      for row in range(5)]  # fmt: skip
        assert exported[:5].tolist() == one_by_one
    moved = contributions(booster, matrix)
    np.testing.assert_allclose(moved.sum(axis=1), raw, rtol=0, atol=2e-4)


def with_gaps(matrix: np.ndarray) -> np.ndarray:
    """Every tenth value of what may be unknown is."""
    rng = np.random.default_rng(3)
    may_be = np.isnan(matrix).any(axis=0)
    return np.where(may_be & (rng.random(matrix.shape) < 0.1), np.float32(np.nan), matrix)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_seed_gives_the_same_trees(dataset: Dataset, family: str) -> None:
    for way in WAYS:
        rows = rows_of(dataset.matrix, dataset.fraud, dataset.categories)
        one, same = (fit_candidate(usual(family, way), rows, seed=7) for _ in range(2))
        assert one.save_raw("ubj") == same.save_raw("ubj")


def test_a_forest_says_what_scikit_learn_says(dataset: Dataset) -> None:
    matrix = with_unknown_lowest(dataset.matrix)
    forest = RandomForestClassifier(30, max_depth=9, random_state=2).fit(matrix, dataset.fraud)
    booster = forest_as_booster(forest, matrix.shape[1])
    expected = forest.predict_proba(matrix)[:, 1]
    np.testing.assert_allclose(raw_scores(booster, matrix), expected, rtol=0, atol=1e-6)
    # Unknown is what lies below everything.
    np.testing.assert_allclose(raw_scores(booster, dataset.matrix), expected, rtol=0, atol=1e-6)


def test_thresholds_between_two_floats_send_rows_the_same_way() -> None:
    """scikit-learn splits midway in float64; the midway point of neighbours is no float32."""
    low = np.float32(1000.1)  # whose neighbour is far enough away to be told from it
    matrix = np.array([[low], [np.nextafter(low, np.float32(1))]] * 10, np.float32)
    fraud = np.arange(20) % 2 == 1
    forest = RandomForestClassifier(5, bootstrap=False, random_state=1).fit(matrix, fraud)
    booster = forest_as_booster(forest, 1)
    assert raw_scores(booster, matrix).tolist() == fraud.astype(float).tolist()


def test_a_logistic_regression_adds_one_weight_for_each_feature(dataset: Dataset) -> None:
    rows = rows_of(dataset.matrix, dataset.fraud, dataset.categories)
    booster = fit_candidate(usual("logistic_regression"), rows, seed=1)
    base = dataset.matrix[:1].copy()
    other = dataset.matrix[700:701]
    whole = raw_scores(booster, other)[0] - raw_scores(booster, base)[0]
    moved = 0.0
    for column in range(base.shape[1]):
        changed = base.copy()
        changed[0, column] = other[0, column]
        moved += float(raw_scores(booster, changed)[0] - raw_scores(booster, base)[0])
    assert moved == pytest.approx(whole, abs=1e-3)
    assert whole != 0


def test_the_cost_of_explaining_is_leaves_times_depth_squared(dataset: Dataset) -> None:
    rows = rows_of(dataset.matrix, dataset.fraud)
    stump = Candidate("decision_tree", "none", {"max_depth": 1, "min_samples_leaf": 20})
    assert explaining_cost(fit_candidate(stump, rows, 1)) == 2 * 1
    boosted = usual("xgboost").with_parameters({**FAMILIES["xgboost"].usual, "rounds": 7})
    cost = explaining_cost(fit_candidate(boosted, rows, 1))
    assert 7 * 2 < cost <= 7 * 2**5 * 25


def test_simpler_is_before_less_simple() -> None:
    set_apart = [*CANDIDATES[8:], *CANDIDATES[:8]]
    assert sorted(set_apart, key=simplicity) == CANDIDATES
    forest = usual("random_forest")
    assert simplicity(forest, 10.0) < simplicity(forest, 11.0)
    assert simplicity(forest, 11.0) < simplicity(usual("xgboost"), 10.0)
