"""How well scores rank: precision over recall, and recall over false positives."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.ticker import FuncFormatter
from sklearn.metrics import (
    average_precision_score,
    precision_recall_curve,
    roc_auc_score,
    roc_curve,
)

from model.metrics import MAX_FPR, Outcomes
from model.plots.canvas import COLOURS, GREY, LINES, canvas, legend_below, png

#: Where the axis of false positives begins: one in ten thousand honest events.
_LEAST_FPR = 1e-4
_POINTS = 300
_DOTS = "dots: at the review threshold"


def precision_recall_png(outcomes: Mapping[str, Outcomes]) -> bytes:
    """Precision over recall for every split, with the point at the review threshold."""
    figure, axes = canvas("Precision and recall", "recall", "precision")
    for name, one in outcomes.items():
        precision, recall, _ = precision_recall_curve(one.fraud, one.score)
        label = f"{name}: average precision {average_precision_score(one.fraud, one.score):.3f}"
        # The curve's last point is recall 0 at precision 1 by convention, which no threshold gives.
        axes.step(
            recall[:-1],
            precision[:-1],
            LINES[name],
            where="post",
            color=COLOURS[name],
            label=label,
        )
        caught = int((one.fraud & one.flagged).sum())
        if caught:
            at = (caught / one.fraud.sum(), caught / one.flagged.sum())
            axes.plot(*at, "o", color=COLOURS[name], markeredgecolor="white", markersize=9)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.05)
    legend_below(figure, axes, _DOTS)
    return png(figure)


def roc_png(outcomes: Mapping[str, Outcomes]) -> bytes:
    """Recall over the share of honest events that are flagged, on a logarithmic axis.

    Most of an ordinary ROC plot shows false positives that nobody can afford. Between thresholds
    the curve is straight in the shares themselves, as the area under it is counted; shares below
    1 in 10,000 lie on the left edge.
    """
    figure, axes = canvas("ROC", "share of honest events flagged", "recall")
    shares = np.geomspace(_LEAST_FPR, 1.0, _POINTS)
    for name, one in outcomes.items():
        false, recall, _ = roc_curve(one.fraud, one.score, drop_intermediate=False)
        # Of points above each other the upper one: the curve is read from left to right.
        last = np.append(false[1:] > false[:-1], True)
        at = np.union1d(shares, false[false > _LEAST_FPR])
        axes.plot(
            at,
            np.interp(at, false[last], recall[last]),
            LINES[name],
            color=COLOURS[name],
            label=f"{name}: AUC {roc_auc_score(one.fraud, one.score):.3f}",
        )
        false_share, caught_share = (
            float(one.flagged[these].mean()) for these in (~one.fraud, one.fraud)
        )
        if one.flagged.any():
            axes.plot(
                max(false_share, _LEAST_FPR),
                caught_share,
                "o",
                color=COLOURS[name],
                markeredgecolor="white",
                markersize=9,
                clip_on=False,
                zorder=5,
            )
    axes.plot(shares, shares, ":", color=GREY, linewidth=1.2, label="chance: AUC 0.500")
    for share in MAX_FPR.values():
        axes.axvline(share, color=GREY, linewidth=0.8)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(_percent))
    axes.set_xlim(_LEAST_FPR, 1.0)
    axes.set_ylim(-0.02, 1.02)
    legend_below(figure, axes, _DOTS, columns=2)
    return png(figure)


def _percent(share: float, _position: int) -> str:
    return f"{100 * share:g} %"
