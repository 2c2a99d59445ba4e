"""From a dataset to a stored model version.

Promise: what is stored was judged by the evaluation protocol, decides like the model that was
judged, and is described by its metadata; when anything of that fails, nothing is stored. Steps:

1. every split is evaluated and the model fitted to all rows (``model.evaluation``);
2. the trees become an ONNX graph, which is compared with them row by row (``model.export``);
3. graph, metadata, evaluation, card and plots are added to the registry in one step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import onnx
import onnxmltools
import onnxruntime
import sklearn
import xgboost

from features.declared import declared_features, feature_hash
from features.iso_times import iso_time
from model import boosting
from model.card import model_card
from model.dataset import Dataset
from model.evaluation import Evaluated, evaluate
from model.export import check_parity, to_onnx
from model.metadata import Metadata, Parity, TrainingData, encode_metadata
from model.plots import calibration_png, precision_recall_png
from model.reference import reference_of
from model.registry import EVALUATION_FILE, METADATA_FILE, MODEL_FILE, ModelVersion, Registry
from model.results import encode_evaluation
from model.splits import TIME_SHARE
from model.thresholds import bands_of

DEFAULT_SEED = 42


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dataset comes from and when it is trained on.

    Attributes:
        sha256: of the decompressed file.
        ip_table: digest of the IP table.
        now_ms: the present, milliseconds since 1970 UTC.
    """

    sha256: str
    ip_table: str
    now_ms: int


def train_model(
    data: Dataset,
    origin: Origin,
    registry: Registry,
    seed: int,
    progress: Callable[[int, int], None],
) -> ModelVersion:
    """Evaluate, fit, export and store; the new version is not promoted.

    Args:
        data: labelled events.
        origin: of the data.
        registry: where the version goes.
        seed: same seed and data: the same model and evaluation.
        progress: called with (models fitted, models in all).

    Raises:
        ModelError: the exported graph does not decide like the trained model.
        ConfigError: the registry cannot be written.
    """
    found = evaluate(data, seed, progress)
    graph = to_onnx(found.final.booster)
    unseen = data.matrix[int(len(data) * TIME_SHARE) :]
    parity = check_parity(found.final.booster, graph, unseen, found.final.thresholds)
    plots = {
        "plots/precision_recall.png": precision_recall_png(found.outcomes),
        "plots/calibration.png": calibration_png(found.outcomes),
    }

    def files(version: str) -> dict[str, bytes]:
        metadata = _metadata(data, origin, found, graph, parity, version)
        return {
            MODEL_FILE: graph,
            METADATA_FILE: encode_metadata(metadata),
            EVALUATION_FILE: encode_evaluation(found.evaluation),
            "card.md": model_card(metadata, found.evaluation).encode(),
            **plots,
        }

    return registry.load(data.profile, registry.add(data.profile, files))


def _metadata(
    data: Dataset, origin: Origin, found: Evaluated, graph: bytes, parity: Parity, version: str
) -> Metadata:
    features = declared_features(data.profile)
    return Metadata(
        profile=data.profile,
        name=boosting.NAME,
        version=version,
        digest=sha256(graph).hexdigest(),
        feature_hash=feature_hash(data.profile, origin.ip_table),
        feature_names=data.names,
        ip_table=origin.ip_table,
        thresholds=found.final.thresholds,
        severity_bands=bands_of(found.final.thresholds),
        reference=reference_of(features, data.matrix[~data.fraud]),
        training=TrainingData(
            sha256=origin.sha256,
            first=iso_time(int(data.time_ms[0])),
            last=iso_time(int(data.time_ms[-1])),
            until=None if data.until_ms is None else iso_time(data.until_ms),
            rows=len(data),
            fraud=int(data.fraud.sum()),
            duplicates=data.duplicates,
            unlabelled=data.unlabelled,
        ),
        parity=parity,
        parameters={**boosting.PARAMETERS, "rounds": boosting.ROUNDS},
        seed=found.evaluation.seed,
        libraries={
            module.__name__: module.__version__
            for module in (np, onnx, onnxmltools, onnxruntime, sklearn, xgboost)
        },
        created_at=iso_time(origin.now_ms),
    )
