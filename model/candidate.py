"""One thing to try: a family of models, a way with imbalance, and parameters; and how it did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

Parameters = Mapping[str, float]


class Candidate(msgspec.Struct, frozen=True):
    """What is fitted, but for the rows.

    Attributes:
        family: a key of ``model.fitting.families.FAMILIES``.
        imbalance: a member of ``model.fitting.imbalance.WAYS``.
        parameters: of the family.
    """

    family: str
    imbalance: str
    parameters: dict[str, float]

    @property
    def key(self) -> str:
        """The same for candidates that are the same."""
        return msgspec.json.encode(self, order="deterministic").decode()

    def __str__(self) -> str:
        """``xgboost, class weights``."""
        return f"{_plain(self.family)}, {_plain(self.imbalance)}"

    def with_parameters(self, parameters: Mapping[str, Any]) -> Candidate:
        """The same with other parameters."""
        return Candidate(self.family, self.imbalance, dict(parameters))


class Tried(msgspec.Struct, frozen=True):
    """How one candidate did.

    Attributes:
        candidate: what was tried.
        stage: ``screened``, ``usual`` (on all rows) or ``tuned``.
        average_precision: pooled over the folds.
        behind: how far it lies behind the best one, and the standard error of that; both None where
            it was only screened.
        recall: at 1 % false positives in the first fold.
        tied: whether it is as good as the best one.
        refused: why it may not be chosen, or "".
        cost: steps that TreeSHAP takes for one event (``model.trees.explaining_cost``).
    """

    candidate: Candidate
    stage: str
    average_precision: float
    recall: float
    behind: float | None = None
    error: float | None = None
    tied: bool = False
    refused: str = ""
    cost: float = 0.0


class Choice(msgspec.Struct, frozen=True):
    """The candidate to fit, and what else was tried, the best first."""

    candidate: Candidate
    tried: tuple[Tried, ...] = ()


def _plain(name: str) -> str:
    return name.replace("_", " ")
