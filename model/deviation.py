"""Reasons of an alert without asking the model: the features farthest from what is usual.

The distance is a robust z score: for numbers (value − median) / scale on honest training events;
for a category, and for a value that is unknown, the z at which a normal density has fallen from its
peak as far as this value's share has from that of the most common one, √(2·ln(mode / share)).
Features that say the same of several windows (``device_count_1h``, ``…_24h``) give one reason, that
of the window with the largest distance, the shortest among equals.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.messages import Reason
from features.declared import Feature, declared_features
from model.registry import ModelVersion
from model.wording import describe

CODE = "deviation"
#: More than this many reasons are not read.
TOP = 3
#: A smaller distance is rounding, as medians have more digits than features.
_LEAST = 1e-3


class DeviationReasons:
    """Explains events by their distance from the version's training reference.

    Args:
        version: the model version whose reference is used.

    Raises:
        ModelError: the version's features are not those this program declares.
    """

    def __init__(self, version: ModelVersion) -> None:
        meta = version.metadata
        self._features = declared_features(meta.profile)
        names = tuple(feature.name for feature in self._features)
        if names != tuple(one.name for one in meta.reference):
            raise ModelError(
                f"{meta.profile} model {meta.version} was made for other features than this "
                f"program's: train one with `fraudstream train CSV --profile {meta.profile}`"
            )
        reference = meta.reference
        self._typical = [one.median for one in reference]
        self._median = np.array([0.0 if one.median is None else one.median for one in reference])
        self._scale = np.array([one.scale for one in reference])
        self._unknown_z = np.array([_surprise(one.unknown_share) for one in reference])
        self._tables = {
            column: np.array([_rarity(share, one.shares) for share in one.shares])
            for column, one in enumerate(reference)
            if one.shares
        }
        self._never_known = {
            column: _surprise(1.0 - one.unknown_share)
            for column, one in enumerate(reference)
            if one.median is None
        }
        self._groups = reason_groups(self._features)
        self._amount = next(at for at, one in enumerate(self._features) if one.kind == "amount")

    def explain(self, matrix: NDArray[np.float32]) -> list[list[Reason]]:
        """Up to ``TOP`` reasons for each row, the farthest first.

        Args:
            matrix: float32 of shape (k, features) in model order, NaN where unknown.

        Returns:
            k lists; a row in which nothing deviates has an empty one.
        """
        distance = self._distances(matrix)
        best = np.column_stack(
            [group[np.abs(distance[:, group]).argmax(axis=1)] for group in self._groups]
        )
        size = -np.abs(np.take_along_axis(distance, best, axis=1))
        order = np.argsort(size, axis=1, kind="stable")[:, :TOP]
        columns = np.take_along_axis(best, order, axis=1)
        found = np.take_along_axis(distance, columns, axis=1).tolist()
        return [
            [
                self._reason(column, matrix[row], z)
                for column, z in zip(columns[row].tolist(), found[row], strict=True)
                if abs(z) >= _LEAST
            ]
            for row in range(len(matrix))
        ]

    def _distances(self, matrix: NDArray[np.float32]) -> NDArray[np.float64]:
        unknown = np.isnan(matrix)
        distance: NDArray[np.float64] = (matrix - self._median) / self._scale
        for column, table in self._tables.items():
            codes = np.nan_to_num(matrix[:, column]).astype(np.intp)
            distance[:, column] = table[codes]
        for column, z in self._never_known.items():
            distance[:, column] = z
        rows, columns = np.nonzero(unknown)
        distance[rows, columns] = self._unknown_z[columns]
        return distance

    def _reason(self, column: int, values: NDArray[np.float32], z: float) -> Reason:
        feature, raw = self._features[column], values[column]
        # The shortest decimal that reads back as the same float32, as feature values are published.
        value = None if np.isnan(raw) else float(str(raw))
        amount = float(str(values[self._amount]))
        text = describe(feature, value, self._typical[column], amount)
        return Reason(
            code=CODE, feature=feature.name, value=value, contribution=round(z, 4), text=text
        )


def reason_groups(features: tuple[Feature, ...]) -> list[NDArray[np.intp]]:
    """Columns that say the same of several windows, in the order of the declared list.

    Other forms of a feature (its sine, its logarithm) are left out: nobody reads them.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for column, feature in enumerate(features):
        if feature.form_of:
            continue
        key = (feature.entity, feature.kind) if feature.window else ("", feature.name)
        groups.setdefault(key, []).append(column)
    return [np.array(group, np.intp) for group in groups.values()]


def _surprise(share: float) -> float:
    """z of something with this share, against its opposite; 0 where it is the usual case."""
    return math.sqrt(2.0 * math.log((1.0 - share) / share)) if share < 0.5 else 0.0


def _rarity(share: float, shares: tuple[float, ...]) -> float:
    return math.sqrt(2.0 * math.log(max(shares) / share))
