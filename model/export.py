"""The fitted trees as an ONNX graph, and the proof that it decides the same.

The graph takes float32 ``features`` of shape (n, F) and gives float32 ``fraud_probability`` of
shape (n,), nothing else. Operator sets and file version are pinned to what onnxruntime 1.22, the
oldest supported, reads.
"""

from __future__ import annotations

import numpy as np
import onnx
import xgboost
from numpy.typing import NDArray
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from core.errors import ModelError
from model.boosting import predict
from model.metadata import Parity, Thresholds
from model.scorer import INPUT, OUTPUT, open_graph, run_graph

OPSET = 15
ML_OPSET = 3
IR_VERSION = 9
MAX_DIFFERENCE = 1e-5

_FRAUD_COLUMN = "fraud_column"


def to_onnx(booster: xgboost.Booster) -> bytes:
    """The trees as a serialised graph.

    Args:
        booster: fitted to a matrix without column names (the converter wants f0, f1, …).
    """
    width = booster.num_features()
    model = convert_xgboost(
        booster, initial_types=[(INPUT, FloatTensorType([None, width]))], target_opset=OPSET
    )
    graph = model.graph
    (trees,) = (node for node in graph.node if node.op_type == "TreeEnsembleClassifier")
    # The converter's other nodes and outputs (class labels, a map of probabilities) are not wanted.
    column = onnx.helper.make_tensor(_FRAUD_COLUMN, onnx.TensorProto.INT64, [], [1])
    gather = onnx.helper.make_node(
        "Gather", [trees.output[1], _FRAUD_COLUMN], [OUTPUT], axis=1, name="fraud"
    )
    batch = onnx.helper.make_tensor_value_info
    wanted = onnx.helper.make_graph(
        [trees, gather],
        "fraudstream",
        [batch(INPUT, onnx.TensorProto.FLOAT, ["n", width])],
        [batch(OUTPUT, onnx.TensorProto.FLOAT, ["n"])],
        [column],
    )
    exported = onnx.helper.make_model(
        wanted,
        producer_name="fraudstream",
        ir_version=IR_VERSION,
        opset_imports=[
            onnx.helper.make_opsetid("", OPSET),
            onnx.helper.make_opsetid("ai.onnx.ml", ML_OPSET),
        ],
    )
    onnx.checker.check_model(exported)
    raw: bytes = exported.SerializeToString(deterministic=True)
    return raw


def check_parity(
    booster: xgboost.Booster,
    graph: bytes,
    matrix: NDArray[np.float32],
    thresholds: Thresholds,
) -> Parity:
    """Compare graph and trees on every row of ``matrix``.

    Args:
        booster: the original.
        graph: what ``to_onnx`` made of it.
        matrix: real rows, float32 of shape (n, features), n > 0.
        thresholds: the decisions that must not differ.

    Raises:
        ModelError: a decision differs, or a probability by more than ``MAX_DIFFERENCE``.
    """
    original = predict(booster, matrix).astype(np.float64)
    exported = run_graph(open_graph(graph, "exported graph"), matrix).astype(np.float64)
    bounds = (thresholds.review, thresholds.block)
    steps = [np.searchsorted(bounds, scores, side="right") for scores in (original, exported)]
    parity = Parity(
        rows=len(matrix),
        largest_difference=float(np.abs(original - exported).max()),
        flipped=int((steps[0] != steps[1]).sum()),
    )
    if parity.flipped or parity.largest_difference > MAX_DIFFERENCE:
        raise ModelError(
            f"the exported graph differs from the trained model: {parity.flipped} of "
            f"{parity.rows:,} decisions, largest difference {parity.largest_difference:.2e} "
            f"(allowed: 0 and {MAX_DIFFERENCE:.0e}): nothing was stored; another --seed gives "
            "other trees, and please report it with the library versions"
        )
    return parity
