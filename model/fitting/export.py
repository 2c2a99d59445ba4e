"""Fitted trees and their calibration as an ONNX graph, and the proof that it decides the same.

The graph takes float32 ``features`` of shape (n, F) and gives float32 ``fraud_probability`` of
shape (n,), nothing else. Operator sets and file version are pinned to what onnxruntime 1.22, the
oldest supported, reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import xgboost
from numpy.typing import NDArray
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from core.errors import ModelError
from model.calibration import Calibration
from model.metadata import Parity, Thresholds
from model.scorer import INPUT, OUTPUT, open_graph, run_graph
from model.trees import booster_of, staircase

OPSET = 15
ML_OPSET = 3
IR_VERSION = 9
MAX_DIFFERENCE = 1e-5


def to_onnx(booster: xgboost.Booster, calibration: Calibration) -> bytes:
    """Trees and calibration as one serialised graph.

    A sigmoid is part of the ensemble: its slope and intercept are worked into the leaves, and the
    operator that adds them up has the logistic function at its end. So, and with a staircase being
    a tree, every score is made by operators that treat each row by itself.

    Args:
        booster: fitted to a matrix without column names (the converter wants f0, f1, …).
        calibration: of its raw scores.
    """
    width = booster.num_features()
    trees = _ensemble(booster)
    if calibration.kind == "sigmoid":
        nodes, constants = _with_sigmoid(trees, calibration)
    else:
        nodes, constants = _with_staircase(trees, calibration)
    batch = onnx.helper.make_tensor_value_info
    wanted = onnx.helper.make_graph(
        nodes,
        "fraudstream",
        [batch(INPUT, onnx.TensorProto.FLOAT, ["n", width])],
        [batch(OUTPUT, onnx.TensorProto.FLOAT, ["n"])],
        constants,
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


@dataclass(frozen=True, slots=True, eq=False)
class _Ensemble:
    """Attributes of an operator that adds up leaves of trees.

    Attributes:
        nodes: those that say how a row walks.
        leaves: ``ids``, ``nodeids``, ``treeids`` and ``weights`` of what it ends at.
    """

    nodes: dict[str, Any]
    leaves: dict[str, Any]

    def leaves_of(self, kind: str) -> dict[str, Any]:
        """Under the names that a classifier (``class``) or regressor (``target``) gives them."""
        return {f"{kind}_{name}": value for name, value in self.leaves.items()}


def _ensemble(booster: xgboost.Booster) -> _Ensemble:
    """What the converter makes of the trees.

    Its other nodes and outputs (class labels, a map of probabilities) are not wanted, nor its base
    values: boosters here have a base score of one half, which are log odds of 0. Whether it takes
    them for a classifier or a regressor it guesses from the weights of their rows.
    """
    types = [(INPUT, FloatTensorType([None, booster.num_features()]))]
    graph = convert_xgboost(booster, initial_types=types, target_opset=OPSET).graph
    (trees,) = (node for node in graph.node if node.op_type.startswith("TreeEnsemble"))
    found = {one.name: onnx.helper.get_attribute_value(one) for one in trees.attribute}
    kind = "class_" if trees.op_type == "TreeEnsembleClassifier" else "target_"
    return _Ensemble(
        {name: value for name, value in found.items() if name.startswith("nodes_")},
        {name.removeprefix(kind): found[name] for name in found if name.startswith(kind)},
    )


def _with_sigmoid(trees: _Ensemble, calibration: Calibration) -> tuple[list[Any], list[Any]]:
    leaves = trees.leaves_of("class")
    weights = np.float32(calibration.slope) * np.array(leaves["class_weights"], np.float32)
    weights[np.array(leaves["class_treeids"]) == 0] += np.float32(calibration.intercept)
    leaves["class_weights"] = weights.tolist()
    column = onnx.helper.make_tensor("fraud_column", onnx.TensorProto.INT64, [], [1])
    return [
        onnx.helper.make_node(
            "TreeEnsembleClassifier", [INPUT], ["label", "probabilities"], domain="ai.onnx.ml",
            name="trees", **trees.nodes, **leaves, classlabels_int64s=[0, 1],
            post_transform="LOGISTIC",
        ),
        onnx.helper.make_node(
            "Gather", ["probabilities", "fraud_column"], [OUTPUT], axis=1, name="fraud"
        ),
    ], [column]  # fmt: skip


def _with_staircase(trees: _Ensemble, calibration: Calibration) -> tuple[list[Any], list[Any]]:
    steps = np.array(calibration.steps)
    stairs = booster_of([staircase(0, np.array(calibration.edges), steps, np.ones(len(steps)))], 1)
    flat = onnx.helper.make_tensor("flat", onnx.TensorProto.INT64, [1], [-1])
    return [
        _regressor(trees, INPUT, "raw", "trees"),
        _regressor(_ensemble(stairs), "raw", "step", "staircase"),
        onnx.helper.make_node("Reshape", ["step", "flat"], [OUTPUT], name="fraud"),
    ], [flat]


def _regressor(trees: _Ensemble, source: str, target: str, name: str) -> Any:
    """The trees as an operator that adds their leaves up and does nothing more."""
    return onnx.helper.make_node(
        "TreeEnsembleRegressor", [source], [target], domain="ai.onnx.ml", name=name,
        **trees.nodes, **trees.leaves_of("target"), n_targets=1, post_transform="NONE",
        aggregate_function="SUM",
    )  # fmt: skip


def check_parity(
    original: NDArray[np.float32], graph: bytes, matrix: NDArray[np.float32], thresholds: Thresholds
) -> Parity:
    """Compare graph and trees on every row of ``matrix``.

    Args:
        original: the trained model's scores of these rows, shape (n,).
        graph: what ``to_onnx`` made of that model.
        matrix: real rows, float32 of shape (n, features), n > 0.
        thresholds: the decisions that must not differ.

    Raises:
        ModelError: a decision differs, or a probability by more than ``MAX_DIFFERENCE``.
    """
    exported = run_graph(open_graph(graph, "exported graph"), matrix).astype(np.float64)
    bounds = (thresholds.review, thresholds.block)
    steps = [
        np.searchsorted(bounds, scores.astype(np.float64), side="right")
        for scores in (original, exported)
    ]
    parity = Parity(
        rows=len(matrix),
        largest_difference=float(np.abs(original.astype(np.float64) - exported).max()),
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
