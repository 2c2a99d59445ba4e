"""The events of a file as the exploration sees them: in time, by kind of column.

Ids (user, device, address, card, event) are kept apart from numbers and categories: what is shown
of them are counts, never an id. A category with nearly as many values as events is treated like
an id, for it may be one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from features.batch import AMOUNT_SCALE, EventBatch
from features.coded import Coded
from features.countries import CountryTable
from features.country_names import country_name
from features.csv_source import CsvData
from features.declared import COUNTRIES
from features.profiles import VECTOR, profile_spec

IDENTITIES = ("user_id", "device_id", "ip_address", "card_id")
#: A category with more values than this, and than a twentieth of the events, may identify people.
_MANY_VALUES = 200
_SHOWN_LETTERS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A column of numbers.

    Attributes:
        name: as in the contract.
        unit: for people, "" for none.
        values: shape (n,), NaN where unknown.
        logarithmic: whether it is read best on a logarithmic axis.
    """

    name: str
    unit: str
    values: NDArray[np.float64]
    logarithmic: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Category:
    """A column of few texts.

    Attributes:
        name: as in the contract.
        texts: its d distinct values, fit to be printed.
        code: row → index into ``texts``, −1 where unknown, shape (n,).
        like_ids: whether it has so many values that they must not be shown.
    """

    name: str
    texts: tuple[str, ...]
    code: NDArray[np.int64]
    like_ids: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """n events in the total order (event time, event id).

    Attributes:
        batch: the events.
        label: 1 fraud, 0 honest, −1 unknown, shape (n,).
        labelled_ms: when the label became known, NaN if unknown, shape (n,).
        line: where each stood in the file, shape (n,).
        country: index into ``features.declared.COUNTRIES``, 0 unknown, shape (n,); None where
            the profile has no addresses.
        numbers, categories: the columns that are described.
    """

    batch: EventBatch
    label: NDArray[np.int8]
    labelled_ms: NDArray[np.float64]
    line: NDArray[np.int64]
    country: NDArray[np.int16] | None
    numbers: tuple[Number, ...]
    categories: tuple[Category, ...]

    def __len__(self) -> int:
        return len(self.label)

    @property
    def time_ms(self) -> NDArray[np.int64]:
        """Event times, ascending, shape (n,)."""
        return self.batch.time_ms

    @property
    def has_labels(self) -> bool:
        """Whether any event is labelled."""
        return bool((self.label >= 0).any())

    @property
    def both_classes(self) -> bool:
        """Whether fraud and honest both occur."""
        return bool((self.label == 1).any() and (self.label == 0).any())

    def identities(self) -> dict[str, Coded]:
        """The id columns of the profile."""
        names = (name for name in IDENTITIES if name in self.batch.text)
        return {name: self.batch.coded(name) for name in names}


def events_of(data: CsvData, countries: CountryTable) -> Events:
    """The events of ``data`` in time.

    Args:
        data: a file that was read.
        countries: gives addresses their countries; unused where the profile has none.
    """
    order = data.batch.in_total_order()
    batch = data.batch.take(order)
    country = None
    if "ip_address" in batch.text:
        address = batch.coded("ip_address")
        country = address.spread(countries.codes(address.distinct), 0)
    return Events(
        batch=batch,
        label=data.label[order],
        labelled_ms=data.labelled_ms[order],
        line=data.line[order],
        country=country,
        numbers=_numbers(batch),
        categories=_categories(batch, country),
    )


def printable(text: str) -> str:
    """A text of the file, short and without letters that steer a display."""
    kept = "".join(letter if letter.isprintable() else "�" for letter in text[:_SHOWN_LETTERS])
    return kept + "…" if len(text) > _SHOWN_LETTERS else kept


@cache
def _country_names() -> tuple[str, ...]:
    return tuple(f"{country_name(code)} ({code})" for code in COUNTRIES[1:])


def _numbers(batch: EventBatch) -> tuple[Number, ...]:
    amount = batch.amount / AMOUNT_SCALE
    name = profile_spec(batch.profile).amount
    if batch.profile == "banking":
        return (
            Number(name, "currency units", amount, logarithmic=True),
            *(Number(one, "", batch.number[one]) for one in VECTOR),
        )
    lag = (batch.time_ms - batch.number["signup_ms"]) / 1000
    return (
        Number(name, "currency units", amount),
        Number("seconds_since_signup", "seconds", lag, logarithmic=True),
        Number("age", "years", batch.number["age"]),
    )


def _categories(batch: EventBatch, country: NDArray[np.int16] | None) -> tuple[Category, ...]:
    found = []
    for name in batch.text:
        if name in IDENTITIES:
            continue
        coded = batch.coded(name)
        many = len(coded) > max(_MANY_VALUES, len(batch) // 20)
        texts = () if many else tuple(printable(text) for text in coded.distinct)
        found.append(Category(name, texts, coded.code, like_ids=many))
    if country is not None:
        # Code 0, unknown, becomes −1.
        found.append(Category("country", _country_names(), country.astype(np.int64) - 1))
    return tuple(found)
