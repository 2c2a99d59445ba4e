"""From a dataset to a stored model version.

Promise: what is stored was judged by the evaluation protocol, decides like the model that was
judged, and is described by its metadata; when anything of that fails, nothing is stored. Steps:

1. every split is evaluated and the model fitted to all rows (``model.fitting.evaluation``);
2. the model becomes an ONNX graph, which is compared with it row by row (``model.fitting.export``);
3. its reasons are timed (``model.explanations``);
4. graph, trees, metadata, evaluation, card and plots are added to the registry in one step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

import imblearn
import msgspec
import numpy as np
import onnx
import onnxmltools
import onnxruntime
import optuna
import sklearn
import xgboost
from numpy.typing import NDArray

from core.errors import ModelError
from features.declared import declared_features, feature_hash
from features.iso_times import iso_time
from model.card.card import model_card
from model.card.html import card_html
from model.drift.bins import bins_of
from model.explanations import MAX_US_PER_ROW, contributions, us_per_row
from model.fitting.dataset import Dataset
from model.fitting.evaluation import evaluate
from model.fitting.export import check_parity, to_onnx
from model.fitting.fitting import FittedPart, Procedure
from model.fitting.memo import Memo
from model.fitting.reference import reference_of
from model.fitting.splits import TIME_SHARE
from model.fitting.thresholds import bands_of
from model.metadata import Explaining, Metadata, TrainingData, encode_metadata
from model.metrics import Outcomes, day_of
from model.outcome_file import OUTCOMES_FILE, encode_outcomes
from model.plots.plots import plots_of
from model.registry import (
    EVALUATION_FILE,
    EXPLAIN_FILE,
    METADATA_FILE,
    MODEL_FILE,
    ModelVersion,
    Registry,
)
from model.results import encode_evaluation
from model.trees import explaining_cost

DEFAULT_SEED = 42
#: Rows of one call whose explanation is timed.
_TIMED_ROWS = 256
#: Rows whose contributions the picture of importances is made of.
_EXPLAINED_ROWS = 4_000


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
    procedure: Procedure,
    progress: Callable[[int, int], None],
) -> ModelVersion:
    """Evaluate, fit, export and store; the new version is not promoted.

    A run that was interrupted is taken up where it was when it is started again with the same data
    and procedure.

    Args:
        data: labelled events.
        origin: of the data.
        registry: where the version goes.
        procedure: same procedure and data: the same model and evaluation.
        progress: called with (steps done, steps in all).

    Raises:
        ModelError: the exported graph does not decide like the trained model, or explaining an
            alert takes too long.
        ConfigError: the registry cannot be written.
    """
    memo = Memo(registry.scratch(data.profile, _question(data, origin, procedure)))
    found = evaluate(data, procedure, progress, memo=memo)
    final = found.final
    graph = to_onnx(final.booster, final.calibration)
    unseen = data.matrix[int(len(data) * TIME_SHARE) :]
    parity = check_parity(final.scores(unseen), graph, unseen, final.thresholds)
    explaining = _explaining(final, data)
    plots = plots_of(
        found.outcomes,
        validation=_validation(final, data),
        thresholds=final.thresholds,
        costs=procedure.policy.costs,
        moved=contributions(final.booster, data.matrix[_drawn(data, procedure.seed)]),
        features=declared_features(data.profile),
    )

    def files(version: str) -> dict[str, bytes]:
        metadata = Metadata(
            version=version,
            digest=sha256(graph).hexdigest(),
            parity=parity,
            explaining=explaining,
            created_at=iso_time(origin.now_ms),
            **_description(data, origin, procedure, final),
        )
        return {
            MODEL_FILE: graph,
            EXPLAIN_FILE: bytes(final.booster.save_raw("ubj")),
            METADATA_FILE: encode_metadata(metadata),
            EVALUATION_FILE: encode_evaluation(found.evaluation),
            OUTCOMES_FILE: encode_outcomes(found.outcomes),
            "card.md": model_card(metadata, found.evaluation).encode(),
            "card.html": card_html(metadata, found.evaluation, plots).encode(),
            **plots,
        }

    version = registry.load(data.profile, registry.add(data.profile, files))
    memo.forget()
    return version


def _explaining(final: FittedPart, data: Dataset) -> Explaining:
    """What explaining costs, on the rows that look most like fraud.

    Raises:
        ModelError: more than an alert can wait for.
    """
    suspects = np.argsort(-final.validation, kind="stable")[:_TIMED_ROWS]
    found = Explaining(
        explaining_cost(final.booster), round(us_per_row(final.booster, data.matrix[suspects]), 1)
    )
    if found.us_per_row > MAX_US_PER_ROW:
        raise ModelError(
            f"explaining one alert of {final.choice.candidate} takes {found.us_per_row:.0f} µs, "
            f"at most {MAX_US_PER_ROW:.0f} are allowed: nothing was stored; train with another "
            "--family"
        )
    return found


def _validation(final: FittedPart, data: Dataset) -> Outcomes:
    """What calibration and thresholds were chosen on."""
    scores, at = final.validation, final.thresholds
    return Outcomes(
        data.fraud, scores, scores >= at.review, scores >= at.block, day_of(data.time_ms)
    )


def _drawn(data: Dataset, seed: int) -> NDArray[np.intp]:
    """Rows whose explanations stand for all."""
    size = min(_EXPLAINED_ROWS, len(data))
    return np.sort(np.random.default_rng(seed).choice(len(data), size, replace=False))


def _question(data: Dataset, origin: Origin, procedure: Procedure) -> str:
    """Names everything that the results of a search hang on."""
    question = {
        "data": [origin.sha256, origin.ip_table, data.since_ms, data.until_ms, len(data)],
        "features": feature_hash(data.profile, origin.ip_table),
        "procedure": asdict(procedure),
        "libraries": _libraries(),
    }
    return sha256(msgspec.json.encode(question, order="deterministic")).hexdigest()[:16]


def _libraries() -> dict[str, str]:
    return {
        module.__name__: module.__version__
        for module in (imblearn, np, onnx, onnxmltools, onnxruntime, optuna, sklearn, xgboost)
    }


def _description(
    data: Dataset, origin: Origin, procedure: Procedure, final: FittedPart
) -> dict[str, Any]:
    """What metadata say of data and model."""
    return {
        "profile": data.profile,
        "name": final.choice.candidate.family,
        "feature_hash": feature_hash(data.profile, origin.ip_table),
        "feature_names": data.names,
        "ip_table": origin.ip_table,
        "candidate": final.choice.candidate,
        "calibration": final.calibration,
        "policy": procedure.policy,
        "thresholds": final.thresholds,
        "alternatives": dict(final.alternatives),
        "severity_bands": bands_of(final.thresholds),
        "reference": reference_of(declared_features(data.profile), data.matrix[~data.fraud]),
        "drift": bins_of(declared_features(data.profile), data.matrix, final.validation),
        "training": TrainingData(
            sha256=origin.sha256,
            first=iso_time(int(data.time_ms[0])),
            last=iso_time(int(data.time_ms[-1])),
            until=None if data.until_ms is None else iso_time(data.until_ms),
            since=None if data.since_ms is None else iso_time(data.since_ms),
            rows=len(data),
            fraud=int(data.fraud.sum()),
            duplicates=data.duplicates,
            unlabelled=data.unlabelled,
        ),
        "label_delay_s": procedure.delay_ms / 1000,
        "seed": procedure.seed,
        "libraries": _libraries(),
    }
