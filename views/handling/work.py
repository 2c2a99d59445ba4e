"""What people do beside looking: label events, and work on alerts."""

from __future__ import annotations

from dataclasses import dataclass

from core.settings import Settings
from views.handling.casework import Casework
from views.handling.labelling import LabelSender
from views.readmodel.redis_store import RedisStore


@dataclass(frozen=True, slots=True)
class Work:
    """The ways to do so.

    Attributes:
        sender: takes labels.
        cases: changes cases.
    """

    sender: LabelSender
    cases: Casework


def work_on(store: RedisStore, settings: Settings) -> Work:
    """Work on what a store shows."""
    sender = LabelSender(settings)
    return Work(sender, Casework(store.cases, sender))
