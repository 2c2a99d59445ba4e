"""Ways with imbalance change how many or how heavy rows are, and invent nothing outlandish."""

from __future__ import annotations

import numpy as np
import pytest

from model.fitting.dataset import Dataset
from model.fitting.imbalance import LOWEST, SHARE, WAYS, Rows, rebalanced, rows_of


@pytest.fixture
def rows(dataset: Dataset) -> Rows:
    return rows_of(dataset.matrix, dataset.fraud, dataset.categories)


def test_weights_give_both_classes_half(rows: Rows) -> None:
    found = rebalanced(rows, "class_weights", 1)
    assert found.weight[rows.fraud].sum() == pytest.approx(len(rows.fraud) / 2, rel=1e-4)
    assert found.weight.sum() == pytest.approx(len(rows.fraud), rel=1e-4)
    assert found.matrix is rows.matrix


def test_under_sampling_keeps_all_fraud_and_some_honest_rows(rows: Rows) -> None:
    found = rebalanced(rows, "under_sampling", 1)
    assert found.fraud.sum() == rows.fraud.sum()
    assert (~found.fraud).sum() == int(rows.fraud.sum() / SHARE)
    known = {row.tobytes() for row in rows.matrix}
    assert all(row.tobytes() in known for row in found.matrix)


def test_smote_makes_fraud_between_fraud(rows: Rows) -> None:
    found = rebalanced(rows, "smote", 1)
    made = found.matrix[len(rows.matrix) :]
    assert len(made)
    assert found.filled
    assert found.fraud[len(rows.fraud) :].all()
    assert found.fraud.sum() == int(SHARE * (~rows.fraud).sum())
    real = np.where(np.isnan(rows.matrix), LOWEST, rows.matrix)
    assert np.array_equal(found.matrix[: len(real)], real)
    fraud = real[rows.fraud]
    for column in range(made.shape[1]):
        tolerance = 1e-3 * max(1.0, float(np.abs(fraud[:, column]).max()))
        assert made[:, column].min() >= fraud[:, column].min() - tolerance
        assert made[:, column].max() <= fraud[:, column].max() + tolerance
    for column in rows.categories:
        assert set(made[:, column].tolist()) <= set(fraud[:, column].tolist())


@pytest.mark.parametrize("way", WAYS)
def test_where_fraud_is_not_rare_nothing_is_resampled(rows: Rows, way: str) -> None:
    much = rows.take(np.concatenate([np.flatnonzero(rows.fraud), np.flatnonzero(~rows.fraud)[:60]]))
    found = rebalanced(much, way, 1)
    assert found.matrix is much.matrix


def test_the_seed_decides(rows: Rows) -> None:
    for way in ("under_sampling", "smote"):
        one, same, other = (rebalanced(rows, way, seed) for seed in (1, 1, 2))
        assert one.matrix.tobytes() == same.matrix.tobytes()
        assert one.matrix.tobytes() != other.matrix.tobytes()


def test_two_frauds_are_enough(rows: Rows) -> None:
    few = rows.take(np.concatenate([np.flatnonzero(rows.fraud)[:2], np.flatnonzero(~rows.fraud)]))
    assert rebalanced(few, "smote", 1).fraud.sum() > 2
