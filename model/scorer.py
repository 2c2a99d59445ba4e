"""Fraud probabilities from a model version's ONNX graph.

Promise: the score of an event depends on its features alone, bit for bit, whatever the batch it is
scored in. Nothing is unpickled; the graph's bytes are compared with their digest first.
"""

from __future__ import annotations

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from core.errors import ModelError
from model.registry import MODEL_FILE, ModelVersion

INPUT = "features"
OUTPUT = "fraud_probability"


class Scorer:
    """One loaded graph; ``score`` may be called from several threads.

    Args:
        version: a checked model version.

    Raises:
        ModelError: the graph is damaged, or its input and output are not those of this product.
    """

    def __init__(self, version: ModelVersion) -> None:
        self.version = version
        self._session = open_graph(version.read(MODEL_FILE), str(version.path / MODEL_FILE))
        width = self._session.get_inputs()[0].shape[1]
        if width != len(version.metadata.feature_names):
            raise ModelError(
                f"{version.path}: the graph takes {width} features, its metadata names "
                f"{len(version.metadata.feature_names)}: train it again with "
                "`fraudstream train CSV`"
            )

    def score(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """Fraud probability of each row.

        Args:
            matrix: float32 of shape (n, features) in model order, NaN where unknown.

        Returns:
            float32 of shape (n,), between 0 and 1.
        """
        return run_graph(self._session, matrix)

    def refuse_unless(self, feature_hash: str) -> None:
        """Do nothing when the model was made for the features with this hash.

        Raises:
            ModelError: it was made for others, so its scores would mean nothing.
        """
        meta = self.version.metadata
        if meta.feature_hash != feature_hash:
            raise ModelError(
                f"{meta.profile} model {meta.version} was made for features "
                f"{meta.feature_hash[:12]}…, this program computes {feature_hash[:12]}… (other "
                f"declared features, or another IP table than its {meta.ip_table[:12]}…): train "
                f"one with `fraudstream train CSV --profile {meta.profile}`, or set "
                "FRAUDSTREAM_IP_TABLE as it was for training"
            )


def open_graph(raw: bytes, where: str) -> onnxruntime.InferenceSession:
    """A session on one thread: several workers share a machine, and one thread adds the trees of
    a row always in the same order.

    Raises:
        ModelError: onnxruntime cannot load it, or it has other inputs or outputs.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the binding raises a dozen unrelated classes
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ModelError(
            f"{where}: onnxruntime {onnxruntime.__version__} cannot load it ({reason}): train it "
            "again with `fraudstream train CSV`"
        ) from None
    inputs = [(one.name, one.type, len(one.shape)) for one in session.get_inputs()]
    outputs = [(one.name, one.type, len(one.shape)) for one in session.get_outputs()]
    if inputs != [(INPUT, "tensor(float)", 2)] or outputs != [(OUTPUT, "tensor(float)", 1)]:
        raise ModelError(
            f"{where}: takes {inputs} and gives {outputs}, expected one float matrix {INPUT!r} and "
            f"one float vector {OUTPUT!r}: train it again with `fraudstream train CSV`"
        )
    return session


def run_graph(
    session: onnxruntime.InferenceSession, matrix: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Output of the graph for the rows of ``matrix``, float32 of shape (n,)."""
    if not len(matrix):
        return np.empty(0, np.float32)
    scores: NDArray[np.float32] = session.run([OUTPUT], {INPUT: matrix})[0]
    return scores
