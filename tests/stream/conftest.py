"""A small hand-made champion, so that the stream's tests need no training."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from core.settings import Settings
from features.countries import load_country_table
from features.declared import declared_features, feature_hash, feature_names
from model.calibration import Calibration
from model.candidate import Candidate
from model.costs import COSTS
from model.metadata import (
    Explaining,
    FeatureReference,
    Metadata,
    Parity,
    Policy,
    SeverityBands,
    Thresholds,
    TrainingData,
    encode_metadata,
)
from model.registry import EXPLAIN_FILE, Registry
from model.scorer import INPUT, OUTPUT
from model.trees import booster_of, staircase
from tests.stream.workers import Reader

#: Score = 0.05 + 0.3 · log2(1 + events of the device (or vector) within 24 h), at most 1.
WEIGHT = 0.3
#: The logarithm is looked up: the last bit of ONNX's own hangs on where in a batch a row stands.
_MOST = 1023


def small_graph(profile: str) -> bytes:
    """An ONNX graph from features to a score that hangs on one velocity feature."""
    names = feature_names(profile)
    column = names.index("device_count_24h" if profile == "ecommerce" else "vector_count_24h")
    constants = {
        "column": np.array([column], np.int64),
        "zero": np.array(0, np.float32),
        "one": np.array(1, np.float32),
        "most": np.array(_MOST, np.float32),
        "score": (0.05 + WEIGHT * np.log2(1 + np.arange(_MOST + 1))).astype(np.float32),
        "axis": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Gather", [INPUT, "column"], ["picked"], axis=1),
        helper.make_node("Squeeze", ["picked", "axis"], ["flat"]),
        helper.make_node("IsNaN", ["flat"], ["unknown"]),
        helper.make_node("Where", ["unknown", "zero", "flat"], ["count"]),
        helper.make_node("Min", ["count", "most"], ["bounded"]),
        helper.make_node("Cast", ["bounded"], ["index"], to=TensorProto.INT64),
        helper.make_node("Gather", ["score", "index"], ["raised"]),
        helper.make_node("Min", ["raised", "one"], [OUTPUT]),
    ]
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, [None, len(names)])],
        [helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, [None])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    content: bytes = model.SerializeToString()
    return content


def small_trees(profile: str) -> bytes:
    """The same as trees, for the reasons; from nine events on the score is 1."""
    names = feature_names(profile)
    column = names.index("device_count_24h" if profile == "ecommerce" else "vector_count_24h")
    steps = np.minimum(0.05 + WEIGHT * np.log2(1 + np.arange(10)), 1.0)
    tree = staircase(column, np.arange(1.0, 10.0), steps, np.ones(10))
    return bytes(booster_of([tree], len(names)).save_raw("ubj"))


def put_small_model(settings: Settings) -> None:
    """Put the small model into the registry of the given settings, as champion."""
    profile = settings.profile
    graph, trees = small_graph(profile), small_trees(profile)
    digest = load_country_table(settings.ip_table).digest

    def build(version: str) -> Mapping[str, bytes]:
        metadata = Metadata(
            profile=profile,
            name=profile,
            version=version,
            digest=hashlib.sha256(graph).hexdigest(),
            feature_hash=feature_hash(profile, digest),
            feature_names=feature_names(profile),
            ip_table=digest,
            candidate=Candidate("xgboost", "none", {}),
            calibration=Calibration("sigmoid"),
            policy=Policy(COSTS[profile]),
            thresholds=Thresholds(0.5, 0.875),
            alternatives={},
            severity_bands=SeverityBands(0.6, 0.75, 0.9),
            reference=tuple(
                FeatureReference(
                    one.name, 0.0, 1.0, 0.5,
                    tuple(1 / len(one.categories) for _ in one.categories),
                )
                for one in declared_features(profile)
            ),
            training=TrainingData("0" * 64, "", "", None, 0, 0, 0, 0),
            parity=Parity(0, 0.0, 0),
            explaining=Explaining(0.0, 0.0),
            label_delay_s=0.0,
            seed=0,
            libraries={},
            created_at="2026-01-01T00:00:00Z",
        )  # fmt: skip
        return {
            "model.onnx": graph,
            EXPLAIN_FILE: trees,
            "metadata.json": encode_metadata(metadata),
            "evaluation.json": b"{}",
        }

    registry = Registry(settings.models)
    registry.promote(profile, registry.add(profile, build))


@pytest.fixture
def install_model() -> Callable[[Settings], None]:
    """Puts the small model into a registry."""
    return put_small_model


@pytest.fixture
def reader(ready: Settings) -> Iterator[Reader]:
    """Reads what a worker publishes; ``ready``, each module's own, has made the topics."""
    reader = Reader(ready)
    yield reader
    reader.close()
