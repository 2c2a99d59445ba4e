"""What is counted of a set of events, and by what events are told apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from features.declared import UNKNOWN


class Dimension(StrEnum):
    """By what transactions are told apart, other than by time."""

    COUNTRY = "country"
    BROWSER = "browser"
    SOURCE = "source"
    SEX = "sex"
    AGE = "age"  #: in bands
    DEVICE = "device"


@dataclass(frozen=True, slots=True)
class Counts:
    """Sums over a set of events; amounts in units of 10⁻⁴.

    Attributes:
        transactions: scored events.
        alerts: those to be reviewed or blocked.
        labelled: those of which it is known what they turned out to be.
        fraud: labelled ones that are fraud.
        labelled_alerts: alerts that are labelled.
        caught: alerts that are labelled fraud.
        amount: of all of them.
        alert_amount: of the alerts.
        fraud_amount: of the fraud.
    """

    transactions: int = 0
    alerts: int = 0
    labelled: int = 0
    fraud: int = 0
    labelled_alerts: int = 0
    caught: int = 0
    amount: int = 0
    alert_amount: int = 0
    fraud_amount: int = 0


@dataclass(frozen=True, slots=True)
class DeviceCounts:
    """A device with alerts or fraud.

    Attributes:
        device_id: of it.
        users: distinct users among its events of the period.
        counts: of its events of the period.
    """

    device_id: str
    users: int
    counts: Counts


#: Lower ends of the bands, in years, and their names; a missing age is unknown.
_AGE_FROM = (0, 18, 25, 35, 45, 55, 65)
AGE_BANDS = ("<18", "18–24", "25–34", "35–44", "45–54", "55–64", "65+")


def age_band(age: float | None) -> str:
    """The band of an age in years."""
    if age is None or age != age:  # noqa: PLR0124 - NaN alone differs from itself
        return UNKNOWN
    return AGE_BANDS[int(np.searchsorted(_AGE_FROM, age, side="right")) - 1]


def age_bands(age: NDArray[np.float64]) -> NDArray[np.object_]:
    """``age_band`` of each, NaN where unknown, shape (n,)."""
    names = np.array([*AGE_BANDS, UNKNOWN], object)
    band = np.searchsorted(_AGE_FROM, np.nan_to_num(age), side="right") - 1
    found: NDArray[np.object_] = names[np.where(np.isnan(age), len(AGE_BANDS), band)]
    return found
