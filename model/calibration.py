"""From a sum of trees to a probability of fraud: the function itself.

``sigmoid``: 1 / (1 + exp(−(slope·raw + intercept))). ``isotonic``: a rising staircase. Which one,
and how it is fitted: ``model.fitting.calibrating``.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

KINDS = ("sigmoid", "isotonic")


class Calibration(msgspec.Struct, frozen=True):
    """A rising function from raw score to probability.

    Attributes:
        kind: one of ``KINDS``.
        slope, intercept: of the sigmoid.
        edges: raw scores at which the staircase rises, ascending, float32 values.
        steps: its probabilities, one more than edges, float32 values.
        log_loss: cross-fitted, of each kind.
    """

    kind: str
    slope: float = 1.0
    intercept: float = 0.0
    edges: tuple[float, ...] = ()
    steps: tuple[float, ...] = ()
    log_loss: dict[str, float] = {}

    def apply(self, raw: NDArray[np.float32]) -> NDArray[np.float32]:
        """Probability for each raw score, float32 of shape (n,)."""
        if self.kind == "isotonic":
            at = np.searchsorted(np.array(self.edges, np.float32), raw, side="right")
            return np.array(self.steps, np.float32)[at]
        margin = self.slope * raw.astype(np.float64) + self.intercept
        return (1.0 / (1.0 + np.exp(-margin))).astype(np.float32)
