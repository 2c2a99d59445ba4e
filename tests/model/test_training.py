"""What is stored decides like what was judged, and is described."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import ModelError
from features.declared import feature_hash, feature_names
from model import training
from model.fitting.dataset import Dataset
from model.fitting.export import check_parity, to_onnx
from model.fitting.fitting import fit_part
from model.fitting.imbalance import rows_of
from model.fitting.memo import Memo
from model.metadata import Thresholds
from model.registry import ModelVersion, Registry
from model.results import TITLES
from model.scorer import Scorer, open_graph, run_graph
from model.training import Origin, train_model
from tests.model.conftest import LOG_ODDS, QUICK, boosted, probabilities
from tests.model.events import countries


def test_the_stored_graph_scores_like_the_trained_model(
    dataset: Dataset, trained: ModelVersion
) -> None:
    rows = rows_of(dataset.matrix, dataset.fraud, dataset.categories)
    final = fit_part(rows, dataset.time_ms, QUICK, Memo(None), lambda: None)
    scores = Scorer(trained).score(dataset.matrix)
    np.testing.assert_allclose(scores, final.scores(dataset.matrix), rtol=0, atol=1e-6)


def test_metadata_describe_the_version(dataset: Dataset, trained: ModelVersion) -> None:
    meta = trained.metadata
    assert (meta.profile, meta.name, meta.version, meta.seed) == ("ecommerce", "xgboost", "v1", 42)
    assert meta.feature_names == feature_names("ecommerce")
    assert meta.feature_hash == feature_hash("ecommerce", countries().digest)
    assert meta.created_at == "2023-11-14T22:13:20.000Z"
    assert (meta.training.rows, meta.training.fraud) == (len(dataset), dataset.fraud.sum())
    assert meta.training.until is None
    assert (meta.parity.flipped, meta.parity.rows) == (0, len(dataset) - int(0.7 * len(dataset)))
    assert meta.parity.largest_difference <= 1e-5
    assert 0 < meta.thresholds.review <= meta.thresholds.block
    assert len(meta.reference) == len(meta.feature_names)
    assert "xgboost" in meta.libraries
    Scorer(trained).refuse_unless(feature_hash("ecommerce", countries().digest))


def test_every_split_has_every_metric(trained: ModelVersion) -> None:
    evaluation = trained.evaluation()
    assert list(evaluation.splits) == ["random", "time", "attack"]
    for figures in evaluation.splits.values():
        assert set(figures) == set(TITLES)


def test_the_card_shows_figures_thresholds_and_plots(trained: ModelVersion) -> None:
    card = trained.read("card.md").decode()
    evaluation = trained.evaluation()
    assert str(evaluation.splits["time"]["average_precision"]) in card
    assert f"{trained.metadata.thresholds.review:.6f}" in card
    assert trained.metadata.digest in card
    for plot in ("plots/precision_recall.png", "plots/calibration.png"):
        assert plot in card
        assert trained.read(plot).startswith(b"\x89PNG")


def test_a_graph_of_another_model_is_refused(dataset: Dataset) -> None:
    booster = boosted(dataset)
    other = to_onnx(boosted(dataset, ~dataset.fraud), LOG_ODDS)
    with pytest.raises(ModelError, match=r"differs from the trained model.*nothing was stored"):
        check_parity(
            probabilities(booster, dataset.matrix), other, dataset.matrix, Thresholds(0.5, 0.9)
        )


def test_one_flipped_decision_is_enough_to_refuse(dataset: Dataset) -> None:
    booster = boosted(dataset)
    graph = to_onnx(booster, LOG_ODDS)
    scores = probabilities(booster, dataset.matrix)
    assert check_parity(scores, graph, dataset.matrix, Thresholds(0.5, 0.9)).flipped == 0
    # A threshold on one side of one row's score in the graph and the other in the original.
    original = scores.astype(float)
    exported = run_graph(open_graph(graph, "graph"), dataset.matrix).astype(float)
    row = int(np.abs(original - exported).argmax())
    assert original[row] != exported[row]
    between = (original[row] + exported[row]) / 2
    with pytest.raises(ModelError, match="1 of 1 decisions"):
        check_parity(
            scores[row : row + 1],
            graph,
            dataset.matrix[row : row + 1],
            Thresholds(between, between),
        )


def test_nothing_is_stored_when_parity_fails(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = to_onnx(boosted(dataset, ~dataset.fraud), LOG_ODDS)
    monkeypatch.setattr(training, "to_onnx", lambda booster, calibration: wrong)
    registry = Registry(tmp_path / "models")
    with pytest.raises(ModelError, match="nothing was stored"):
        train_model(dataset, Origin("a", "b", 0), registry, QUICK, lambda done, total: None)
    assert registry.versions("ecommerce") == []


def test_training_logs_no_identity(
    dataset: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        train_model(
            dataset, Origin("a", "b", 0), Registry(tmp_path), QUICK, lambda done, total: None
        )
    assert "u1" not in caplog.text
    assert "8.8." not in caplog.text


def test_no_file_of_a_version_holds_an_identity(trained: ModelVersion) -> None:
    for name in trained.digests:
        content = trained.read(name)
        assert b"e-000" not in content
        assert b"8.8.0." not in content
