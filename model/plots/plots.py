"""All pictures of a version, as the files that are stored with it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from features.declared import Feature
from model.costs import CostMatrix
from model.metadata import Thresholds
from model.metrics import Outcomes
from model.plots.calibration import calibration_png
from model.plots.canvas import house_style
from model.plots.curves import precision_recall_png, roc_png
from model.plots.decisions import confusion_png, cost_png
from model.plots.importance import importance_png

PRECISION_RECALL = "plots/precision_recall.png"
ROC = "plots/roc.png"
CALIBRATION = "plots/calibration.png"
COST = "plots/cost.png"
CONFUSION = "plots/confusion.png"
IMPORTANCE = "plots/importance.png"


def plots_of(
    outcomes: Mapping[str, Outcomes],
    *,
    validation: Outcomes,
    thresholds: Thresholds,
    costs: CostMatrix,
    moved: NDArray[np.float32],
    features: tuple[Feature, ...],
) -> dict[str, bytes]:
    """File name → PNG; the same arguments give the same bytes.

    Args:
        outcomes: split → test events, both classes present in each.
        validation: the training events with the scores that the thresholds were chosen on.
        thresholds: of the version.
        costs: by which decisions are counted.
        moved: TreeSHAP values of some events, shape (k, features + 1).
        features: in the order of the model.
    """
    with house_style():
        return {
            PRECISION_RECALL: precision_recall_png(outcomes),
            ROC: roc_png(outcomes),
            CALIBRATION: calibration_png(outcomes),
            COST: cost_png(outcomes, validation, thresholds, costs),
            CONFUSION: confusion_png(outcomes),
            IMPORTANCE: importance_png(moved, features),
        }
