"""From event columns and window quantities to feature values: one function for each kind.

The same functions run offline and online, in float64 over integers, and the result is cast to
float32 once, so that equal inputs give equal bits. An unknown value is NaN.

A function computes all features of one kind that stand side by side in the declared list and look
at the same entity (such as the counts of its five windows) in one go. It need not care for events
without that entity: ``feature_matrix`` makes all they would say NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from core.names import DAY_MS
from features.batch import AMOUNT_SCALE
from features.declared import WINDOWS, Feature, declared_features
from features.known import Known
from features.quantities import ABSENT, Quantity

_HOUR_MS = 3_600_000
_WINDOW_INDEX = {name: index for index, name in enumerate(WINDOWS)}
# Tables instead of numpy's sine, whose last bit hangs on the processor.
_HOUR_ANGLES = 2.0 * math.pi / 24 * np.arange(24)
_WEEKDAY_ANGLES = 2.0 * math.pi / 7 * np.arange(7)
_TABLES = {
    name: np.array([function(angle) for angle in angles.tolist()])
    for name, function, angles in (
        ("hour_sin", math.sin, _HOUR_ANGLES),
        ("hour_cos", math.cos, _HOUR_ANGLES),
        ("weekday_sin", math.sin, _WEEKDAY_ANGLES),
        ("weekday_cos", math.cos, _WEEKDAY_ANGLES),
    )
}

Floats = NDArray[np.float64]
Features = Sequence[Feature]


def _quantity(features: Features, known: Known, quantity: Quantity) -> Floats:
    """One quantity of the features' entity in their windows, shape (n, features)."""
    first = int(quantity) + _WINDOW_INDEX.get(features[0].window, 0)
    values = known.quantities[features[0].entity][:, first : first + len(features)]
    return values.astype(np.float64)


def _ratio(above: Floats, below: Floats) -> Floats:
    """``above`` / ``below``, NaN where ``below`` is not positive."""
    return above / np.where(below > 0, below, np.nan)


def _seconds(features: Features, known: Known, quantity: Quantity) -> Floats:
    ms = known.quantities[features[0].entity][:, int(quantity)]
    return np.where(ms < 0, np.nan, ms / 1000.0)


def _amount(_: Features, known: Known) -> Floats:
    return known.own.amount / AMOUNT_SCALE


def _log_amount(_: Features, known: Known) -> Floats:
    return np.log1p(known.own.amount / AMOUNT_SCALE)


def _field(features: Features, known: Known) -> Floats:
    return np.column_stack([known.own.number[feature.source] for feature in features])


def _category(features: Features, known: Known) -> Floats:
    codes = [known.own.code[feature.source] for feature in features]
    return np.column_stack(codes).astype(np.float64)


def _hours(known: Known) -> NDArray[np.int64]:
    return known.own.time_ms % DAY_MS // _HOUR_MS


def _weekdays(known: Known) -> NDArray[np.int64]:
    return (known.own.time_ms // DAY_MS + 3) % 7  # 1970-01-01 was a Thursday


def _hour(_: Features, known: Known) -> Floats:
    return _hours(known).astype(np.float64)


def _weekday(_: Features, known: Known) -> Floats:
    return _weekdays(known).astype(np.float64)


def _hour_angle(features: Features, known: Known) -> Floats:
    return _TABLES[features[0].kind][_hours(known)]


def _weekday_angle(features: Features, known: Known) -> Floats:
    return _TABLES[features[0].kind][_weekdays(known)]


def _since_signup(_: Features, known: Known) -> Floats:
    return (known.own.time_ms - known.own.number["signup_ms"]) / 1000.0


def _log_since_signup(features: Features, known: Known) -> Floats:
    seconds = _since_signup(features, known)
    return np.copysign(np.log1p(np.abs(seconds)), seconds)


def _count(features: Features, known: Known) -> Floats:
    return _quantity(features, known, Quantity.COUNT)


def _spend(features: Features, known: Known) -> Floats:
    return _quantity(features, known, Quantity.SPEND) / AMOUNT_SCALE


def _mean(features: Features, known: Known) -> Floats:
    return _ratio(_spend(features, known), _count(features, known))


def _value_ratio(features: Features, known: Known) -> Floats:
    # Amounts are below 2^44 and counts at most 512: their product is an exact integer.
    above = _count(features, known) * known.own.amount[:, np.newaxis]
    return _ratio(above, _quantity(features, known, Quantity.SPEND))


def _rate_ratio(features: Features, known: Known) -> Floats:
    counts = known.quantities[features[0].entity]
    columns = [int(Quantity.COUNT) + _WINDOW_INDEX[feature.window] for feature in features]
    times = [WINDOWS["24h"] / WINDOWS[feature.window] for feature in features]
    day = counts[:, [int(Quantity.COUNT) + _WINDOW_INDEX["24h"]]].astype(np.float64)
    return _ratio(counts[:, columns] * np.array(times), day)


def _peers(features: Features, known: Known) -> Floats:
    return _quantity(features, known, Quantity.PEERS)


def _countries(features: Features, known: Known) -> Floats:
    return _quantity(features, known, Quantity.COUNTRIES)


def _same_amount(features: Features, known: Known) -> Floats:
    return known.quantities[features[0].entity][:, int(Quantity.SAME_AMOUNT_1M)].astype(np.float64)


def _since_previous(features: Features, known: Known) -> Floats:
    return _seconds(features, known, Quantity.SINCE_PREVIOUS_MS)


def _age(features: Features, known: Known) -> Floats:
    return _seconds(features, known, Quantity.AGE_MS)


#: kind of a feature → its formula: neighbouring features of that kind and one entity, and what is
#: known of n events, to float64 of shape (n, features), or (n,) for a single one
KINDS: Mapping[str, Callable[[Features, Known], Floats]] = {
    "amount": _amount,
    "log_amount": _log_amount,
    "field": _field,
    "category": _category,
    "hour": _hour,
    "hour_sin": _hour_angle,
    "hour_cos": _hour_angle,
    "weekday": _weekday,
    "weekday_sin": _weekday_angle,
    "weekday_cos": _weekday_angle,
    "since_signup": _since_signup,
    "log_since_signup": _log_since_signup,
    "count": _count,
    "spend": _spend,
    "mean": _mean,
    "value_ratio": _value_ratio,
    "rate_ratio": _rate_ratio,
    "peers": _peers,
    "countries": _countries,
    "same_amount": _same_amount,
    "since_previous": _since_previous,
    "age": _age,
}


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where what stands in the matrix.

    Attributes:
        blocks: columns of features that one call of their formula computes.
        of_entity: entity → columns of the features that look at its past.
    """

    blocks: tuple[tuple[slice, tuple[Feature, ...]], ...]
    of_entity: Mapping[str, NDArray[np.intp]]


@cache
def _layout(profile: str) -> _Layout:
    declared = declared_features(profile)
    blocks: list[tuple[slice, tuple[Feature, ...]]] = []
    for column, feature in enumerate(declared):
        if blocks and _continues(blocks[-1][1][-1], feature):
            columns, features = blocks.pop()
            blocks.append((slice(columns.start, column + 1), (*features, feature)))
        else:
            blocks.append((slice(column, column + 1), (feature,)))
    entities = {feature.entity for feature in declared if feature.entity}
    return _Layout(
        tuple(blocks),
        {
            entity: np.array([i for i, one in enumerate(declared) if one.entity == entity])
            for entity in sorted(entities)
        },
    )


def _continues(last: Feature, feature: Feature) -> bool:
    """Whether one call can compute both: the same kind and entity, and the next window."""
    if (last.kind, last.entity) != (feature.kind, feature.entity):
        return False
    if not feature.window:
        return not last.window
    return bool(last.window) and (_WINDOW_INDEX[feature.window] == _WINDOW_INDEX[last.window] + 1)


def feature_matrix(known: Known, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """The declared features of n events.

    Args:
        known: what is known of them.
        out: where to write the result, of its shape; None: a new array.

    Returns:
        float32 of shape (n, features), C-contiguous.
    """
    layout = _layout(known.own.profile)
    width = layout.blocks[-1][0].stop
    matrix = np.empty((len(known), width), np.float32) if out is None else out
    for columns, features in layout.blocks:
        values = KINDS[features[0].kind](features, known)
        matrix[:, columns] = values.reshape(len(known), len(features))
    for entity, mine in layout.of_entity.items():
        nobody = np.flatnonzero(known.quantities[entity][:, 0] == ABSENT)
        if len(nobody):
            matrix[np.ix_(nobody, mine)] = np.nan
    return matrix
