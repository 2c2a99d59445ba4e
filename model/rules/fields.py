"""What a rule may ask of an event: the names of its language, with their types and meanings.

Where a name is both a field of the event and a feature, it is the field, in full: the model is
given a float32 or the code of a category, a rule compares the amount and the text as they came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.names import DAY_MS
from features.batch import AMOUNT_SCALE, EventBatch
from features.declared import Feature, declared_features
from features.profiles import profile_spec


class Kind(StrEnum):
    """Types of the language."""

    NUMBER = "number"
    WHOLE = "whole number"
    TEXT = "text"
    TRUTH = "condition"


@dataclass(frozen=True, slots=True, eq=False)
class Texts:
    """n texts by their distinct values.

    Attributes:
        code: row → index into ``distinct``, −1 where the text is unknown, shape (n,).
        distinct: the values; the same tuple for every batch where they are those of a category.
    """

    code: NDArray[Any]
    distinct: Sequence[str]


@dataclass(slots=True, eq=False)
class Rows:
    """n events of one micro-batch, as the rules see them.

    Attributes:
        batch: the events.
        country: their country codes, shape (n,).
        matrix: their features, float32 of shape (n, features).
        score: of the model, float32 of shape (n,).
        memo: what is worked out already, by what works it out.
    """

    batch: EventBatch
    country: NDArray[np.int16]
    matrix: NDArray[np.float32]
    score: NDArray[np.float32]
    memo: dict[object, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.score)

    def once(self, key: object, work: Callable[[Rows], Any]) -> Any:
        """What ``work`` gives, asked only the first time."""
        found = self.memo.get(key)
        if found is None:
            found = self.memo[key] = work(self)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Field:
    """One name of the language.

    Attributes:
        name: of it.
        kind: its type.
        meaning: for people.
        read: its column: float64 with NaN where unknown, or ``Texts``.
        feature: whether it is one of the features.
    """

    name: str
    kind: Kind
    meaning: str
    read: Callable[[Rows], Any]
    feature: bool = False

    def of(self, rows: Rows) -> Any:
        """The column, read once for each batch."""
        return rows.once(self, self.read)


@cache
def fields(profile: str) -> dict[str, Field]:
    """Name → field of everything that a rule of the profile may ask for."""
    spec = profile_spec(profile)
    named = [
        Field("score", Kind.NUMBER, "fraud probability by the model", _score),
        Field("amount", Kind.NUMBER, "amount in currency units, exact", _amount),
        *_moments(),
    ]
    if spec.amount != "amount":
        named.append(Field(spec.amount, Kind.NUMBER, "the same as `amount`", _amount))
    named += [
        Field(name, Kind.TEXT, "field of the event, as it came", _text(name)) for name in spec.text
    ]
    named += [
        Field(name, Kind.NUMBER, "field of the event", _number(name))
        for name in spec.number
        if name != "signup_ms"
    ]
    known = {one.name: one for one in named}
    for position, feature in enumerate(declared_features(profile)):
        if feature.name not in known:
            known[feature.name] = _of_feature(feature, position)
    return known


def _of_feature(feature: Feature, position: int) -> Field:
    if feature.source == "country":
        return Field("country", Kind.TEXT, "ISO alpha-2 or `unknown`", _country(feature), True)
    if feature.categories:
        read = _category(feature.categories, position)
        return Field(feature.name, Kind.TEXT, feature.meaning, read, True)
    meaning = f"{feature.meaning} ({feature.unit})"
    return Field(feature.name, Kind.NUMBER, meaning, _column(position), True)


def _score(rows: Rows) -> NDArray[np.float64]:
    return rows.score.astype(np.float64)


def _amount(rows: Rows) -> NDArray[np.float64]:
    return rows.batch.amount / AMOUNT_SCALE


def _text(name: str) -> Callable[[Rows], Texts]:
    def read(rows: Rows) -> Texts:
        column = rows.batch.coded(name)
        return Texts(column.code, column.distinct)

    return read


def _number(name: str) -> Callable[[Rows], NDArray[np.float64]]:
    return lambda rows: rows.batch.number[name]


def _column(position: int) -> Callable[[Rows], NDArray[np.float64]]:
    return lambda rows: rows.matrix[:, position].astype(np.float64)


def _country(feature: Feature) -> Callable[[Rows], Texts]:
    return lambda rows: Texts(rows.country, feature.categories)


def _category(categories: tuple[str, ...], position: int) -> Callable[[Rows], Texts]:
    return lambda rows: Texts(rows.matrix[:, position].astype(np.int64), categories)


def _moments() -> list[Field]:
    """Parts of the event time."""

    def of(name: str, meaning: str, read: Callable[[NDArray[np.int64]], Any]) -> Field:
        return Field(
            name, Kind.WHOLE, meaning, lambda rows: read(rows.batch.time_ms).astype(np.float64)
        )

    def since(unit: str, larger: str) -> Callable[[NDArray[np.int64]], Any]:
        def read(time_ms: NDArray[np.int64]) -> Any:
            moment = time_ms.astype("datetime64[ms]")
            return (moment.astype(f"M8[{unit}]") - moment.astype(f"M8[{larger}]")).astype(np.int64)

        return read

    day_of_month, month = since("D", "M"), since("M", "Y")
    return [
        of("hour", "hour of the event, 0 to 23 (UTC)", since("h", "D")),
        of("minute", "minute of the event, 0 to 59 (UTC)", since("m", "h")),
        # 1970-01-01 was a Thursday.
        of("weekday", "day of the week of the event, Monday = 0 (UTC)",
           lambda time_ms: (time_ms // DAY_MS + 3) % 7),
        of("day", "day of the month of the event, 1 to 31 (UTC)",
           lambda time_ms: day_of_month(time_ms) + 1),
        of("month", "month of the event, 1 to 12 (UTC)", lambda time_ms: month(time_ms) + 1),
    ]  # fmt: skip
