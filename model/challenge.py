"""The challenger: a version that scores every event beside the champion and decides about none.

Promise: the champion's outcome of an event is the same with and without a challenger, and whatever
becomes of the challenger, the champion goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.names import Decision, Role
from core.settings import Settings
from features.countries import CountryTable
from features.declared import feature_hash
from model.decision import decide, in_force
from model.registry import ModelVersion, Registry
from model.scorer import Scorer

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Challenged:
    """What a challenger would have decided about n events.

    Attributes:
        version, digest: of the challenger.
        score: float32, shape (n,).
        decision: ``core.names.Decision`` values, n.
        against: what the champion's model itself decided, before rules and control share, n.
    """

    version: str
    digest: str
    score: NDArray[np.float32]
    decision: Sequence[str]
    against: Sequence[str]


class Challenger:
    """Scores with one version by the thresholds that it would have as champion.

    Args:
        version: the model.
        countries: the IP table in use.
        settings: ``threshold_review`` and ``threshold_block`` override the model's own, as they
            would if it were champion.

    Raises:
        ModelError: the graph is damaged, or was made for other features.
        ConfigError: the thresholds contradict each other.
    """

    def __init__(self, version: ModelVersion, countries: CountryTable, settings: Settings) -> None:
        self.version = version
        self._scorer = Scorer(version)
        self._scorer.refuse_unless(feature_hash(version.metadata.profile, countries.digest))
        self.review, self.block = in_force(version.metadata.thresholds, settings)
        self._failed = False

    def judge(self, matrix: NDArray[np.float32], against: Sequence[str]) -> Challenged | None:
        """Scores and decisions of n events.

        Args:
            matrix: their features, float32 of shape (n, features).
            against: the decisions of the champion's model, n.

        Returns:
            None from the first time on that the graph fails: it is said once, and the champion's
            events do not wait for it.
        """
        if self._failed:
            return None
        meta = self.version.metadata
        try:
            score = self._scorer.score(matrix)
            if score.shape != (len(matrix),) or not ((score >= 0) & (score <= 1)).all():
                raise ModelError(f"{self.version.path}: its graph gives no probabilities")
        except Exception as error:  # a runtime that chokes on a graph raises what it likes
            self._failed = True
            _log.error("challenger %s is left out from now on: %s", meta.version, error)
            return None
        return Challenged(
            meta.version, meta.digest, score, decide(score, self.review, self.block), against
        )


def load_challenger(settings: Settings, countries: CountryTable) -> Challenger | None:
    """The challenger of the settings' profile, checked and warmed up; None where there is none.

    Raises:
        ModelError: it is missing, damaged, gives no probabilities, or was made for other features.
        ConfigError: its thresholds contradict those of the settings.
    """
    registry = Registry(settings.models)
    name = registry.pointer(settings.profile, Role.CHALLENGER)
    if name is None:
        return None
    challenger = Challenger(registry.load(settings.profile, name), countries, settings)
    meta = challenger.version.metadata
    width = len(meta.feature_names)
    if challenger.judge(np.zeros((2, width), np.float32), [Decision.ALLOW] * 2) is None:
        raise ModelError(
            f"{meta.profile} model {meta.version} cannot score: end the challenge with "
            f"`fraudstream models retire --profile {meta.profile}`"
        )
    return challenger
