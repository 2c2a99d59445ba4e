"""Which earlier events made each feature of one event.

Promise: the values are those of ``compute_features`` over the whole history, and a feature computed
from nothing but the events listed for it and the event itself has the same bits
(``tests/features/test_explain.py`` does so). Steps:

1. the events that come before in the total order (event time, id) are found, each id once;
2. for each entity, its *past* is what ``features.kernel`` walks over: the latest ``CAP`` of them,
   at most ``LOOK_BACK_MS`` back, the latest first;
3. ``CHOOSERS`` says by kind which of the past a feature is made of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.batch import EventBatch
from features.declared import CAP, LOOK_BACK_MS, WINDOWS, Feature, declared_features
from features.offline import FeatureTable
from features.profiles import profile_spec

Positions = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """The m earlier events of one entity that its features may look at, the latest first.

    Attributes:
        entity: name of the entity, such as ``device``.
        whom: which one, None where the event has none.
        rows: where they stand in the batch, shape (m,).
        gap_ms: how long before the event, milliseconds, ascending, shape (m,).
        same_amount: whether the amount is the event's, shape (m,).
        truncated: whether there were more than ``CAP`` within the look-back.
    """

    entity: str
    whom: str | None
    rows: NDArray[np.intp]
    gap_ms: NDArray[np.int64]
    same_amount: NDArray[np.bool_]
    truncated: bool

    def within(self, window: str) -> Positions:
        """Positions of the events in ``window``, a key of ``WINDOWS``."""
        # Gaps ascend, so the events of a window are the first few.
        return np.arange(np.searchsorted(self.gap_ms, WINDOWS[window], side="left"))


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """One feature of the event.

    Attributes:
        feature: the declared feature.
        value: what the model is given, NaN where unknown.
        made_by: positions in the past of ``feature.entity``, ascending (so the latest first); empty
            for a feature of the event itself.
    """

    feature: Feature
    value: np.float32
    made_by: Positions


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """All features of one event.

    Attributes:
        row: where the event stands in the batch.
        pasts: entity → its past, in the order of the profile's entities.
        features: the features in model order.
    """

    row: int
    pasts: Mapping[str, Past]
    features: tuple[Explained, ...]

    def rows(self, one: Explained) -> NDArray[np.intp]:
        """Where in the batch the events stand that made a feature, the latest first."""
        if not one.feature.entity:
            return np.empty(0, np.intp)
        return self.pasts[one.feature.entity].rows[one.made_by]


def _window(feature: Feature, past: Past) -> Positions:
    return past.within(feature.window)


def _last_day(_: Feature, past: Past) -> Positions:
    return past.within("24h")


def _same_amount(feature: Feature, past: Past) -> Positions:
    window = past.within(feature.window)
    return window[past.same_amount[: len(window)]]


def _latest(_: Feature, past: Past) -> Positions:
    return np.arange(len(past.rows))[:1]


def _earliest(_: Feature, past: Past) -> Positions:
    return np.arange(len(past.rows))[-1:]


#: Kind of a feature with an entity → which events of the entity's past it is made of.
CHOOSERS: Mapping[str, Callable[[Feature, Past], Positions]] = {
    "count": _window,
    "spend": _window,
    "mean": _window,
    "value_ratio": _window,
    "rate_ratio": _last_day,  # the last hour's rate against that of the last 24 h, which holds it
    "peers": _window,
    "countries": _window,
    "same_amount": _same_amount,
    "since_previous": _latest,
    "age": _earliest,
}


def explain(batch: EventBatch, table: FeatureTable, row: int) -> Explanation:
    """The features of one event and the earlier events that made them.

    Args:
        batch: the whole history, in any order.
        table: ``compute_features`` of it.
        row: where the event stands in ``batch``.
    """
    own, earlier = _itself_and_earlier(batch, row)
    pasts = {
        entity: _past(batch, entity, own, earlier)
        for entity in profile_spec(batch.profile).entities
    }
    nothing = np.empty(0, np.intp)
    return Explanation(
        row,
        pasts,
        tuple(
            Explained(
                feature,
                value,
                CHOOSERS[feature.kind](feature, pasts[feature.entity])
                if feature.entity
                else nothing,
            )
            for feature, value in zip(
                declared_features(batch.profile), table.matrix[row], strict=True
            )
        ),
    )


def _itself_and_earlier(batch: EventBatch, row: int) -> tuple[int, NDArray[np.intp]]:
    """First occurrence of the event, and first occurrences of those before it, latest first."""
    order = batch.in_total_order()
    order = order[: int(np.flatnonzero(order == row)[0]) + 1]
    time, name = batch.time_ms[order], batch.order_id[order]
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (time[1:] != time[:-1]) | (name[1:] != name[:-1])
    distinct = order[fresh]
    return int(distinct[-1]), distinct[-2::-1]


def _past(batch: EventBatch, entity: str, own: int, earlier: NDArray[np.intp]) -> Past:
    ids = batch.entity(entity)
    code = int(ids.code[own])
    mine = earlier[ids.code[earlier] == code] if code >= 0 else earlier[:0]
    mine = mine[batch.time_ms[own] - batch.time_ms[mine] < LOOK_BACK_MS]
    rows = mine[:CAP]
    return Past(
        entity=entity,
        whom=ids.distinct[code] if code >= 0 else None,
        rows=rows,
        gap_ms=batch.time_ms[own] - batch.time_ms[rows],
        same_amount=batch.amount[rows] == batch.amount[own],
        truncated=len(mine) > CAP,
    )
