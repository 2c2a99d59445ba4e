"""What the scores ought to be: those of the features computed offline over the same events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.settings import Settings
from features.batch import EventBatch
from features.countries import load_country_table
from features.offline import compute_features
from stream.decisions import load_decision_maker

#: Scores this close are the same: the model adds up its trees in float32.
TOLERANCE = 1e-6


class Scored(Protocol):
    """Event ids and their scores, aligned."""

    @property
    def event_id(self) -> list[str]:
        """n ids."""

    @property
    def score(self) -> NDArray[np.float32]:
        """Shape (n,)."""


def offline_scores(settings: Settings, batch: EventBatch) -> dict[str, float]:
    """Event id → the champion's score of the event's offline features."""
    countries = load_country_table(settings.ip_table)
    scorer = load_decision_maker(settings, countries).scorer
    scores = scorer.score(compute_features(batch, countries).matrix)
    return dict(zip(batch.event_id, scores.tolist(), strict=True))


def share_that_differs(found: Scored, expected: Mapping[str, float]) -> float:
    """Share of the scored events whose score is not the expected one."""
    if not found.event_id:
        return 0.0
    wanted = np.array([expected[event_id] for event_id in found.event_id], np.float32)
    return float((np.abs(found.score - wanted) > TOLERANCE).mean())
