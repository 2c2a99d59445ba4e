"""What any model has to beat: no model, and one rule."""

from __future__ import annotations

import numpy as np

from model.dataset import Dataset
from model.metrics import Outcomes
from model.splits import Split

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
    found = {
        BASE_RATE: Outcomes(data.fraud[rows], np.concatenate(rates).astype(np.float32), nothing)
    }
    if "seconds_since_signup" in data.names:
        quick = data.column("seconds_since_signup")[rows] <= RULE_SECONDS  # False where unknown
        found[RULE] = Outcomes(data.fraud[rows], quick.astype(np.float32), quick)
    return found
