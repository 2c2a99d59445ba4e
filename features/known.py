"""All that may be known of events when they are scored: their own columns and their pasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.addresses import PRIVATE_KIND, RESERVED_KIND, address_kinds
from features.batch import EventBatch
from features.coded import Coded
from features.countries import CountryTable
from features.declared import IP_CLASSES, UNKNOWN, declared_features

Rows = slice | NDArray[np.intp] | NDArray[np.bool_]

_IP_CLASS = {name: code for code, name in enumerate(IP_CLASSES)}


@dataclass(frozen=True, slots=True, eq=False)
class OwnColumns:
    """What n events say of themselves.

    Attributes:
        profile: name of the profile.
        time_ms: event time, shape (n,).
        amount: integer 10⁻⁴ currency units, shape (n,).
        number: column name → float64 of shape (n,), as in ``EventBatch``.
        code: source of a category feature → codes of its categories, int16 of shape (n,).
    """

    profile: str
    time_ms: NDArray[np.int64]
    amount: NDArray[np.int64]
    number: Mapping[str, NDArray[np.float64]]
    code: Mapping[str, NDArray[np.int16]]

    def take(self, rows: Rows) -> OwnColumns:
        """The given rows, in the given order."""
        return OwnColumns(
            self.profile,
            self.time_ms[rows],
            self.amount[rows],
            {name: column[rows] for name, column in self.number.items()},
            {name: column[rows] for name, column in self.code.items()},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What n events say of themselves, and what their entities' pasts amount to.

    Attributes:
        own: the events' own columns.
        quantities: entity → int64 of shape (n, ``quantities.N_QUANTITIES``).
    """

    own: OwnColumns
    quantities: Mapping[str, NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.own.time_ms)

    def take(self, rows: Rows) -> Known:
        """The given rows, in the given order."""
        past = {entity: found[rows] for entity, found in self.quantities.items()}
        return Known(self.own.take(rows), past)


def country_codes(batch: EventBatch, countries: CountryTable) -> NDArray[np.int16]:
    """Country code of each event, 0 (unknown) where the profile has no IP address, shape (n,)."""
    if "ip_address" not in batch.text:
        return np.zeros(len(batch), np.int16)
    addresses = batch.coded("ip_address")
    return addresses.spread(countries.codes(addresses.distinct), 0)


def own_columns(batch: EventBatch, country: NDArray[np.int16]) -> OwnColumns:
    """The batch's own columns.

    Args:
        batch: n events.
        country: their country codes, shape (n,).
    """
    code = {}
    for feature in declared_features(batch.profile):
        if feature.source == "country":
            code["country"] = country
        elif feature.source == "country_known":
            code["country_known"] = (country > 0).astype(np.int16)
        elif feature.source == "ip_class":
            code["ip_class"] = _ip_classes(batch.coded("ip_address"), country)
        elif feature.categories:
            codes = category_codes(feature.categories)
            column = batch.coded(feature.source)
            values = [codes.get(text, len(codes) - 1) for text in column.distinct]
            code[feature.source] = column.spread(np.array(values, np.int16), codes[UNKNOWN])
    return OwnColumns(batch.profile, batch.time_ms, batch.amount, batch.number, code)


def category_codes(categories: tuple[str, ...]) -> dict[str, int]:
    """Name of a category → its code; the names of the unknown and other codes map to themselves."""
    return {name: code for code, name in enumerate(categories)}


def _ip_classes(addresses: Coded, country: NDArray[np.int16]) -> NDArray[np.int16]:
    kinds = addresses.spread(address_kinds(addresses.distinct), -1)
    return np.select(
        [kinds < 0, kinds == PRIVATE_KIND, kinds == RESERVED_KIND, country > 0],
        [_IP_CLASS[name] for name in (UNKNOWN, "private", "reserved", "matched")],
        _IP_CLASS["unmatched"],
    ).astype(np.int16)
