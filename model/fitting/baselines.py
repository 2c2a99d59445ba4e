"""What any model has to beat: no model, and one rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from model.fitting.dataset import Dataset
from model.fitting.splits import Split
from model.metrics import Outcomes, day_of

#: Honest customers of the known data take minutes from sign-up to purchase, scripts a second.
RULE_SECONDS = 60.0
RULE = "bought_within_a_minute_of_signing_up"
BASE_RATE = "base_rate"


def baselines(data: Dataset, split: Split) -> dict[str, Outcomes]:
    """Outcomes of each baseline on the test rows of a split.

    ``base_rate`` gives every event the training part's share of fraud and flags none. The rule
    exists where the profile knows the time since sign-up.
    """
    rows = np.concatenate([part.test for part in split.parts])
    rates = [np.full(len(part.test), data.fraud[part.train].mean()) for part in split.parts]
    nothing = np.zeros(len(rows), np.bool_)
    fraud, day = data.fraud[rows], day_of(data.time_ms[rows])
    base = np.concatenate(rates).astype(np.float32)
    found = {BASE_RATE: Outcomes(fraud, base, nothing, nothing, day)}
    quick = bought_at_once(data)
    if quick is not None:
        flagged = quick[rows]
        found[RULE] = Outcomes(fraud, flagged.astype(np.float32), flagged, flagged, day)
    return found


def bought_at_once(data: Dataset) -> NDArray[np.bool_] | None:
    """Which events the rule flags, shape (n,); None where the profile knows no sign-up."""
    if "seconds_since_signup" not in data.names:
        return None
    return data.column("seconds_since_signup") <= RULE_SECONDS  # False where unknown
