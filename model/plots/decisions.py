"""What the thresholds do: what they cost, and whom they meet."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from model.costs import CostMatrix
from model.metadata import Thresholds
from model.metrics import Outcomes
from model.plots.canvas import COLOURS, GREY, INK, LINES, canvas, legend_below, png

DECISIONS = ("allow", "review", "block")
_CLASSES = ("honest", "fraud")
_VALIDATION = "validation, where it was chosen"
#: The scores that are drawn, as log odds: from about 1 to 999 in a thousand.
_EDGES = (-7.0, 7.0)
_TICKS = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
_POINTS = 600
_ABOVE_ALL = 2.0
#: Above this share of a class the ink on a cell is white.
_DARK = 0.6


def cost_curve(
    outcomes: Outcomes, costs: CostMatrix, block: float, review: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What 1,000 of n events cost if reviews began elsewhere, shape (k,).

    Args:
        outcomes: scores and labels; their decisions are not looked at.
        costs: of decisions.
        block: blocking begins here, or at the review threshold where that is higher.
        review: the thresholds to try, shape (k,).
    """
    blocking = np.maximum(review, block)
    bad = np.sort(outcomes.score[outcomes.fraud].astype(np.float64))
    good = np.sort(outcomes.score[~outcomes.fraud].astype(np.float64))
    allowed = np.searchsorted(bad, review)
    reviewed = sum(
        np.searchsorted(scores, blocking) - np.searchsorted(scores, review)
        for scores in (bad, good)
    )
    turned_away = len(good) - np.searchsorted(good, blocking)
    total = allowed * costs.missed + reviewed * costs.review + turned_away * costs.blocked
    found: NDArray[np.float64] = 1000.0 * total / len(outcomes.fraud)
    return found


def cost_png(
    outcomes: Mapping[str, Outcomes],
    validation: Outcomes,
    thresholds: Thresholds,
    costs: CostMatrix,
) -> bytes:
    """Cost of 1,000 events over the review threshold, and where the version has put it.

    Args:
        outcomes: split → test events.
        validation: the scores that the version's thresholds were chosen on.
        thresholds: of the version.
        costs: of decisions.
    """
    figure, axes = canvas(
        "Cost against the review threshold",
        "review from this score on",
        "cost of 1,000 events",
    )
    at = np.unique([*1.0 / (1.0 + np.exp(-np.linspace(*_EDGES, _POINTS))), thresholds.review])
    in_use, nothing = np.array([thresholds.review]), np.array([_ABOVE_ALL])
    for name, one in {_VALIDATION: validation, **outcomes}.items():
        curve, (here,), (allowing,) = (
            cost_curve(one, costs, thresholds.block, reviews) for reviews in (at, in_use, nothing)
        )
        axes.plot(
            at,
            curve,
            LINES.get(name, "-"),
            color=COLOURS.get(name, INK),
            linewidth=1.5 if name in COLOURS else 2.5,
            label=f"{name}: {here:,.0f}; if everything were allowed, {allowing:,.0f}",
        )
        axes.plot(
            np.clip(in_use, *at[[0, -1]]),
            here,
            "o",
            color=COLOURS.get(name, INK),
            markeredgecolor="white",
            markersize=9 if name in COLOURS else 11,
            zorder=5 if name in COLOURS else 4,
        )
    axes.axvline(thresholds.review, color=GREY, linewidth=1)
    axes.set_xscale("logit")
    axes.set_xlim(*at[[0, -1]])
    axes.xaxis.set_major_locator(FixedLocator(_TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda score, _position: f"{score:g}"))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda cost, _position: f"{cost:,.0f}"))
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    legend_below(figure, axes, f"dots: in use, {thresholds.review:.4f}")
    return png(figure)


def confusion(outcomes: Outcomes) -> NDArray[np.int64]:
    """Events by decision and class, shape (3, 2): ``DECISIONS`` × (honest, fraud)."""
    # Whatever is blocked is blocked, also where a rule calls it an alert too.
    decision = np.where(outcomes.blocked, 2, outcomes.flagged.astype(np.intp))
    return np.bincount(2 * decision + outcomes.fraud, minlength=6).reshape(3, 2)


def confusion_png(outcomes: Mapping[str, Outcomes]) -> bytes:
    """For every split the decisions against the labels, with the share of each class."""
    figure = Figure(figsize=(max(3.4 * len(outcomes), 5.0), 3.6), layout="constrained")
    figure.get_layout_engine().set(wspace=0.08)  # type: ignore[union-attr,call-arg]
    figure.suptitle("Decisions: events, and share of their class", x=0.01, ha="left", fontsize=13)
    panels = figure.subplots(1, len(outcomes), sharey=True, squeeze=False)[0]
    for axes, (name, one) in zip(panels, outcomes.items(), strict=True):
        _cells(axes, confusion(one))
        axes.set_title(name)
    return png(figure)


def _cells(axes: Axes, table: NDArray[np.int64]) -> None:
    shares = table / np.maximum(table.sum(axis=0), 1)
    axes.imshow(shares, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    for row in range(len(DECISIONS)):
        for column in range(len(_CLASSES)):
            share = float(shares[row, column])
            axes.text(
                column,
                row,
                f"{table[row, column]:,}\n{100 * share:.2f} %",
                ha="center",
                va="center",
                color="white" if share > _DARK else INK,
            )
    axes.set_xticks(range(len(_CLASSES)), _CLASSES)
    axes.set_yticks(range(len(DECISIONS)), DECISIONS)
    axes.set_xticks([0.5], minor=True)
    axes.set_yticks([0.5, 1.5], minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
