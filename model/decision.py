"""From scores to decisions and severities: pure functions of scores, thresholds and settings."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from core.names import Decision, Severity
from core.settings import Settings
from model.metadata import SeverityBands, Thresholds

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


def in_force(thresholds: Thresholds, settings: Settings) -> tuple[float, float]:
    """The review and the block threshold: the model's own, or those of the settings.

    Raises:
        ConfigError: they contradict each other.
    """
    review, block = settings.threshold_review, settings.threshold_block
    review = thresholds.review if review is None else review
    block = thresholds.block if block is None else block
    if review > block:
        raise ConfigError(
            f"threshold review={review} is above block={block}: set "
            "FRAUDSTREAM_THRESHOLD_REVIEW to at most FRAUDSTREAM_THRESHOLD_BLOCK"
        )
    return review, block


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
