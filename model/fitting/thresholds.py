"""Where review and block begin, chosen on calibrated validation scores.

``cost``: what costs least by the cost matrix (``model.costs``). ``budget``: as many events are
reviewed as there are people to look at them, and what costs least is blocked among these. Both are
worked out, one is used.

A threshold stands midway between two neighbouring distinct scores that are at least ``MIN_GAP``
apart, so that no score lies close enough to it for rounding, or another implementation of the same
trees, to change a decision.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model.metadata import Policy, SeverityBands, Thresholds

MIN_GAP = 1e-5
WAYS = ("cost", "budget")

_TWO = np.float32(2)


@dataclass(frozen=True, slots=True, eq=False)
class _Candidates:
    """Possible thresholds, descending, and what each would have flagged, all of shape (k,).

    The first one is above all scores and flags nothing. ``events`` and ``fraud`` are how many there
    are.
    """

    at: NDArray[np.float64]
    flagged: NDArray[np.int64]
    caught: NDArray[np.int64]
    events: int
    fraud: int


def choose_thresholds(
    scores: NDArray[np.float32], fraud: NDArray[np.bool_], policy: Policy
) -> dict[str, Thresholds]:
    """The thresholds of each of ``WAYS``.

    Args:
        scores: probabilities of events the model was not fitted to, shape (n,).
        fraud: their labels, shape (n,).
        policy: costs and budget.
    """
    found = _candidates(scores, fraud)
    honest = found.flagged - found.caught
    costs = policy.costs
    # What a threshold adds to the cost of allowing everything.
    reviewing = found.flagged * costs.review - found.caught * costs.missed
    blocking = honest * costs.blocked - found.flagged * costs.review
    review, block = int(reviewing.argmin()), int(blocking.argmin())
    if block > review:  # more would be blocked than is worth a review: the two fall together
        review = block = int((reviewing + blocking).argmin())
    affordable = int(np.searchsorted(found.flagged, policy.budget * len(scores), side="right")) - 1
    first = int(blocking[: affordable + 1].argmin())
    size = len(scores)
    return {
        "cost": Thresholds(
            float(found.at[review]),
            float(found.at[block]),
            f"least cost of {size:,} validation events: {_worth(found, review)}",
            f"least cost: {_worth(found, block)}",
        ),
        "budget": Thresholds(
            float(found.at[affordable]),
            float(found.at[first]),
            f"at most {policy.budget:.2%} of {size:,} validation events: "
            f"{_worth(found, affordable)}",
            f"least cost within the budget: {_worth(found, first)}",
        ),
    }


def _worth(found: _Candidates, at: int) -> str:
    """What a threshold would have done."""
    flagged, caught = int(found.flagged[at]), int(found.caught[at])
    if not flagged:
        return "above all of them"
    return (
        f"precision {caught / flagged:.3f}, recall {caught / max(found.fraud, 1):.3f}, "
        f"{flagged / found.events:.2%} of events"
    )


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
    highest = scores.max()
    # A score of exactly 1 is possible; what is above it can only be above 1.
    above_all = max(_float32((float(highest) + 1.0) / 2.0), float(np.nextafter(highest, _TWO)))
    return _Candidates(
        np.append(above_all, middle.astype(np.float32).astype(np.float64)),
        np.append(0, last + 1),
        np.append(0, caught[last]),
        len(scores),
        int(fraud.sum()),
    )


def _float32(value: float) -> float:
    return float(np.float32(value))
