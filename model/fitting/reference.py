"""What features look like on honest events: the yardstick of the deviation reasons.

Median and scale are robust, since fraud that nobody has reported yet is among the honest events.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.declared import Feature
from model.metadata import FeatureReference

#: Median absolute deviation × this = standard deviation of a normal variable.
_MAD_TO_SD = 1.4826
#: So does the distance of the 1st from the 99th percentile, divided by this.
_SPAN_TO_SD = 4.6527
#: A count never has a smaller scale: one event more is at most one deviation.
_COUNTED = ("events", "users", "devices", "countries")


def reference_of(
    features: tuple[Feature, ...], matrix: NDArray[np.float32]
) -> tuple[FeatureReference, ...]:
    """Median, scale and shares of every feature.

    Args:
        features: the declared features.
        matrix: their values on honest events, float32 of shape (n, len(features)), n > 0.
    """
    amounts = [column for column, one in enumerate(features) if one.kind == "amount"]
    typical_amount = float(np.nanmedian(matrix[:, amounts[0]])) if amounts else 1.0
    return tuple(
        _reference(feature, matrix[:, column].astype(np.float64), typical_amount)
        for column, feature in enumerate(features)
    )


def _reference(
    feature: Feature, values: NDArray[np.float64], typical_amount: float
) -> FeatureReference:
    known = values[~np.isnan(values)]
    # Half an event more on either side keeps both shares above 0.
    unknown_share = (len(values) - len(known) + 0.5) / (len(values) + 1.0)
    if feature.categories:
        counts = np.bincount(known.astype(np.intp), minlength=len(feature.categories)) + 0.5
        shares = tuple((counts / counts.sum()).tolist())
        return FeatureReference(feature.name, float(counts.argmax()), 1.0, unknown_share, shares)
    if not len(known):
        return FeatureReference(feature.name, None, 1.0, unknown_share)
    floor = 0.0
    if feature.unit in _COUNTED:
        floor = 1.0
    elif feature.kind == "spend":
        floor = max(typical_amount, 1.0)
    median = float(np.median(known))
    return FeatureReference(feature.name, median, _scale(known, median, floor), unknown_share)


def _scale(known: NDArray[np.float64], median: float, floor: float) -> float:
    """The first of three estimates of the standard deviation that is not 0, else the floor or 1."""
    low, high = np.quantile(known, (0.01, 0.99))
    estimates = (
        _MAD_TO_SD * float(np.median(np.abs(known - median))),
        float(high - low) / _SPAN_TO_SD,
        float(known.std()),
    )
    found = next((one for one in estimates if one > 0), 0.0)
    return max(found, floor) or 1.0
