"""The model in use: it decides about a micro-batch, and makes messages of what it decided."""

from __future__ import annotations

from copy import copy
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.settings import Settings
from features.countries import CountryTable
from model.challenge import Challenged, Challenger
from model.control import weight_of
from model.deciding import MOST_EXPLAINED, Decided, Decider
from model.decision import decide
from model.overrides import Overrides
from model.registry import ModelVersion, Registry
from model.rules.rule_set import load_rules
from stream.outcomes import OutcomeEncoder

__all__ = ["MOST_EXPLAINED", "Decided", "DecisionMaker", "load_decision_maker"]


class DecisionMaker(Decider):
    """A decider with the encoder of its outcomes; arguments and errors as ``Decider``.

    Attributes:
        challenger: the version that is scored beside it, if any. Both are swapped as one.
    """

    def __init__(self, version: ModelVersion, settings: Settings) -> None:
        super().__init__(version, settings)
        self.challenger: Challenger | None = None
        self.encoder = self._encoder()

    def _encoder(self) -> OutcomeEncoder:
        control = f"|control={self.control_share!r}" if self.control_share else ""
        rules = self.overrides.rules.hash
        meta = self.version.metadata
        return OutcomeEncoder(
            meta.profile,
            self.model,
            f"review={self.review!r}|block={self.block!r}|rules={rules}{control}",
            meta.feature_names,
            weight_of(self.control_share),
        )

    def with_overrides(self, overrides: Overrides) -> Self:
        """As ``Decider.with_overrides``; the ids of alerts follow the rules."""
        other = super().with_overrides(overrides)
        other.encoder = other._encoder()
        return other

    def beside(self, challenger: Challenger | None) -> DecisionMaker:
        """The same with another challenger; this one stays as it is."""
        pair = copy(self)
        pair.challenger = challenger
        return pair

    def challenge(
        self, matrix: NDArray[np.float32], score: NDArray[np.float32]
    ) -> Challenged | None:
        """What the challenger makes of n events; None where there is none.

        Args:
            matrix: features, float32 of shape (n, features).
            score: what the champion made of them, shape (n,).
        """
        if self.challenger is None:
            return None
        return self.challenger.judge(matrix, decide(score, self.review, self.block))


def load_decision_maker(
    settings: Settings,
    countries: CountryTable,
    version: str | None = None,
    overrides: Overrides | None = None,
) -> DecisionMaker:
    """A version of the settings' profile, checked against the features of this program.

    Args:
        settings: profile, registry and thresholds.
        countries: the IP table in use.
        version: its name; None for the champion.
        overrides: what decides beside it; None: the rules of the settings, and no lists.

    Raises:
        ModelError: it is missing, damaged, or was made for other features.
        ConfigError: the thresholds contradict each other.
        RulesError: the file of rules cannot be used.
    """
    maker = DecisionMaker(Registry(settings.models).load(settings.profile, version), settings)
    maker.refuse_unless_made_for(countries)
    if overrides is None:
        overrides = Overrides(load_rules(settings.rules, settings.profile))
    return maker.with_overrides(overrides)
