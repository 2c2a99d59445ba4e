"""From event columns and window quantities to feature values: one function for each kind.

The same functions run offline and online, in float64 over integers, and the result is cast to
float32 once, so that equal inputs give equal bits. An unknown value is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.names import DAY_MS
from features.batch import AMOUNT_SCALE, EventBatch
from features.declared import WINDOWS, Feature, declared_features
from features.kernel import ABSENT, Quantity

_HOUR_MS = 3_600_000
_WINDOW_INDEX = {name: index for index, name in enumerate(WINDOWS)}

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Known:
    """All that may be known of n events: their own columns and their entities' pasts.

    Attributes:
        batch: the events.
        country: country codes, index into ``declared.COUNTRIES``, shape (n,).
        quantities: entity → int64 of shape (n, ``kernel.N_QUANTITIES``).
    """

    batch: EventBatch
    country: NDArray[np.int16]
    quantities: Mapping[str, NDArray[np.int64]]

    def quantity(self, feature: Feature, quantity: Quantity) -> Floats:
        """One quantity of the feature's entity and window, NaN where there is no entity."""
        column = int(quantity) + (_WINDOW_INDEX[feature.window] if feature.window else 0)
        values = self.quantities[feature.entity][:, column]
        return np.where(values == ABSENT, np.nan, values.astype(np.float64))


def _amount(_: Feature, known: Known) -> Floats:
    return known.batch.amount / AMOUNT_SCALE


def _log_amount(_: Feature, known: Known) -> Floats:
    return np.log1p(known.batch.amount / AMOUNT_SCALE)


def _field(feature: Feature, known: Known) -> Floats:
    return known.batch.number[feature.source]


def _category(feature: Feature, known: Known) -> Floats:
    if feature.source == "country":
        return known.country.astype(np.float64)
    codes = category_codes(feature.categories)
    other = len(feature.categories) - 1
    column = known.batch.text[feature.source]
    found = (0 if value is None else codes.get(value, other) for value in column)
    return np.fromiter(found, np.float64, len(column))


def _hour(_: Feature, known: Known) -> Floats:
    return (known.batch.time_ms % DAY_MS // _HOUR_MS).astype(np.float64)


def _weekday(_: Feature, known: Known) -> Floats:
    return ((known.batch.time_ms // DAY_MS + 3) % 7).astype(np.float64)  # 1970-01-01: a Thursday


def _since_signup(_: Feature, known: Known) -> Floats:
    return (known.batch.time_ms - known.batch.number["signup_ms"]) / 1000.0


def _count(feature: Feature, known: Known) -> Floats:
    return known.quantity(feature, Quantity.COUNT)


def _spend(feature: Feature, known: Known) -> Floats:
    return known.quantity(feature, Quantity.SPEND) / AMOUNT_SCALE


def _peers(feature: Feature, known: Known) -> Floats:
    return known.quantity(feature, Quantity.PEERS)


#: kind of a feature → its formula, giving float64 of shape (n,)
KINDS: Mapping[str, Callable[[Feature, Known], Floats]] = {
    "amount": _amount,
    "log_amount": _log_amount,
    "field": _field,
    "category": _category,
    "hour": _hour,
    "weekday": _weekday,
    "since_signup": _since_signup,
    "count": _count,
    "spend": _spend,
    "peers": _peers,
}


def category_codes(categories: Sequence[str]) -> dict[str, int]:
    """Name of a category → its code; the names of the unknown and other codes map to themselves."""
    return {name: code for code, name in enumerate(categories)}


def feature_matrix(known: Known) -> NDArray[np.float32]:
    """The declared features of n events, float32 of shape (n, features), C-contiguous."""
    declared = declared_features(known.batch.profile)
    matrix = np.empty((len(known.batch), len(declared)), np.float32)
    for column, feature in enumerate(declared):
        matrix[:, column] = KINDS[feature.kind](feature, known)
    return matrix
