"""A model in use: scores, decisions, severities and reasons of events, in one piece.

A batch is decided by one model, one set of thresholds and one set of rules and lists from beginning
to end.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any, Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.names import Decision
from core.settings import Settings
from features.batch import EventBatch
from features.countries import CountryTable
from features.declared import feature_hash
from model.control import in_control
from model.decision import decide, in_force, severity
from model.deviation import DeviationReasons
from model.explanations import Contributions
from model.overrides import NO_OVERRIDES, Ordered, Overrides, in_order
from model.registry import ModelVersion, Registry
from model.rules.fields import Rows
from model.rules.rule import Hit
from model.scorer import Scorer

#: Alerts of a micro-batch whose reasons are asked of the model; in an attack, when nearly
#: everything is one, the others get the cheap reasons, which say so by their code.
MOST_EXPLAINED = 32
#: Code of a reason that a rule or list gives; its ``feature`` is the rule's name.
RULE_CODE = "rule"


@dataclass(frozen=True, slots=True)
class Decided:
    """What was decided about n events.

    Attributes:
        score: float32, shape (n,).
        decision: ``core.names.Decision`` values, n.
        severity: ``core.names.Severity`` values, n.
        threshold: the threshold that the score crossed, NaN where it crossed none, shape (n,).
        reasons: for each event with an alert its reasons, those of rules first; None elsewhere.
        control: whether the model would block the event, and the control share has it reviewed
            instead, shape (n,).
        rules: the rules and lists that each event met, n.
    """

    score: NDArray[np.float32]
    decision: Sequence[str]
    severity: Sequence[str]
    threshold: NDArray[np.float64]
    reasons: list[list[dict[str, Any]] | None]
    control: NDArray[np.bool_]
    rules: Sequence[tuple[Hit, ...]]


class Decider:
    """Scores with one model version and decides by its thresholds or those of the settings.

    Rules and lists beside the model are heard too (``model.overrides``). Used by one thread at a
    time.

    Args:
        version: the model.
        settings: ``threshold_review`` and ``threshold_block`` override the model's own;
            ``control_share`` of what the model would block is reviewed instead.

    Raises:
        ConfigError: the thresholds contradict each other.
    """

    def __init__(self, version: ModelVersion, settings: Settings) -> None:
        self.version = version
        meta = version.metadata
        self.scorer = Scorer(version)
        self._reasons = Contributions(version)
        self._cheap_reasons = DeviationReasons(version)
        self.review, self.block = in_force(meta.thresholds, settings)
        self.control_share = settings.control_share
        self._bands = meta.severity_bands
        self.overrides = NO_OVERRIDES

    @property
    def model(self) -> dict[str, str]:
        """Name, version and digest, as messages have them."""
        meta = self.version.metadata
        return {"name": meta.name, "version": meta.version, "digest": meta.digest}

    def with_overrides(self, overrides: Overrides) -> Self:
        """The same model with other rules and lists; this one stays as it is."""
        other = copy(self)
        other.overrides = overrides
        return other

    def decide(
        self, matrix: NDArray[np.float32], batch: EventBatch, country: NDArray[np.int16]
    ) -> Decided:
        """Outcome columns of n events.

        Args:
            matrix: their features, float32 of shape (n, features).
            batch: the events.
            country: their country codes, shape (n,).
        """
        score = self.scorer.score(matrix)
        decisions = decide(score, self.review, self.block)
        control = self._take_control(decisions, batch.event_id)
        met = self.overrides.met(Rows(batch, country, matrix, score))
        ordered = in_order(decisions, severity(score, self._bands), met)
        return self._decided(matrix, score, control, ordered)

    def _decided(
        self,
        matrix: NDArray[np.float32],
        score: NDArray[np.float32],
        control: NDArray[np.bool_],
        ordered: Ordered,
    ) -> Decided:
        decisions = ordered.decision
        crossed = np.where(score >= self.block, self.block, self.review)
        alerted = [row for row, one in enumerate(decisions) if one != Decision.ALLOW]
        reasons: list[list[dict[str, Any]] | None] = [None] * len(matrix)
        if alerted:
            first, others = alerted[:MOST_EXPLAINED], alerted[MOST_EXPLAINED:]
            explained = self._reasons.explain(matrix[first])
            if others:
                explained += self._cheap_reasons.explain(matrix[others])
            for row, found in zip(alerted, explained, strict=True):
                reasons[row] = [
                    *_rule_reasons(ordered.hits[row]),
                    *(msgspec.structs.asdict(reason) for reason in found),
                ]
        reviewed = np.array([one == Decision.REVIEW for one in decisions], np.bool_)
        return Decided(
            score=score,
            decision=decisions,
            severity=ordered.severity,
            threshold=np.where(score >= self.review, crossed, np.nan),
            reasons=reasons,
            control=control & reviewed,
            rules=ordered.hits,
        )

    def _take_control(
        self, decisions: list[Decision], event_id: Sequence[str]
    ) -> NDArray[np.bool_]:
        """Turn the block of events of the control share into a review, and say which they are."""
        control = np.zeros(len(decisions), np.bool_)
        if self.control_share:
            blocked = [row for row, one in enumerate(decisions) if one == Decision.BLOCK]
            drawn = in_control([event_id[row] for row in blocked], self.control_share)
            for row, taken in zip(blocked, drawn, strict=True):
                if taken:
                    decisions[row], control[row] = Decision.REVIEW, True
        return control

    def warm_up(self) -> None:
        """Score once: the first time is slow, and events should not wait for it."""
        width = len(self.version.metadata.feature_names)
        matrix = np.zeros((1, width), np.float32)
        score = self.scorer.score(matrix)
        ordered = in_order([Decision.REVIEW], severity(score, self._bands), [])
        self._decided(matrix, score, np.zeros(1, np.bool_), ordered)

    def refuse_unless_made_for(self, countries: CountryTable) -> None:
        """Do nothing when the model was made for the features of this program and this IP table.

        Raises:
            ModelError: it was made for others.
        """
        self.scorer.refuse_unless(feature_hash(self.version.metadata.profile, countries.digest))


def _rule_reasons(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    """Reasons of what asked for the alert."""
    return [
        {
            "code": RULE_CODE,
            "feature": hit.name,
            "value": None,
            "contribution": None,
            "text": hit.reason,
        }
        for hit in hits
        if not hit.shadow and hit.action in {Decision.BLOCK, Decision.REVIEW}
    ]


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
