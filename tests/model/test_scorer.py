"""A score depends on the features alone; unsuitable graphs are refused in words."""

from __future__ import annotations

import hashlib

import msgspec
import numpy as np
import onnx
import pytest

from core.errors import ModelError
from model.fitting.dataset import Dataset
from model.fitting.export import to_onnx
from model.registry import MODEL_FILE, ModelVersion
from model.scorer import Scorer, open_graph, run_graph
from tests.model.conftest import LOG_ODDS, boosted, probabilities


@pytest.fixture(scope="module")
def rows(dataset: Dataset) -> np.ndarray:
    """5,000 rows, every tenth value unknown."""
    rng = np.random.default_rng(3)
    matrix = dataset.matrix[rng.integers(0, len(dataset), 5_000)]
    return np.where(rng.random(matrix.shape) < 0.1, np.float32(np.nan), matrix)


@pytest.mark.parametrize("size", [1, 7, 256])
def test_scores_do_not_depend_on_the_batch(
    trained: ModelVersion, rows: np.ndarray, size: int
) -> None:
    scorer = Scorer(trained)
    whole = scorer.score(rows)
    parts = [scorer.score(rows[start : start + size]) for start in range(0, len(rows), size)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()
    assert len(np.unique(whole)) > 100


def test_scores_do_not_depend_on_the_order_of_rows(trained: ModelVersion, rows: np.ndarray) -> None:
    scorer = Scorer(trained)
    order = np.random.default_rng(4).permutation(len(rows))
    assert scorer.score(rows[order]).tobytes() == scorer.score(rows)[order].tobytes()


def test_unknown_values_take_the_way_the_trees_learnt(dataset: Dataset, rows: np.ndarray) -> None:
    booster = boosted(dataset)
    scores = run_graph(open_graph(to_onnx(booster, LOG_ODDS), "graph"), rows)
    np.testing.assert_allclose(scores, probabilities(booster, rows), rtol=0, atol=1e-6)
    everything_unknown = np.full((1, rows.shape[1]), np.nan, np.float32)
    np.testing.assert_allclose(
        run_graph(open_graph(to_onnx(booster, LOG_ODDS), "graph"), everything_unknown),
        probabilities(booster, everything_unknown),
        rtol=0,
        atol=1e-6,
    )


def test_no_rows_give_no_scores(trained: ModelVersion) -> None:
    width = len(trained.metadata.feature_names)
    scores = Scorer(trained).score(np.empty((0, width), np.float32))
    assert scores.shape == (0,)
    assert scores.dtype == np.float32


def test_a_model_for_other_features_is_refused_with_both_hashes(trained: ModelVersion) -> None:
    scorer = Scorer(trained)
    scorer.refuse_unless(trained.metadata.feature_hash)
    with pytest.raises(ModelError) as caught:
        scorer.refuse_unless("f" * 64)
    message = str(caught.value)
    assert trained.metadata.feature_hash[:12] in message
    assert "f" * 12 in message
    assert "fraudstream train CSV" in message
    assert "FRAUDSTREAM_IP_TABLE" in message


@pytest.mark.parametrize("raw", [b"", b"not a graph", b"\x08\x09"])
def test_bytes_that_are_no_graph_are_refused(raw: bytes) -> None:
    with pytest.raises(ModelError, match=r"model\.onnx: .*fraudstream train CSV"):
        open_graph(raw, "model.onnx")


def test_a_graph_with_other_outputs_is_refused(trained: ModelVersion) -> None:
    graph = onnx.load_from_string(trained.read(MODEL_FILE))
    graph.graph.output[0].name = graph.graph.node[-1].output[0] = "other"
    with pytest.raises(ModelError, match="expected one float matrix 'features'"):
        open_graph(graph.SerializeToString(), "model.onnx")


def test_metadata_that_name_another_number_of_features_are_refused(
    trained: ModelVersion,
) -> None:
    metadata = msgspec.structs.replace(trained.metadata, feature_names=("amount",))
    with pytest.raises(ModelError, match="its metadata names 1"):
        Scorer(ModelVersion(trained.path, metadata, trained.digests))


def test_the_graph_reads_on_the_oldest_supported_runtime(trained: ModelVersion) -> None:
    graph = onnx.load_from_string(trained.read(MODEL_FILE))
    # onnxruntime 1.22 reads file version 10 and operator sets 22 and ai.onnx.ml 5.
    assert graph.ir_version <= 10
    versions = {one.domain: one.version for one in graph.opset_import}
    assert versions[""] <= 22
    assert versions["ai.onnx.ml"] <= 5
    assert [one.name for one in graph.graph.output] == ["fraud_probability"]


def test_the_digest_in_the_metadata_is_that_of_the_graph(trained: ModelVersion) -> None:
    assert trained.metadata.digest == hashlib.sha256(trained.read(MODEL_FILE)).hexdigest()
