"""What is summed of a day's events of one model version, to say later how good its alerts were.

A scorecard is a vector of ``SIZE`` integers; those of several days or versions are added up.
Labelled events fall into three strata, so that they can be weighted when they are summed up
(``views.live_performance``): blocked ones, control ones (they would have been blocked and were let
through to review, so that their labels become known), and all others.

Scores are counted in ``BINS`` bins of equal width of the square root, lower bound included: the
lowest is 0.000025 wide, that at 0.05 about 0.002, the highest 0.01. Bands are those of the metric
``fraudstream_score``, upper bound included.
"""

from __future__ import annotations

import math
import struct
from bisect import bisect_left
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from core.metrics import OUTCOMES, SCORE
from core.names import DAY_MS
from features.iso_times import iso_time
from views.periods import Span
from views.store import SpanError

Ints = NDArray[np.int64]

BINS = 200
#: Upper bounds of the bands.
BANDS = np.array(SCORE.buckets, np.float32)
_BANDS_LIST: list[float] = BANDS.tolist()
_FLOAT32 = struct.Struct("f")
#: Behind every day there can be.
_NO_DAY = 1_000_000
#: Units of weights: 1 is so many; and the largest weight, so that a batch stays below 2⁵³.
WEIGHT_SCALE = 1_000
MOST_WEIGHT = 100_000
#: Units of scores.
SCORE_SCALE = 1_000_000


class Stratum(IntEnum):
    """How a labelled event is weighted."""

    OTHER = 0
    BLOCKED = 1
    CONTROL = 2


#: Numbers of the counters. Outcomes stand for each stratum: fraud found, honest ones found, fraud
#: missed, honest ones let through; then the amounts of fraud found and missed.
EVENTS, ALERTS, LABELLED, CONTROLS = range(4)
_OUTCOMES_FROM = 4
TRUE_POSITIVE, FALSE_POSITIVE, FALSE_NEGATIVE, TRUE_NEGATIVE, CAUGHT, MISSED = range(6)
_PER_STRATUM = 6
#: Of labelled control events, fraud and honest: sum of weights, and of their squares.
_WEIGHTS = _OUTCOMES_FROM + len(Stratum) * _PER_STRATUM
_BANDS_FROM = _WEIGHTS + 4
#: Of each stratum and band: events, fraud, sum of scores.
_PER_BAND = 3
_BINS_FROM = _BANDS_FROM + len(Stratum) * len(BANDS) * _PER_BAND
#: Of each stratum: honest events by bin, then fraud by bin.
SIZE = _BINS_FROM + len(Stratum) * 2 * BINS


def days_of(span: Span) -> tuple[int, int]:
    """The days of a span: from the first to before the second, counted from 1970.

    Raises:
        SpanError: it begins or ends within a day.
    """
    for moment in (span.from_ms, span.to_ms):
        if moment is not None and moment % DAY_MS:
            day = moment // DAY_MS * DAY_MS
            raise SpanError(
                f"{iso_time(moment)} is within a day, and how good alerts were is kept by day: ask "
                f"from or to {iso_time(day)} or {iso_time(day + DAY_MS)}"
            )
    first = 0 if span.from_ms is None else span.from_ms // DAY_MS
    return first, _NO_DAY if span.to_ms is None else span.to_ms // DAY_MS


def stratum_of(*, blocked: bool, control: bool) -> Stratum:
    """The stratum of an event."""
    if control:
        return Stratum.CONTROL
    return Stratum.BLOCKED if blocked else Stratum.OTHER


def bins_of(score: NDArray[np.float32]) -> Ints:
    """Bin of each score, shape (n,)."""
    root = np.sqrt(score.astype(np.float64))
    found: Ints = np.minimum((root * BINS).astype(np.int64), BINS - 1)
    return found


def scores_of_bins() -> NDArray[np.float64]:
    """Lower bound of each bin, shape (``BINS``,)."""
    return (np.arange(BINS) / BINS) ** 2


def marks(
    *, alert: bool, stratum: Stratum, label: int | None, score: float, amount: int, weight: float
) -> list[tuple[int, int]]:
    """What one event adds: (counter, sum).

    Args:
        alert: whether it was to be reviewed or blocked.
        stratum: of it.
        label: 1 fraud, 0 honest, None unknown.
        score: fraud probability.
        amount: in units of 10⁻⁴.
        weight: how many events a control event stands for.
    """
    found = [(EVENTS, 1)]
    if alert:
        found.append((ALERTS, 1))
    if stratum is Stratum.CONTROL:
        found.append((CONTROLS, 1))
    if label is None:
        return found
    fraud = label == 1
    base = _outcome_base(stratum)
    if fraud:
        outcome, value = (TRUE_POSITIVE, CAUGHT) if alert else (FALSE_NEGATIVE, MISSED)
        if amount:
            found.append((base + value, amount))
    else:
        outcome = FALSE_POSITIVE if alert else TRUE_NEGATIVE
    found += ((LABELLED, 1), (base + outcome, 1))
    if stratum is Stratum.CONTROL:
        at = _WEIGHTS + 2 * (not fraud)
        found.append((at, round(weight * WEIGHT_SCALE)))
        found.append((at + 1, round(weight * weight * WEIGHT_SCALE)))
    (narrow,) = _FLOAT32.unpack(_FLOAT32.pack(score))  # as it was before it was written down
    band = _band_base(stratum) + _PER_BAND * min(
        bisect_left(_BANDS_LIST, narrow), len(_BANDS_LIST) - 1
    )
    found.append((band, 1))
    if fraud:
        found.append((band + 1, 1))
    if scaled := round(narrow * SCORE_SCALE):
        found.append((band + 2, scaled))
    bin_ = min(int(math.sqrt(narrow) * BINS), BINS - 1)
    found.append((_bin_base(stratum, fraud=fraud) + bin_, 1))
    return found


def scorecard(
    alert: NDArray[np.bool_],
    stratum: Ints,
    label: NDArray[np.int8],
    score: NDArray[np.float32],
    amount: Ints,
) -> Ints:
    """Sum of ``marks`` over n events, none of which is a control event; shape (``SIZE``,).

    Args:
        alert: shape (n,).
        stratum: ``Stratum`` of each, shape (n,).
        label: 1 fraud, 0 honest, −1 unknown, shape (n,).
        score: shape (n,).
        amount: units of 10⁻⁴, shape (n,).
    """
    found = np.zeros(SIZE, np.int64)
    known, fraud = label >= 0, label == 1
    found[EVENTS], found[ALERTS], found[LABELLED] = len(alert), alert.sum(), known.sum()
    band = np.minimum(np.searchsorted(BANDS, score), len(BANDS) - 1)
    scaled = np.rint(score.astype(np.float64) * SCORE_SCALE).astype(np.int64)
    bins = bins_of(score)
    for one in Stratum:
        mine = known & (stratum == one)
        for outcome, which in (
            (TRUE_POSITIVE, alert & fraud),
            (FALSE_POSITIVE, alert & ~fraud),
            (FALSE_NEGATIVE, ~alert & fraud),
            (TRUE_NEGATIVE, ~alert & ~fraud),
        ):
            found[_outcome_base(one) + outcome] = (mine & which).sum()
        found[_outcome_base(one) + CAUGHT] = amount[mine & alert & fraud].sum()
        found[_outcome_base(one) + MISSED] = amount[mine & ~alert & fraud].sum()
        np.add.at(found, _band_base(one) + _PER_BAND * band[mine], 1)
        np.add.at(found, _band_base(one) + _PER_BAND * band[mine & fraud] + 1, 1)
        np.add.at(found, _band_base(one) + _PER_BAND * band[mine] + 2, scaled[mine])
        for is_fraud, which in ((False, mine & ~fraud), (True, mine & fraud)):
            np.add.at(found, _bin_base(one, fraud=is_fraud) + bins[which], 1)
    return found


def empty() -> Ints:
    """The scorecard of no events."""
    return np.zeros(SIZE, np.int64)


def named_outcomes(card: Ints) -> dict[str, int]:
    """Labelled events by outcome: ``tp``, ``fp``, ``fn``, ``tn``; without those that are 0."""
    counts = np.sum([outcomes(card, one)[: TRUE_NEGATIVE + 1] for one in Stratum], axis=0)
    named = zip(OUTCOMES, counts.tolist(), strict=True)
    return {name: count for name, count in named if count}


def outcomes(card: Ints, stratum: Stratum) -> Ints:
    """Outcomes and amounts of a stratum: ``TRUE_POSITIVE`` … ``MISSED``, shape (6,)."""
    base = _outcome_base(stratum)
    return card[base : base + _PER_STRATUM]


def control_weights(card: Ints) -> NDArray[np.float64]:
    """Of the labelled control events: sum of weights and of their squares.

    Returns:
        Shape (2, 2): fraud, honest.
    """
    return card[_WEIGHTS : _WEIGHTS + 4].reshape(2, 2) / WEIGHT_SCALE


def bands(card: Ints, stratum: Stratum) -> Ints:
    """Of each band of a stratum: events, fraud, sum of scores; shape (bands, 3)."""
    base = _band_base(stratum)
    return card[base : base + len(BANDS) * _PER_BAND].reshape(len(BANDS), _PER_BAND)


def histogram(card: Ints, stratum: Stratum) -> Ints:
    """Labelled events of a stratum by bin: honest, fraud; shape (2, ``BINS``)."""
    base = _bin_base(stratum, fraud=False)
    return card[base : base + 2 * BINS].reshape(2, BINS)


def _outcome_base(stratum: Stratum) -> int:
    return _OUTCOMES_FROM + stratum * _PER_STRATUM


def _band_base(stratum: Stratum) -> int:
    return _BANDS_FROM + stratum * len(BANDS) * _PER_BAND


def _bin_base(stratum: Stratum, *, fraud: bool) -> int:
    return _BINS_FROM + (2 * stratum + fraud) * BINS
