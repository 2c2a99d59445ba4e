"""Whether probabilities mean what they say: predicted against observed fraud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray
from scipy.stats import binomtest

from model.metrics import CONFIDENCE, Outcomes
from model.plots.canvas import COLOURS, GREY, plain, png

BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """The events by predicted probability, in bins of equal width; empty ones are left out.

    Attributes:
        bins: numbers of the bins, from 0, shape (b,).
        events: how many lie in each, shape (b,).
        fraud: how many of them are fraud, shape (b,).
        predicted: their mean probability, shape (b,).
        low, high: Wilson's 95 % interval of the share of fraud, shape (b,).
    """

    bins: NDArray[np.intp]
    events: NDArray[np.int64]
    fraud: NDArray[np.int64]
    predicted: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @property
    def observed(self) -> NDArray[np.float64]:
        """Share of fraud, shape (b,)."""
        return self.fraud / self.events


def reliability(outcomes: Outcomes) -> Reliability:
    """Bins of n > 0 events."""
    of_event = np.minimum((outcomes.score * BINS).astype(np.intp), BINS - 1)
    events = np.bincount(of_event, minlength=BINS)
    fraud = np.bincount(of_event[outcomes.fraud], minlength=BINS)
    score = np.bincount(of_event, outcomes.score.astype(np.float64), BINS)
    there = np.flatnonzero(events)
    intervals = [
        binomtest(int(fraud[one]), int(events[one])).proportion_ci(CONFIDENCE, "wilson")
        for one in there
    ]
    return Reliability(
        bins=there,
        events=events[there],
        fraud=fraud[there],
        predicted=score[there] / events[there],
        low=np.array([one.low for one in intervals], np.float64),
        high=np.array([one.high for one in intervals], np.float64),
    )


def calibration_png(outcomes: Mapping[str, Outcomes]) -> bytes:
    """For every split the observed share of fraud with its interval, and the events of each bin."""
    figure = Figure(figsize=(max(3.4 * len(outcomes), 5.0), 5.4), layout="constrained")
    figure.suptitle("Calibration: observed against predicted, 95 % intervals", x=0.01, ha="left",
                    fontsize=13)  # fmt: skip
    panels = figure.subplots(
        2, len(outcomes), sharex="col", sharey="row", squeeze=False, height_ratios=(3, 1)
    )
    for column, (name, one) in enumerate(outcomes.items()):
        found = reliability(one)
        _observed(panels[0, column], found, name)
        _events(panels[1, column], found, name)
    panels[0, 0].set_ylabel("observed share of fraud")
    panels[1, 0].set_ylabel("events")
    return png(figure)


def _observed(axes: Axes, found: Reliability, name: str) -> None:
    axes.plot([0, 1], [0, 1], "--", color=GREY, linewidth=1)
    below, above = found.observed - found.low, found.high - found.observed
    axes.errorbar(
        found.predicted,
        found.observed,
        yerr=np.maximum([below, above], 0.0),
        fmt="o",
        color=COLOURS[name],
        elinewidth=1.2,
        capsize=3,
        markersize=5,
    )
    axes.set_title(name)
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    plain(axes)


def _events(axes: Axes, found: Reliability, name: str) -> None:
    at, width = (found.bins + 0.5) / BINS, 0.9 / BINS
    axes.bar(at, found.events, width, color="#cccccc", label="all")
    axes.bar(at, found.fraud, width / 2, color=COLOURS[name], label="fraud")
    axes.set_yscale("log")
    axes.set_ylim(0.7, None)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda count, _position: f"{count:,.0f}"))
    axes.set_xlabel("predicted probability")
    axes.legend(frameon=False, fontsize=8, loc="upper right", ncols=2)
    plain(axes)
