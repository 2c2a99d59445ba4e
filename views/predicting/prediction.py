"""What ``/predict`` is answered with, and who answers it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

from core.errors import ModelError, RejectedEvent

#: Events of several requests that are predicted together: one costs nearly what many do.
GROUP = 256

#: An event as JSON, and the clock by which its time is judged.
Asked: TypeAlias = tuple[bytes, int]


#: What would be published of an event, as JSON: ``views.api.predict.Outcome`` without an error. It
#: goes through a pipe and into an answer as it is.
Predicted: TypeAlias = bytes


class NoChampionError(ModelError):
    """No model was ever put into use for a profile."""


class Predicts(Protocol):
    """Scores events that are asked about; called by any thread."""

    def predict(
        self, profile: str, raw: Sequence[bytes], now_ms: int
    ) -> list[Predicted | RejectedEvent]:
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
