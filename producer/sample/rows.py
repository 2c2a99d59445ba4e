"""Sample rows as columns, from the first draw to the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from producer.sample.hashing import Floats, Ints, Words
from producer.sample.options import Mechanism

Codes = NDArray[np.int8]

SOURCES = ("SEO", "Ads", "Direct")
BROWSERS = ("Chrome", "IE", "Safari", "FireFox", "Opera")
SEXES = ("M", "F")


@dataclass(slots=True, kw_only=True)
class Rows:
    """n events; the first axis of every column has length n.

    Attributes:
        time: when it happened, seconds since 1970 UTC.
        cents: the amount, 1/100 currency units.
        labelled: when the label became known, seconds since 1970 UTC, > ``time``.
        mechanism: ``Mechanism``; the label follows from it.
    """

    time: Ints
    cents: Ints
    labelled: Ints
    mechanism: Codes

    def __len__(self) -> int:
        return len(self.time)

    @property
    def fraud(self) -> NDArray[np.bool_]:
        """Which rows carry label 1, shape (n,)."""
        return self.mechanism >= Mechanism.RING

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_] | slice) -> Self:
        """The rows an index array, mask or slice selects."""
        return type(self)(**{one.name: getattr(self, one.name)[index] for one in fields(self)})


@dataclass(slots=True, kw_only=True)
class Purchases(Rows):
    """E-commerce rows.

    Attributes:
        user: number of the account.
        signup: seconds since 1970 UTC, ≤ ``time``.
        device: 64 bits that identify the device.
        address: IPv4 address as an integer.
        source: index into ``SOURCES``.
        browser: index into ``BROWSERS``.
        sex: index into ``SEXES``.
        age: years.
    """

    user: Ints
    signup: Ints
    device: Words
    address: Ints
    source: Codes
    browser: Codes
    sex: Codes
    age: Codes


@dataclass(slots=True, kw_only=True)
class Payments(Rows):
    """Banking rows.

    Attributes:
        card: number of the card.
        vector: v1…v28, shape (n, 28).
    """

    card: Ints
    vector: Floats


R = TypeVar("R", bound=Rows)


def concat(parts: Sequence[R]) -> R:
    """All parts (at least one) one after another."""
    kind = type(parts[0])
    return kind(
        **{
            one.name: np.concatenate([getattr(part, one.name) for part in parts])
            for one in fields(kind)
        }
    )
