"""The model in use: it decides about a micro-batch, and makes messages of what it decided."""

from __future__ import annotations

from core.settings import Settings
from features.countries import CountryTable
from model.deciding import MOST_EXPLAINED, Decided, Decider
from model.registry import ModelVersion, Registry
from stream.outcomes import OutcomeEncoder

__all__ = ["MOST_EXPLAINED", "Decided", "DecisionMaker", "load_decision_maker"]


class DecisionMaker(Decider):
    """A decider with the encoder of its outcomes; arguments and errors as ``Decider``."""

    def __init__(self, version: ModelVersion, settings: Settings) -> None:
        super().__init__(version, settings)
        self.encoder = OutcomeEncoder(
            version.metadata.profile,
            self.model,
            f"review={self.review!r}|block={self.block!r}|rules=",
            version.metadata.feature_names,
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
    maker.refuse_unless_made_for(countries)
    return maker
