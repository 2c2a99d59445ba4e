"""Pictures of an evaluation: precision over recall, and predicted against observed fraud."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

from model.metrics import Outcomes

_COLOURS = {"random": "#4269d0", "time": "#efb118", "attack": "#ff725c"}
_BINS = 10
_DPI = 120


def precision_recall_png(outcomes: Mapping[str, Outcomes]) -> bytes:
    """Precision over recall for every split, with the point at the review threshold."""
    figure, axes = _canvas("Precision and recall", "recall", "precision")
    for name, one in outcomes.items():
        precision, recall, _ = precision_recall_curve(one.fraud, one.score)
        # The curve's last point is recall 0 at precision 1 by convention, which no threshold gives.
        axes.step(recall[:-1], precision[:-1], where="post", color=_COLOURS[name], label=name)
        caught = int((one.fraud & one.flagged).sum())
        if caught:
            at = (caught / one.fraud.sum(), caught / one.flagged.sum())
            axes.plot(*at, "o", color=_COLOURS[name], markeredgecolor="white", markersize=8)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.05)
    axes.legend(title="split (dot: review threshold)", frameon=False)
    return _png(figure)


def calibration_png(outcomes: Mapping[str, Outcomes]) -> bytes:
    """Observed share of fraud over mean predicted probability, in bins of equal width.

    The area of a dot grows with the logarithm of the number of events in its bin.
    """
    figure, axes = _canvas("Calibration", "predicted probability", "observed share of fraud")
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--", label="ideal")
    for name, one in outcomes.items():
        predicted, observed, events = _reliability(one)
        axes.plot(predicted, observed, color=_COLOURS[name], linewidth=1, label=name)
        axes.scatter(predicted, observed, s=12 * np.log1p(events), color=_COLOURS[name])
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 1.03)
    axes.legend(frameon=False)
    return _png(figure)


def _reliability(
    outcomes: Outcomes,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Mean prediction, share of fraud and number of events of each bin that is not empty."""
    bins = np.minimum((outcomes.score * _BINS).astype(np.intp), _BINS - 1)
    events = np.bincount(bins, minlength=_BINS)
    predicted = np.bincount(bins, outcomes.score, _BINS)
    observed = np.bincount(bins, outcomes.fraud, _BINS)
    there = events > 0
    return predicted[there] / events[there], observed[there] / events[there], events[there]


def _canvas(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
