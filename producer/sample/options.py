"""What can be asked of the sample generator, and what it says about the file it made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum

from core.errors import ConfigError
from features.profiles import BANKING_EPOCH_MS, profile_spec

DAY_S = 86_400
DEFAULT_ROWS = 60_000
DEFAULT_SEED = 7
MAX_ROWS = 500_000_000
MAX_DAYS = 3_650.0
#: Above this there would not be enough honest events left to hide an attack wave among.
MAX_FRAUD_RATE = 0.3

_FRAUD_RATE = {"ecommerce": 0.04, "banking": 0.005}
_DAYS = {"ecommerce": 60.0, "banking": 14.0}
_START = {
    "ecommerce": datetime(2025, 1, 1, tzinfo=UTC),
    "banking": datetime.fromtimestamp(BANKING_EPOCH_MS / 1000, tz=UTC),
}


class Mechanism(IntEnum):
    """Why a row exists. Known to tests and to the summary, never written to the file."""

    ORDINARY = 0
    FIRST_PURCHASE = 1
    GIFT_BURST = 2
    GROUP_PURCHASE = 3
    SALES_TABLET = 4
    SPREE = 5
    RETRY = 6
    RING = 10
    TAKEOVER = 11
    CARD_TESTING = 12
    SLOW_FRAUD = 13
    STOLEN_CARD = 14
    CLONE_BURST = 15
    QUIET_FRAUD = 16

    @property
    def fraud(self) -> bool:
        """Whether rows of this mechanism carry label 1."""
        return self >= Mechanism.RING


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """One sample. Equal options give byte-identical files.

    Attributes:
        profile: ``ecommerce`` or ``banking``.
        rows: data rows, 1 to 500 million; the file has exactly this many.
        seed: any integer from 0.
        fraud_rate: share of rows with label 1, 0 to 0.3; None: 4 % and 0.5 %.
        days: length of the span; None: 60 and 14.
        start: begin of the span, whole seconds UTC; None: 2025-01-01 and 2013-09-01 (from where
            banking ``Time`` counts; an earlier start is refused there).
        seasonality: strength of the daily and weekly cycle, 0 (flat) to 1.
        chunk_rows: at most so many rows are formatted at a time; changes memory, never the file.
    """

    profile: str = "ecommerce"
    rows: int = DEFAULT_ROWS
    seed: int = DEFAULT_SEED
    fraud_rate: float | None = None
    days: float | None = None
    start: datetime | None = None
    seasonality: float = 1.0
    chunk_rows: int = 32_768

    def __post_init__(self) -> None:
        profile_spec(self.profile)
        _within("--rows", self.rows, 1, MAX_ROWS)
        _within("--seed", self.seed, 0, 2**63 - 1)
        _within("--fraud-rate", self.rate, 0.0, MAX_FRAUD_RATE)
        _within("--days", self.span_days, 1 / 24, MAX_DAYS)
        _within("--seasonality", self.seasonality, 0.0, 1.0)
        _within("chunk_rows", self.chunk_rows, 1, MAX_ROWS)
        if self.profile == "banking" and self.start_s * 1000 < BANKING_EPOCH_MS:
            raise ConfigError(
                f"--start {self.start} is before 2013-09-01, from where banking Time counts "
                "seconds: choose a later start"
            )

    @property
    def rate(self) -> float:
        """Share of fraud, with the profile's default filled in."""
        return _FRAUD_RATE[self.profile] if self.fraud_rate is None else self.fraud_rate

    @property
    def span_days(self) -> float:
        """Days between the first possible event and the end, default filled in."""
        return _DAYS[self.profile] if self.days is None else self.days

    @property
    def start_s(self) -> int:
        """Begin of the span in seconds since 1970 UTC. A start without a zone is UTC."""
        start = self.start or _START[self.profile]
        return int((start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp())

    @property
    def end_s(self) -> int:
        """First second after the span."""
        return self.start_s + max(1, round(self.span_days * DAY_S))


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """What a sample holds.

    Attributes:
        rows: data rows.
        fraud_rows: those with label 1.
        by_mechanism: name of the mechanism → rows.
        first_time: time of the first row.
        last_time: time of the last row.
    """

    rows: int
    fraud_rows: int
    by_mechanism: dict[str, int]
    first_time: datetime
    last_time: datetime


def _within(option: str, value: float, low: float, high: float) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise ConfigError(f"{option} {value} is out of range: choose {low:g} to {high:g}")
