"""What ``/predict`` is answered with, and who answers it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import numpy as np

from core.errors import ModelError, RejectedEvent

#: Events of several requests that are predicted together: one costs nearly what many do.
GROUP = 256

#: An event as JSON, and the clock by which its time is judged.
Asked: TypeAlias = tuple[bytes, int]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What would be published of an event.

    Attributes:
        event_id: of it.
        score: fraud probability, float32.
        decision: ``core.names.Decision``.
        severity, threshold, reasons: as in an alert; None where the event is allowed.
        control: whether the model would block it, and the control share has it reviewed.
        model: name, version and digest.
    """

    event_id: str
    score: np.float32
    decision: str
    severity: str | None
    threshold: float | None
    control: bool
    reasons: list[dict[str, Any]] | None
    model: dict[str, str]


class NoChampionError(ModelError):
    """No model was ever put into use for a profile."""


class Predicts(Protocol):
    """Scores events that are asked about; called by any thread."""

    def predict(
        self, profile: str, raw: Sequence[bytes], now_ms: int
    ) -> list[Prediction | RejectedEvent]:
        """What would be published of each event, or why it would be set aside.

        Args:
            profile: of the events.
            raw: each as JSON.
            now_ms: what a broker's clock would say, milliseconds since 1970 UTC.

        Raises:
            NoChampionError: the profile has no champion.
            ModelError: its champion is damaged or was made for other features.
            StateError: the state is away.
        """
