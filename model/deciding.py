"""A model in use: scores, decisions, severities and reasons of events, in one piece.

A batch is decided by one model and one set of thresholds from beginning to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.errors import ConfigError
from core.names import Decision
from core.settings import Settings
from features.countries import CountryTable
from features.declared import feature_hash
from model.decision import decide, severity
from model.deviation import DeviationReasons
from model.explanations import Contributions
from model.registry import ModelVersion, Registry
from model.scorer import Scorer

#: Alerts of a micro-batch whose reasons are asked of the model; in an attack, when nearly
#: everything is one, the others get the cheap reasons, which say so by their code.
MOST_EXPLAINED = 32


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about n events.

    Attributes:
        score: float32, shape (n,).
        decision: ``core.names.Decision`` values, n.
        severity: ``core.names.Severity`` values, n.
        threshold: the threshold that was crossed, NaN where allowed, shape (n,).
        reasons: for each event with an alert its reasons, None elsewhere.
    """

    score: NDArray[np.float32]
    decision: Sequence[str]
    severity: Sequence[str]
    threshold: NDArray[np.float64]
    reasons: list[list[dict[str, Any]] | None]


class Decider:
    """Scores with one model version and decides by its thresholds or those of the settings.

    Used by one thread at a time.

    Args:
        version: the model.
        settings: ``threshold_review`` and ``threshold_block`` override the model's own.

    Raises:
        ConfigError: the thresholds contradict each other.
    """

    def __init__(self, version: ModelVersion, settings: Settings) -> None:
        self.version = version
        meta = version.metadata
        self.scorer = Scorer(version)
        self._reasons = Contributions(version)
        self._cheap_reasons = DeviationReasons(version)
        review, block = settings.threshold_review, settings.threshold_block
        self.review = meta.thresholds.review if review is None else review
        self.block = meta.thresholds.block if block is None else block
        if self.review > self.block:
            raise ConfigError(
                f"threshold review={self.review} is above block={self.block}: set "
                "FRAUDSTREAM_THRESHOLD_REVIEW to at most FRAUDSTREAM_THRESHOLD_BLOCK"
            )
        self._bands = meta.severity_bands

    @property
    def model(self) -> dict[str, str]:
        """Name, version and digest, as messages have them."""
        meta = self.version.metadata
        return {"name": meta.name, "version": meta.version, "digest": meta.digest}

    def decide(self, matrix: NDArray[np.float32]) -> Decided:
        """Outcome columns of n events from their features, float32 of shape (n, features)."""
        score = self.scorer.score(matrix)
        decisions = decide(score, self.review, self.block)
        crossed = np.where(score >= self.block, self.block, self.review)
        alerted = [row for row, one in enumerate(decisions) if one != Decision.ALLOW]
        reasons: list[list[dict[str, Any]] | None] = [None] * len(matrix)
        if alerted:
            first, others = alerted[:MOST_EXPLAINED], alerted[MOST_EXPLAINED:]
            explained = self._reasons.explain(matrix[first])
            if others:
                explained += self._cheap_reasons.explain(matrix[others])
            for row, found in zip(alerted, explained, strict=True):
                reasons[row] = [msgspec.structs.asdict(reason) for reason in found]
        return Decided(
            score=score,
            decision=decisions,
            severity=severity(score, self._bands),
            threshold=np.where(score >= self.review, crossed, np.nan),
            reasons=reasons,
        )

    def warm_up(self) -> None:
        """Score once: the first time is slow, and events should not wait for it."""
        self.decide(np.zeros((1, len(self.version.metadata.feature_names)), np.float32))

    def refuse_unless_made_for(self, countries: CountryTable) -> None:
        """Do nothing when the model was made for the features of this program and this IP table.

        Raises:
            ModelError: it was made for others.
        """
        self.scorer.refuse_unless(feature_hash(self.version.metadata.profile, countries.digest))


def load_decider(settings: Settings, profile: str, countries: CountryTable) -> Decider:
    """The champion of a profile, checked and warmed up.

    Args:
        settings: registry and thresholds.
        profile: its name.
        countries: the IP table in use.

    Raises:
        ModelError: there is none, it is damaged, or was made for other features.
        ConfigError: the thresholds contradict each other.
    """
    decider = Decider(Registry(settings.models).load(profile), settings)
    decider.refuse_unless_made_for(countries)
    decider.warm_up()
    return decider
