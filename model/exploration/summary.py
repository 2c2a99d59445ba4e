"""Tables of an exploration: missing values, numbers, categories, classes, correlations, time.

Every share of fraud is one among labelled events, with a 95 % Wilson interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from model.exploration.events import Category, Events, Number
from model.exploration.shares import (
    Share,
    correlation_of_ranks,
    fraud_share,
    rank_correlation,
    separation,
)

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
#: Categories beyond this many are put together.
SHOWN_LEVELS = 20
_MINUTE_MS = 60_000
#: Lengths of a bucket of time; the first that gives at most ``_MOST_BUCKETS`` is taken.
_BUCKETS = {
    "minute": _MINUTE_MS,
    "hour": 60 * _MINUTE_MS,
    "day": 1440 * _MINUTE_MS,
    "week": 7 * 1440 * _MINUTE_MS,
    "year": 365 * 1440 * _MINUTE_MS,
}
_MOST_BUCKETS = 400


@dataclass(frozen=True, slots=True)
class Missing:
    """Values that a column lacks, and the share of fraud among the events that lack them."""

    column: str
    count: int
    share: float
    fraud: Share | None


@dataclass(frozen=True, slots=True)
class NumberSummary:
    """One column of numbers.

    Attributes:
        name, unit: of the column.
        kind: ``whole`` or ``decimal`` numbers, as far as values are known.
        known: events that have a value.
        distinct: different values among them.
        minimum, maximum, mean: over the known values; None where there is none.
        quantiles: at ``QUANTILES``.
        separation: ROC AUC of the column alone as a score for fraud.
    """

    name: str
    unit: str
    kind: str
    known: int
    distinct: int
    minimum: float | None
    maximum: float | None
    mean: float | None
    quantiles: tuple[float, ...]
    separation: float | None


@dataclass(frozen=True, slots=True)
class Level:
    """One value of a category: events, their share of all, and the fraud among them."""

    text: str
    count: int
    share: float
    fraud: Share | None


@dataclass(frozen=True, slots=True)
class CategorySummary:
    """One category, its values from the most frequent on.

    Attributes:
        name: of the column.
        distinct: different values.
        levels: the first ``SHOWN_LEVELS``, then those together that are left, then the unknown;
            empty where the values may be ids.
        like_ids: whether they may be.
    """

    name: str
    distinct: int
    levels: tuple[Level, ...]
    like_ids: bool


@dataclass(frozen=True, slots=True)
class Classes:
    """How many events carry which label."""

    fraud: int
    honest: int
    unknown: int
    share: Share | None


@dataclass(frozen=True, slots=True, eq=False)
class TimeCourse:
    """Events by bucket of time; b buckets without a gap.

    Attributes:
        unit: ``minute``, ``hour``, ``day``, ``week`` or ``year``.
        start_ms: where each begins, shape (b,).
        events, labelled, fraud: counts, shape (b,).
    """

    unit: str
    start_ms: NDArray[np.int64]
    events: NDArray[np.int64]
    labelled: NDArray[np.int64]
    fraud: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Correlations:
    """Spearman's ρ of each pair of ``names``, shape (k, k), NaN where a column is constant."""

    names: tuple[str, ...]
    matrix: NDArray[np.float64]


def missing_values(events: Events) -> tuple[Missing, ...]:
    """Every column of the profile, in its order, the label last."""
    columns = {name: coded.code < 0 for name, coded in events.identities().items()}
    columns |= {one.name: one.code < 0 for one in events.categories if one.name != "country"}
    columns |= {name: np.isnan(values) for name, values in events.batch.number.items()}
    if "signup_ms" in columns:
        columns["signup_time"] = columns.pop("signup_ms")
    rows = [
        Missing(name, int(gone.sum()), float(gone.mean()), fraud_share(events.label[gone]))
        for name, gone in columns.items()
    ]
    unlabelled = events.label < 0
    return (*rows, Missing("label", int(unlabelled.sum()), float(unlabelled.mean()), None))


def number_summary(number: Number, label: NDArray[np.int8]) -> NumberSummary:
    """One column of numbers."""
    known = number.values[~np.isnan(number.values)]
    whole = bool((known == np.floor(known)).all())
    some = len(known) > 0
    return NumberSummary(
        name=number.name,
        unit=number.unit,
        kind="whole" if whole else "decimal",
        known=len(known),
        distinct=len(np.unique(known)),
        minimum=float(known.min()) if some else None,
        maximum=float(known.max()) if some else None,
        mean=float(known.mean()) if some else None,
        quantiles=tuple(np.quantile(known, QUANTILES).tolist()) if some else (),
        separation=separation(number.values, label),
    )


def category_summary(category: Category, label: NDArray[np.int8]) -> CategorySummary:
    """One category."""
    code, events = category.code, len(category.code)
    counts = np.bincount(code[code >= 0], minlength=len(category.texts))
    distinct = int((counts > 0).sum())
    if category.like_ids:
        return CategorySummary(category.name, distinct, (), like_ids=True)
    order = np.argsort(-counts, kind="stable")[:distinct]

    def level(text: str, rows: NDArray[np.bool_]) -> Level:
        count = int(rows.sum())
        return Level(text, count, count / events, fraud_share(label[rows]))

    levels = [level(category.texts[one], code == one) for one in order[:SHOWN_LEVELS].tolist()]
    if rest := order[SHOWN_LEVELS:].tolist():
        levels.append(level(f"{len(rest)} others together", np.isin(code, rest)))
    if (code < 0).any():
        levels.append(level("unknown", code < 0))
    return CategorySummary(category.name, distinct, tuple(levels), like_ids=False)


def classes(label: NDArray[np.int8]) -> Classes:
    """How many events carry which label."""
    return Classes(
        fraud=int((label == 1).sum()),
        honest=int((label == 0).sum()),
        unknown=int((label < 0).sum()),
        share=fraud_share(label),
    )


def time_course(time_ms: NDArray[np.int64], label: NDArray[np.int8]) -> TimeCourse:
    """Events by bucket; the bucket follows from the span.

    Args:
        time_ms: ascending, shape (n,), at least one.
        label: 1 fraud, 0 honest, −1 unknown, shape (n,).
    """
    span = int(time_ms[-1] - time_ms[0])
    unit = next((one for one, ms in _BUCKETS.items() if span / ms <= _MOST_BUCKETS), "year")
    length = _BUCKETS[unit]
    # Weeks begin on Mondays: 1970-01-05 was one.
    shift = 4 * _BUCKETS["day"] if unit == "week" else 0
    bucket = (time_ms - shift) // length
    at = (bucket - bucket[0]).astype(np.intp)
    width = int(at[-1]) + 1
    return TimeCourse(
        unit=unit,
        start_ms=(bucket[0] + np.arange(width)) * length + shift,
        events=np.bincount(at, minlength=width),
        labelled=np.bincount(at[label >= 0], minlength=width),
        fraud=np.bincount(at[label == 1], minlength=width),
    )


def correlations(events: Events) -> Correlations:
    """Numbers, time and, where both classes occur, the label, with each other.

    A pair is ranked over the events that have both of its values.
    """
    columns: list[tuple[str, NDArray[np.float64]]] = [
        (one.name, one.values) for one in events.numbers
    ]
    columns.append(("event time", events.time_ms.astype(np.float64)))
    if events.both_classes:
        columns.append(("fraud", np.where(events.label < 0, np.nan, events.label).astype(float)))
    matrix = _spearman([values for _, values in columns])
    return Correlations(tuple(name for name, _ in columns), matrix)


def _spearman(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    complete = [not np.isnan(one).any() for one in columns]
    # Ranks of a column that misses nothing are the same in every pair of such columns.
    ranks = [rankdata(one) if whole else one for one, whole in zip(columns, complete, strict=True)]
    matrix = np.full((len(columns), len(columns)), np.nan)
    for i in range(len(columns)):
        for j in range(i, len(columns)):
            if complete[i] and complete[j]:
                found = correlation_of_ranks(ranks[i], ranks[j])
            else:
                found = rank_correlation(columns[i], columns[j])
            matrix[i, j] = matrix[j, i] = np.nan if found is None else found
    return matrix
