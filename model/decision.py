"""From scores to decisions and severities: pure functions of scores and thresholds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.names import Decision, Severity
from model.metadata import SeverityBands

_DECISIONS = (Decision.ALLOW, Decision.REVIEW, Decision.BLOCK)
_SEVERITIES = (Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)


def decide(scores: NDArray[np.float32], review: float, block: float) -> list[Decision]:
    """What is to happen with each event.

    Args:
        scores: fraud probabilities, shape (n,).
        review: an event with at least this score is reviewed.
        block: an event with at least this score is blocked; not below ``review``.

    Raises:
        ValueError: ``review`` is above ``block``.
    """
    if review > block:
        raise ValueError(f"review={review} is above block={block}")
    return [_DECISIONS[step] for step in _steps(scores, review, block)]


def severity(scores: NDArray[np.float32], bands: SeverityBands) -> list[Severity]:
    """How urgent an alert with each score is, shape (n,) in, n out."""
    steps = _steps(scores, bands.medium, bands.high, bands.critical)
    return [_SEVERITIES[step] for step in steps]


def _steps(scores: NDArray[np.float32], *bounds: float) -> list[int]:
    """How many of the ascending ``bounds`` each score reaches.

    Compared in float64: numpy would otherwise round a bound to the score's float32 first.
    """
    reached: list[int] = np.searchsorted(bounds, scores.astype(np.float64), side="right").tolist()
    return reached
