"""Where review and block begin, chosen on validation scores.

A threshold stands midway between two neighbouring distinct scores that are at least ``MIN_GAP``
apart, so that no score lies close enough to it for rounding, or another implementation of the same
trees, to change a decision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.metadata import SeverityBands, Thresholds

MIN_GAP = 1e-5
BLOCK_PRECISION = 0.95

_TWO = np.float32(2)


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Possible thresholds, descending, and what each would have flagged, all of shape (k,)."""

    at: NDArray[np.float64]
    flagged: NDArray[np.int64]
    caught: NDArray[np.int64]


def choose_thresholds(scores: NDArray[np.float32], fraud: NDArray[np.bool_]) -> Thresholds:
    """Review at the best F1 (the highest such threshold); block at the lowest one not below it
    from which at least ``BLOCK_PRECISION`` of the flagged events are fraud, or, where no threshold
    reaches that, midway between the highest score and 1.

    Args:
        scores: of events the model was not fitted to, shape (n,).
        fraud: their labels, shape (n,).
    """
    found = _candidates(scores, fraud)
    highest = np.float32(scores.max())
    # A score of exactly 1 is possible; what is above it can only be above 1.
    above_all = max(_float32((float(highest) + 1.0) / 2.0), float(np.nextafter(highest, _TWO)))
    if not len(found.at):
        return Thresholds(above_all, above_all, *2 * ("all validation scores are alike",))
    precision = found.caught / found.flagged
    f1 = 2 * found.caught / (found.flagged + fraud.sum())
    best = int(f1.argmax())
    recall = found.caught[best] / fraud.sum()
    share = found.flagged[best] / len(scores)
    review_by = (
        f"best F1 of {len(scores):,} validation events: F1 {f1[best]:.3f}, precision "
        f"{precision[best]:.3f}, recall {recall:.3f}, {share:.2%} of events flagged"
    )
    review = float(found.at[best])
    safe = np.flatnonzero(precision[: best + 1] >= BLOCK_PRECISION)
    if not len(safe):
        no_block = (
            f"no threshold reached precision {BLOCK_PRECISION} in validation: above all of it"
        )
        return Thresholds(review, max(review, above_all), review_by, no_block)
    lowest = int(safe[-1])
    block_by = (
        f"lowest with validation precision ≥ {BLOCK_PRECISION}: precision {precision[lowest]:.3f}, "
        f"recall {found.caught[lowest] / fraud.sum():.3f}"
    )
    return Thresholds(review, float(found.at[lowest]), review_by, block_by)


def bands_of(thresholds: Thresholds) -> SeverityBands:
    """Severity follows the decision: ``high`` from block on, and each side halved once more.

    An alert in the upper half of what is reviewed is ``medium``, in the upper half of what is
    blocked ``critical``.
    """
    review, block = thresholds.review, thresholds.block
    return SeverityBands(
        medium=_float32((review + block) / 2.0), high=block, critical=_float32((block + 1.0) / 2.0)
    )


def _candidates(scores: NDArray[np.float32], fraud: NDArray[np.bool_]) -> _Candidates:
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order].astype(np.float64)
    caught = np.cumsum(fraud[order], dtype=np.int64)
    last = np.flatnonzero(ranked[:-1] - ranked[1:] >= MIN_GAP)
    middle = (ranked[last] + ranked[last + 1]) / 2.0
    return _Candidates(middle.astype(np.float32).astype(np.float64), last + 1, caught[last])


def _float32(value: float) -> float:
    return float(np.float32(value))
