"""From a CSV's events to the rows a model learns from.

1. Events at or after ``until`` are put away.
2. Events that repeat another one in everything but their id are dropped, the first is kept.
3. The features of all that is left are computed in one go. That leaks nothing into a later split:
   a row's features are made from the row itself and from events before it (promises 1 and 2 of the
   design), and never from a label, so they are the same whether or not later rows are there.
4. Events without a label, which were needed for the others' past, are put away.

Rows stand in the total order (event time, event id), so a split by time is a split by position.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import DataError
from features.batch import EventBatch
from features.countries import CountryTable
from features.declared import declared_features
from features.offline import compute_features

#: Fewer of either class cannot be split into folds that mean anything.
MIN_OF_EACH = 20


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """n labelled events in the total order.

    Attributes:
        profile: name of the profile.
        names: names of the features.
        matrix: float32 of shape (n, len(names)), C-contiguous, NaN where unknown.
        fraud: labels, shape (n,).
        time_ms: event times, ascending, shape (n,).
        until_ms: events from here on were put away; None: none were.
        since_ms: events before gave history only; None: none did.
        duplicates: number of events dropped as repeats.
        unlabelled: number of events put away because their label is unknown.
    """

    profile: str
    names: tuple[str, ...]
    matrix: NDArray[np.float32]
    fraud: NDArray[np.bool_]
    time_ms: NDArray[np.int64]
    until_ms: int | None
    since_ms: int | None
    duplicates: int
    unlabelled: int

    def __len__(self) -> int:
        return len(self.fraud)

    @property
    def categories(self) -> tuple[int, ...]:
        """Columns that hold codes."""
        coded = {one.name for one in declared_features(self.profile) if one.categories}
        return tuple(at for at, name in enumerate(self.names) if name in coded)

    def column(self, name: str) -> NDArray[np.float32]:
        """Values of one feature, shape (n,)."""
        return self.matrix[:, self.names.index(name)]


def make_dataset(
    batch: EventBatch,
    label: NDArray[np.int8],
    countries: CountryTable,
    until_ms: int | None = None,
    since_ms: int | None = None,
) -> Dataset:
    """The rows a model learns from.

    Args:
        batch: events in any order.
        label: 1 fraud, 0 honest, −1 unknown, shape (n,).
        countries: IP table.
        until_ms: use only events before this time, milliseconds since 1970 UTC.
        since_ms: learn only from events at or after this time; those before give history.

    Raises:
        DataError: nothing is labelled, there is only one class, or there are too few of one.
    """
    order = batch.in_total_order()
    if until_ms is not None:
        order = order[batch.time_ms[order] < until_ms]
    fresh = first_of_equals(batch, order)
    rows = order[fresh]
    history, label = batch.take(rows), label[rows]
    if since_ms is not None:
        label = np.where(history.time_ms >= since_ms, label, np.int8(-1))
    labelled = np.flatnonzero(label >= 0)
    _check_classes(label, _of_span(since_ms, until_ms))
    table = compute_features(history, countries)
    return Dataset(
        profile=batch.profile,
        names=table.names,
        matrix=np.ascontiguousarray(table.matrix[labelled]),
        fraud=label[labelled] == 1,
        time_ms=history.time_ms[labelled],
        until_ms=until_ms,
        since_ms=since_ms,
        duplicates=len(order) - len(rows),
        unlabelled=len(rows) - len(labelled),
    )


def share_of_time(time_ms: NDArray[np.int64], share: float) -> int:
    """The moment at which this share of the span of ``time_ms`` has passed, milliseconds.

    Raises:
        DataError: there is no event.
    """
    if not len(time_ms):
        raise DataError("the file holds no usable event: see `fraudstream data check`")
    first, last = int(time_ms.min()), int(time_ms.max())
    return int(first + share * (last - first))


def first_of_equals(batch: EventBatch, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Mask over ``rows``: those that equal no earlier one in all that a message carries but its id.

    NaN equals NaN here: two events that both lack a number are alike in it.
    """
    columns: list[Sequence[object]] = [batch.time_ms[rows].tolist(), batch.amount[rows].tolist()]
    index = rows.tolist()
    columns += [[column[i] for i in index] for column in batch.text.values()]
    numbers = np.column_stack([*batch.number.values()])[rows] + 0.0  # −0.0 equals 0.0
    columns.append([row.tobytes() for row in np.where(np.isnan(numbers), np.nan, numbers)])
    seen: set[tuple[object, ...]] = set()
    fresh = np.ones(len(rows), np.bool_)
    for position, content in enumerate(zip(*columns, strict=True)):
        fresh[position] = content not in seen
        seen.add(content)
    return fresh


def _of_span(since_ms: int | None, until_ms: int | None) -> str:
    if since_ms is None:
        return "" if until_ms is None else " before --until"
    return " from --since on" if until_ms is None else " from --since to --until"


def _check_classes(label: NDArray[np.int8], where: str) -> None:
    fraud, honest = int((label == 1).sum()), int((label == 0).sum())
    if not fraud + honest:
        raise DataError(
            f"none of the {len(label):,} events{where} has a label: a model is trained on a file "
            "with a column 'class' of 0 and 1"
        )
    if not fraud or not honest:
        only = "fraud" if fraud else "honest"
        raise DataError(
            f"all {fraud + honest:,} labelled events{where} are {only}: a model needs examples of "
            "both; use a longer file or a later --until"
        )
    if min(fraud, honest) < MIN_OF_EACH:
        raise DataError(
            f"{fraud:,} fraud and {honest:,} honest events{where} are too few: at least "
            f"{MIN_OF_EACH} of each are needed; use a longer file or a later --until"
        )
