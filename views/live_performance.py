"""How good a model's alerts turned out to be, from its scorecards.

Labels come late, so only **mature** events count: those of days that ended so many days before the
newest event or earlier. An alert is right if its event is labelled fraud.

What is blocked seldom gets a label. Where a version has labelled control events (blocked by the
model, let through to review), they stand for all that it blocked: each counts with its weight, and
other blocked ones are left out (Horvitz and Thompson, 1952). Where it has none, every labelled
event counts once.

Intervals are at 95 %: of shares Wilson's (1927), where events are weighted over the number of equal
events that would tell as much (Kish's design effect, 1965); of F1 that of TP / (TP + FP + FN), of
which it is a function; of average precision the percentiles of a bootstrap of the events.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from core.names import DAY_MS
from features.batch import AMOUNT_SCALE
from views import scorecard
from views.periods import Bucket, bucket_start
from views.scorecard import Ints, Stratum
from views.store import Scorecards

#: Days after which an event is thought to have its label.
MATURE_DAYS = 30
CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
_RESAMPLES = 200
_SEED = 42

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the bounds of its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Band:
    """Labelled events whose scores are alike.

    Attributes:
        above, up_to: bounds of the scores, the first exclusive (but 0 itself lies in the lowest).
        labelled: events, as they came.
        mean_score: of them, weighted.
        fraud: their share of fraud, weighted.
    """

    above: float
    up_to: float
    labelled: int
    mean_score: float
    fraud: Interval


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some mature events.

    Attributes:
        events, alerts, labelled, controls: counts of them.
        true_positives, false_positives, false_negatives, true_negatives: labelled ones by outcome,
            as they came.
        weighted: whether control events stand for blocked ones in what follows.
        precision: fraud among labelled alerts; None: there are none.
        recall: alerts among fraud; None: there is none.
        f1: of both.
        average_precision: over the bins of ``views.scorecard``, without an interval unless asked.
        value_caught, value_missed: amounts of fraud with and without an alert, currency units.
    """

    events: int
    alerts: int
    labelled: int
    controls: int
    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int
    weighted: bool
    precision: Interval | None
    recall: Interval | None
    f1: Interval | None
    average_precision: float | None
    value_caught: float
    value_missed: float


@dataclass(frozen=True, slots=True)
class Row:
    """A version in a step of time; ``start_ms`` is the beginning of the step."""

    start_ms: int
    version: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class Version:
    """A version over the whole span."""

    version: str
    figures: Figures
    average_precision: Interval | None
    calibration: tuple[Band, ...]


@dataclass(frozen=True, slots=True)
class Performance:
    """What there is to say.

    Attributes:
        mature_to_ms: events before this moment are mature; None: there are no events.
        not_mature: events of the span that are not.
        mature, labelled: events of the span that are, and those of them with a label.
        versions: by name.
        rows: by time, then version; steps without events are left out.
    """

    mature_to_ms: int | None
    not_mature: int
    mature: int
    labelled: int
    versions: tuple[Version, ...]
    rows: tuple[Row, ...]


def mature_days(*, live: bool) -> int:
    """Days after which an event counts, unless told otherwise: a file has what labels there are."""
    return MATURE_DAYS if live else 0


def mature_to(last_ms: int, days: int) -> int:
    """The end of the last day that ended so many days before a moment; with 0, of its own day."""
    return (last_ms // DAY_MS + (days == 0) - days) * DAY_MS


def performance(found: Scorecards, days: int, bucket: Bucket) -> Performance:
    """Figures of each version over the mature part of a span, and by steps of time.

    Args:
        found: of the span.
        days: after which an event counts, see the module.
        bucket: length of the steps; not ``hour``.
    """
    if found.last_ms is None:
        return Performance(None, 0, 0, 0, (), ())
    end = mature_to(found.last_ms, days)
    mature = {key: card for key, card in found.cards.items() if key[0] * DAY_MS < end}
    totals = _by_version(mature)
    weighted = {version for version, card in totals.items() if is_weighted(card)}
    steps: dict[tuple[int, str], Ints] = {}
    for (day, version), card in mature.items():
        at = (bucket_start(day * DAY_MS, bucket), version)
        steps[at] = steps[at] + card if at in steps else card
    counted = sum(totals.values(), scorecard.empty())
    everything = sum(int(card[scorecard.EVENTS]) for card in found.cards.values())
    return Performance(
        mature_to_ms=end,
        not_mature=everything - int(counted[scorecard.EVENTS]),
        mature=int(counted[scorecard.EVENTS]),
        labelled=int(counted[scorecard.LABELLED]),
        versions=tuple(
            Version(
                version,
                figures(card, weighted=version in weighted),
                _resampled(card, weighted=version in weighted),
                tuple(_calibration(card, weighted=version in weighted)),
            )
            for version, card in sorted(totals.items())
        ),
        rows=tuple(
            Row(start, version, figures(card, weighted=version in weighted))
            for (start, version), card in sorted(steps.items())
        ),
    )


def is_weighted(card: Ints) -> bool:
    """Whether control events are to stand for blocked ones."""
    return bool(scorecard.outcomes(card, Stratum.CONTROL).any())


def figures(card: Ints, *, weighted: bool) -> Figures:
    """What a scorecard says."""
    by_stratum = np.array([scorecard.outcomes(card, one) for one in Stratum])
    came = by_stratum.sum(axis=0)
    weight = _weights(card, weighted=weighted)  # of fraud, of honest events
    kind = [0, 1, 0, 1, 0, 0]  # of each outcome
    now = (by_stratum * weight[:, kind]).sum(axis=0)
    squares = (by_stratum * _squares(card, weighted=weighted)[:, kind]).sum(axis=0)
    tp, fp, fn = now[:3].tolist()
    found = {
        name: _interval(
            tp, float(now[list(of)].sum()), float(squares[0]), float(squares[list(of)].sum())
        )
        for name, of in (("precision", (1,)), ("recall", (2,)), ("overlap", (1, 2)))
    }
    overlap = found.pop("overlap")
    return Figures(
        events=int(card[scorecard.EVENTS]),
        alerts=int(card[scorecard.ALERTS]),
        labelled=int(card[scorecard.LABELLED]),
        controls=int(card[scorecard.CONTROLS]),
        true_positives=int(came[scorecard.TRUE_POSITIVE]),
        false_positives=int(came[scorecard.FALSE_POSITIVE]),
        false_negatives=int(came[scorecard.FALSE_NEGATIVE]),
        true_negatives=int(came[scorecard.TRUE_NEGATIVE]),
        weighted=weighted,
        **found,
        f1=None
        if overlap is None
        else Interval(2 * tp / (2 * tp + fp + fn), _f1(overlap.low), _f1(overlap.high)),
        average_precision=_average_precision(
            (_histograms(card) * weight[:, ::-1, np.newaxis]).sum(axis=0)
        ),
        value_caught=float(now[scorecard.CAUGHT]) / AMOUNT_SCALE,
        value_missed=float(now[scorecard.MISSED]) / AMOUNT_SCALE,
    )


def wilson(part: float, whole: float, effective: float) -> tuple[float, float]:
    """Bounds of Wilson's interval of a share.

    Args:
        part, whole: of which it is.
        effective: number of events that ``whole`` is worth.
    """
    share, square = part / whole, _Z * _Z / effective
    middle = (share + square / 2) / (1 + square)
    half = float(np.sqrt(share * (1 - share) * square + square * square / 4)) / (1 + square)
    # At the ends it is 0 and 1 exactly, but for rounding.
    low = 0.0 if part == 0 else middle - half
    return max(low, 0.0), 1.0 if part == whole else min(middle + half, 1.0)


def _by_version(cards: Mapping[tuple[int, str], Ints]) -> dict[str, Ints]:
    found: dict[str, Ints] = {}
    for (_, version), card in cards.items():
        found[version] = found[version] + card if version in found else card
    return found


def _weights(card: Ints, *, weighted: bool) -> Floats:
    """Mean weight of fraud and of honest events in each stratum, shape (strata, 2)."""
    found = np.ones((len(Stratum), 2))
    if weighted:
        found[Stratum.BLOCKED] = 0
        found[Stratum.CONTROL] = _mean_weights(card, 0)
    return found


def _squares(card: Ints, *, weighted: bool) -> Floats:
    """Mean square of the weights, likewise."""
    found = _weights(card, weighted=weighted)
    if weighted:
        found[Stratum.CONTROL] = _mean_weights(card, 1)
    return found


def _mean_weights(card: Ints, power: int) -> Floats:
    counted = scorecard.outcomes(card, Stratum.CONTROL)[:2]
    return scorecard.control_weights(card)[:, power] / np.maximum(counted, 1)


def _interval(part: float, rest: float, of_part: float, of_rest: float) -> Interval | None:
    """The share of a part; ``of_…`` are sums of squared weights. None where there is nothing."""
    whole = part + rest
    if not whole:
        return None
    share = part / whole
    # The variance of a weighted share, by linearisation; as many equal events have the same.
    spread = (1 - share) ** 2 * of_part + share**2 * of_rest
    effective = whole * whole / (of_part + of_rest)
    if part and rest:
        effective = share * (1 - share) * whole * whole / spread
    return Interval(share, *wilson(part, whole, effective))


def _f1(overlap: float) -> float:
    return 2 * overlap / (1 + overlap)


def _histograms(card: Ints) -> Ints:
    """Labelled events of each stratum, honest and fraud, by bin: shape (strata, 2, bins)."""
    return np.array([scorecard.histogram(card, one) for one in Stratum])


def _average_precision(histogram: Floats) -> float | None:
    """Of events by bin, honest and fraud; events of one bin are ties. Shape (…, 2, bins)."""
    honest, fraud = (np.cumsum(histogram[..., one, ::-1], axis=-1) for one in (0, 1))
    if not fraud[..., -1]:
        return None
    step = np.diff(fraud, prepend=0)
    sum_ = float((step * fraud / np.maximum(fraud + honest, np.finfo(float).tiny)).sum())
    return min(sum_ / float(fraud[-1]), 1.0)  # Rounding of weights must not lift it above.


def _resampled(card: Ints, *, weighted: bool) -> Interval | None:
    weight = _weights(card, weighted=weighted)[:, ::-1, np.newaxis]
    cells = _histograms(card) * (weight > 0)
    value = _average_precision((cells * weight).sum(axis=0))
    if value is None:
        return None
    filled = np.nonzero(cells)
    counts = cells[filled]
    size = int(counts.sum())
    drawn = np.zeros(cells.shape)
    values = []
    # Which cell an event lies in is all that counts of it: so many draws are one multinomial draw.
    for sample in np.random.default_rng(_SEED).multinomial(size, counts / size, _RESAMPLES):
        drawn[filled] = sample
        again = _average_precision((drawn * weight).sum(axis=0))
        if again is not None:
            values.append(again)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(values, (tail, 100 - tail)).tolist()
    return Interval(value, min(low, value), max(high, value))


def _calibration(card: Ints, *, weighted: bool) -> Iterator[Band]:
    bands = np.array([scorecard.bands(card, one) for one in Stratum])
    # A band knows no sum of scores by label: control events are weighted alike in it.
    weight = _weights(card, weighted=weighted)
    mean = weight[:, 0].copy()
    if weighted:
        sums = scorecard.control_weights(card)[:, 0].sum()
        mean[Stratum.CONTROL] = sums / scorecard.outcomes(card, Stratum.CONTROL)[:2].sum()
    below = 0.0
    split = np.stack((bands[:, :, 1], bands[:, :, 0] - bands[:, :, 1]), axis=-1)
    squares = (split * mean[:, np.newaxis, np.newaxis] ** 2).sum(axis=0)
    now = (bands * mean[:, np.newaxis, np.newaxis]).sum(axis=0)
    for row, bound in enumerate(scorecard.BANDS.tolist()):
        events, fraud, scores = now[row].tolist()
        share = _interval(fraud, events - fraud, squares[row][0], squares[row][1])
        if share is not None:  # otherwise there are none
            yield Band(
                above=round(below, 6),
                up_to=round(bound, 6),
                labelled=int(bands[:, row, 0].sum()),
                mean_score=scores / events / scorecard.SCORE_SCALE,
                fraud=share,
            )
        below = bound
