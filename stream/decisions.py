"""The model in use: scores, decisions, severities and reasons of a micro-batch, in one piece.

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
from stream.outcomes import OutcomeEncoder

#: Alerts of a micro-batch whose reasons are asked of the model; in an attack, when nearly
#: everything is one, the others get the cheap reasons, which say so by their code.
MOST_EXPLAINED = 32


@dataclass(frozen=True, slots=True)
class Decided:
    """Outcome columns of n events, as in ``stream.outcomes.Scored``."""

    score: NDArray[np.float32]
    decision: Sequence[str]
    severity: Sequence[str]
    threshold: NDArray[np.float64]
    reasons: list[list[dict[str, Any]] | None]


class DecisionMaker:
    """Scores with one model version and decides by its thresholds or those of the settings.

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
        self.encoder = OutcomeEncoder(
            meta.profile,
            {"name": meta.name, "version": meta.version, "digest": meta.digest},
            f"review={self.review!r}|block={self.block!r}|rules=",
            meta.feature_names,
        )

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


def load_decision_maker(
    settings: Settings, countries: CountryTable, version: str | None = None
) -> DecisionMaker:
    """A version of the settings' profile, checked against the features of this program.

    Args:
        settings: profile, registry and thresholds.
        countries: the IP table in use.
        version: its name; None for the champion.

    Raises:
        ModelError: it is missing, damaged, or was made for other features.
        ConfigError: the thresholds contradict each other.
    """
    maker = DecisionMaker(Registry(settings.models).load(settings.profile, version), settings)
    maker.scorer.refuse_unless(feature_hash(settings.profile, countries.digest))
    return maker
