"""What there is to say of model versions, read once: a version never changes."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import BaseModel, Field

from core.errors import ModelError
from model.registry import Registry

#: Metrics shown of each split; the card has the others.
FIGURES = ("f1", "precision", "recall", "average_precision", "recall_at_fpr_1pct")


class Version(BaseModel):
    """One model version."""

    version: str
    role: str | None = Field(description="champion, challenger, or null.")
    damaged: str | None = Field(description="What is wrong with it; null: nothing.")
    name: str | None = None
    digest: str | None = None
    created_at: str | None = None
    trained_on: dict[str, Any] | None = Field(
        default=None, description="Labelled events, fraud among them, first and last event time."
    )
    thresholds: dict[str, float] | None = None
    features: int | None = None
    evaluation: dict[str, dict[str, Any]] | None = Field(
        default=None, description="Split → metric → value, low and high of its 95 % interval."
    )


class Models(BaseModel):
    """The versions of a profile."""

    profile: str
    champion: str | None = Field(description="The version in use.")
    challenger: str | None
    versions: list[Version] = Field(description="The latest first.")


class Versions:
    """Descriptions of the versions of a registry.

    Args:
        registry: where they are.
    """

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[tuple[str, str], dict[str, Any]] = {}

    def all(self, profile: str) -> dict[str, Any]:
        """The fields of ``Models``.

        Raises:
            ModelError: a pointer is damaged.
        """
        roles = {role: self._registry.pointer(profile, role) for role in ("champion", "challenger")}
        names = self._registry.versions(profile)[::-1]
        return {
            "profile": profile,
            **roles,
            "versions": [self._version(profile, name, roles) for name in names],
        }

    def described(self, profile: str, name: str) -> dict[str, Any] | None:
        """The fields of ``Version``, None where the registry has none of that name."""
        if name not in self._registry.versions(profile):
            return None
        champion = self._registry.pointer(profile)
        return self._version(profile, name, {"champion": champion})

    def _version(self, profile: str, name: str, roles: dict[str, str | None]) -> dict[str, Any]:
        role = next((role for role, version in roles.items() if version == name), None)
        key = (profile, name)
        if key not in self._known:
            try:
                self._known[key] = _facts(self._registry, profile, name)
            except ModelError as error:
                return {"version": name, "role": role, "damaged": str(error)}
        return {"version": name, "role": role, "damaged": None, **self._known[key]}


def _facts(registry: Registry, profile: str, name: str) -> dict[str, Any]:
    version = registry.load(profile, name)
    meta = version.metadata
    data = meta.training
    return {
        "name": meta.name,
        "digest": meta.digest,
        "created_at": meta.created_at,
        "trained_on": {
            "events": data.rows,
            "fraud": data.fraud,
            "first": data.first,
            "last": data.last,
        },
        "thresholds": {"review": meta.thresholds.review, "block": meta.thresholds.block},
        "features": len(meta.feature_names),
        "evaluation": {
            split: {
                metric: msgspec.to_builtins(figures[metric])
                for metric in FIGURES
                if metric in figures
            }
            for split, figures in version.evaluation().splits.items()
        },
    }
