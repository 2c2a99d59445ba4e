"""Two versions side by side: is one better, or is it chance?

Where both were judged on the same events, every resample draws the same events for both, and the
differences of the pairs give the interval: what makes an event hard is hard for both, so a paired
interval is far narrower than two intervals held against each other (Efron and Tibshirani, An
Introduction to the Bootstrap, ch. 8 and 13). Otherwise each is resampled on its own, and the
difference is as much that of the events as that of the models.

The p value is twice the smaller share of resamples on one side of 0, the observed figure counted
among them (Davison and Hinkley, Bootstrap Methods and their Application, ch. 4). Models are held
fixed: how much another training would change them is not in the intervals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from model.metadata import Metadata
from model.metrics import CONFIDENCE, Outcomes, Ranking, Yardstick, draws
from model.outcome_file import OUTCOMES_FILE, decode_outcomes
from model.registry import ModelVersion
from model.results import SPLITS, Interval

RESAMPLES = 1_000
#: Where less is better.
LOWER_IS_BETTER = frozenset({"brier", "cost_per_1000"})

BETTER, WORSE, EVEN = "better", "worse", "no difference"

#: Digits, as in ``evaluation.json``.
_DIGITS = 6
#: Percentiles need some resamples in which a figure is defined.
_LEAST_DEFINED = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """One metric of both versions.

    Attributes:
        first, second: its figures.
        difference: second minus first.
        p: two-sided bootstrap p value of no difference; None where it is not defined.
        verdict: of the second: ``better`` or ``worse`` where 0 lies outside the interval of the
            difference, otherwise ``no difference``.
    """

    first: Interval
    second: Interval
    difference: Interval
    p: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class SplitComparison:
    """One split of both versions.

    Attributes:
        paired: whether both were judged on the same events.
        events: number of test events of the first and of the second.
        metrics: metric → how they differ.
    """

    paired: bool
    events: tuple[int, int]
    metrics: dict[str, Difference]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two versions, compared on every split that both have.

    Attributes:
        first, second: names of the versions.
        splits: split → comparison, in the order of the protocol.
        apart: why the events are not the same, or "".
        notes: what else a reader must know.
        resamples: behind each interval.
    """

    first: str
    second: str
    splits: dict[str, SplitComparison]
    apart: str
    notes: tuple[str, ...]
    resamples: int


def compare_versions(
    first: ModelVersion, second: ModelVersion, resamples: int = RESAMPLES
) -> Comparison:
    """Every metric of both, with the difference.

    Both are counted by the costs, the alerts a day and the seed of the first.

    Raises:
        ModelError: a version was stored without its outcomes, or they have no split in common.
    """
    one, other = _stored(first), _stored(second)
    names = [name for name in SPLITS if name in one and name in other]
    if not names:
        raise ModelError(
            f"{first.metadata.version} and {second.metadata.version} have no split in common "
            f"({', '.join(one) or 'none'}; {', '.join(other) or 'none'}): train one of them again "
            "on a file that allows the same splits"
        )
    evaluation = first.evaluation()
    yardstick = Yardstick(evaluation.costs, evaluation.per_day)
    apart = _apart(first.metadata, second.metadata)
    splits = {
        name: compare_outcomes(
            one[name],
            other[name],
            yardstick,
            evaluation.seed,
            same_events=not apart,
            resamples=resamples,
        )
        for name in names
    }
    return Comparison(
        first.metadata.version,
        second.metadata.version,
        splits,
        apart,
        tuple(_notes(first, second, yardstick, sorted({*one, *other} - {*names}))),
        resamples,
    )


def compare_outcomes(
    first: Outcomes,
    second: Outcomes,
    yardstick: Yardstick,
    seed: int,
    *,
    same_events: bool,
    resamples: int = RESAMPLES,
    weight: NDArray[np.float64] | None = None,
) -> SplitComparison:
    """Every metric of two outcomes, with the difference.

    Args:
        first, second: n > 0 and m > 0 events.
        yardstick: costs and alerts a day, for both.
        seed: of the resampling.
        same_events: whether row i of both is said to be the same event. Labels that differ show
            that it is not, and then it is not believed.
        resamples: number of bootstrap samples.
        weight: how many events each stands for, shape (n,), for both; None: one. A resample draws
            events, and each that is drawn stands for as many.
    """
    paired = same_events and np.array_equal(first.fraud, second.fraud)
    rankings = Ranking(first, yardstick), Ranking(second, yardstick)
    values, tables = [], []
    for number, ranking in enumerate(rankings):
        each = np.ones(ranking.size, np.int64) if weight is None else weight
        values.append(ranking.metrics(each))
        # One seed draws the same events for both; two seeds have nothing to do with each other.
        drawn = draws(ranking.size, seed if paired else seed + number, resamples)
        tables.append(
            np.array([list(ranking.metrics(one * each).values()) for one in drawn], np.float64)
        )
    return SplitComparison(
        paired,
        (rankings[0].size, rankings[1].size),
        {
            name: _difference(
                name, values[0][name], values[1][name], tables[0][:, column], tables[1][:, column]
            )
            for column, name in enumerate(values[0])
        },
    )


def _difference(
    name: str,
    first: float,
    second: float,
    first_drawn: NDArray[np.float64],
    second_drawn: NDArray[np.float64],
) -> Difference:
    gaps = second_drawn - first_drawn
    gap = _interval(second - first, gaps)
    return Difference(
        _interval(first, first_drawn),
        _interval(second, second_drawn),
        gap,
        _p_value(gaps) if gap.value is not None else None,
        _verdict(name, gap),
    )


def _interval(value: float, drawn: NDArray[np.float64]) -> Interval:
    defined = drawn[~np.isnan(drawn)]
    if np.isnan(value) or len(defined) < min(_LEAST_DEFINED, len(drawn)):
        return Interval(None, None, None)
    tail = (1.0 - CONFIDENCE) / 2.0
    low, high = np.quantile(defined, (tail, 1.0 - tail)).tolist()
    return Interval(*(round(float(one), _DIGITS) for one in (value, low, high)))


def _p_value(gaps: NDArray[np.float64]) -> float:
    defined = gaps[~np.isnan(gaps)]
    smaller = min(int((defined <= 0).sum()), int((defined >= 0).sum()))
    return round(min(1.0, 2.0 * (smaller + 1) / (len(defined) + 1)), _DIGITS)


def _verdict(name: str, gap: Interval) -> str:
    if gap.low is None or gap.high is None or gap.low <= 0.0 <= gap.high:
        return EVEN
    return BETTER if (gap.low > 0.0) != (name in LOWER_IS_BETTER) else WORSE


def _stored(version: ModelVersion) -> dict[str, Outcomes]:
    if OUTCOMES_FILE not in version.digests:
        raise ModelError(
            f"{version.path} has no {OUTCOMES_FILE}, so it cannot be compared: train it again with "
            "`fraudstream train CSV`; `fraudstream models show` has its figures"
        )
    return decode_outcomes(version.read(OUTCOMES_FILE), str(version.path / OUTCOMES_FILE))


def _apart(first: Metadata, second: Metadata) -> str:
    """Why two versions were not judged on the same events, or the empty string."""
    one, other = first.training, second.training
    if one.sha256 != other.sha256:
        return "they come from different files"
    if one.until != other.until:
        return f"they end at different times ({one.until or 'the end'}, {other.until or 'the end'})"
    if one.since != other.since:
        begins = (one.since or "the beginning", other.since or "the beginning")
        return f"they begin at different times ({begins[0]}, {begins[1]})"
    if one.rows != other.rows:
        return f"there are {one.rows:,} in one and {other.rows:,} in the other"
    return ""


def _notes(
    first: ModelVersion, second: ModelVersion, yardstick: Yardstick, left_out: list[str]
) -> list[str]:
    evaluation, notes = second.evaluation(), []
    if evaluation.costs != yardstick.costs:
        notes.append(
            f"costs are counted as {first.metadata.version} counts them; "
            f"{second.metadata.version} has others, by which its thresholds were chosen"
        )
    if evaluation.per_day != yardstick.per_day:
        notes.append(f"the first {yardstick.per_day} alerts of a day are looked at in both")
    notes += [f"{name} is not compared: only one of them has it" for name in left_out]
    return notes
