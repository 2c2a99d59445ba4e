"""Reasons of an alert: what moved the model, by TreeSHAP.

The contributions of all features and the model's mean add up to the raw score, exactly but for
rounding (Lundberg et al., From local explanations to global understanding with explainable AI for
trees, Nature Machine Intelligence 2, 2020). Features that say the same of several windows share one
reason: their contributions are added, and the one that moved most is shown. Only what speaks for
fraud is a reason.
"""

from __future__ import annotations

import time

import numpy as np
import xgboost
from numpy.typing import NDArray

from core.errors import ModelError
from core.messages import Reason
from features.declared import declared_features
from model.deviation import TOP, reason_groups
from model.registry import EXPLAIN_FILE, ModelVersion
from model.trees import load_booster
from model.wording import describe

CODE = "shap"
#: An alert does not wait longer for its reasons.
MAX_US_PER_ROW = 300.0
#: A smaller contribution to the raw score is no reason.
_LEAST = 1e-3
_REPEATS = 5
#: Further attempts, with a pause before each, while the time is above the limit: neighbours on the
#: same hardware slow a processor down for seconds, which ``thread_time`` does not tell.
_MORE, _PAUSE_S = 60, 0.05


class Contributions:
    """Explains raw scores of a version's trees; used by one thread at a time.

    Args:
        version: a checked model version.

    Raises:
        ModelError: its file of trees is missing or cannot be read.
    """

    def __init__(self, version: ModelVersion) -> None:
        meta = version.metadata
        self._features = declared_features(meta.profile)
        self._typical = [one.median for one in meta.reference]
        self._groups = reason_groups(self._features)
        self._amount = next(at for at, one in enumerate(self._features) if one.kind == "amount")
        self._booster = _trees_of(version, len(self._features))

    def contributions(self, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
        """What each feature adds to the raw score, and in the last column what is there anyway.

        Args:
            matrix: float32 of shape (k, features) in model order, NaN where unknown.

        Returns:
            float32 of shape (k, features + 1); each row adds up to the raw score.
        """
        return contributions(self._booster, matrix)

    def explain(self, matrix: NDArray[np.float32]) -> list[list[Reason]]:
        """Up to ``TOP`` reasons for each row of (k, features), the strongest first."""
        if not len(matrix):
            return []
        moved = self.contributions(matrix)
        sums = np.column_stack([moved[:, group].sum(axis=1) for group in self._groups])
        order = np.argsort(-sums, axis=1, kind="stable")[:, :TOP]
        return [
            [
                self._reason(matrix[row], moved[row], group, float(sums[row, group]))
                for group in order[row].tolist()
                if sums[row, group] >= _LEAST
            ]
            for row in range(len(matrix))
        ]

    def _reason(
        self, values: NDArray[np.float32], moved: NDArray[np.float32], group: int, total: float
    ) -> Reason:
        columns = self._groups[group]
        column = int(columns[moved[columns].argmax()])
        feature, raw = self._features[column], values[column]
        value = None if np.isnan(raw) else float(str(raw))
        amount = float(str(values[self._amount]))
        text = describe(feature, value, self._typical[column], amount)
        return Reason(
            code=CODE, feature=feature.name, value=value, contribution=round(total, 4), text=text
        )


def _trees_of(version: ModelVersion, width: int) -> xgboost.Booster:
    """The version's trees.

    Raises:
        ModelError: they cannot be read, or were made for another number of features, which xgboost
            would not notice.
    """
    where = version.path / EXPLAIN_FILE
    try:
        booster = load_booster(version.read(EXPLAIN_FILE))
    except xgboost.core.XGBoostError as error:
        raise ModelError(
            f"{where}: xgboost {xgboost.__version__} cannot load it "
            f"({str(error).splitlines()[0][:200]}): train the model again with "
            "`fraudstream train CSV`"
        ) from None
    if booster.num_features() != width:
        raise ModelError(
            f"{where}: was made for {booster.num_features()} features, the profile has {width}: "
            "train the model again with `fraudstream train CSV`"
        )
    return booster


def contributions(booster: xgboost.Booster, matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """TreeSHAP values of rows, float32 of shape (k, features + 1), the mean in the last column."""
    data = xgboost.DMatrix(matrix, nthread=1)
    found: NDArray[np.float32] = booster.predict(data, pred_contribs=True)
    return found


def us_per_row(booster: xgboost.Booster, matrix: NDArray[np.float32]) -> float:
    """Processor time of one row among those of ``matrix``, in µs: the best of some attempts."""
    best = float("inf")
    for attempt in range(_REPEATS + _MORE):
        if attempt >= _REPEATS:
            if 1e6 * best <= MAX_US_PER_ROW * len(matrix):
                break
            time.sleep(_PAUSE_S)
        started = time.thread_time()  # a busy machine is no fault of the model
        contributions(booster, matrix)
        best = min(best, time.thread_time() - started)
    return 1e6 * best / len(matrix)
