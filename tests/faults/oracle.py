"""What a run must come to, computed without Kafka, Redis or a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.settings import Settings
from features.batch import EventBatch
from features.countries import CountryTable, load_country_table
from features.entry import entries_of, pack_entries
from features.formulas import feature_matrix
from features.known import Known, country_codes, own_columns
from features.offline import compute_features
from features.profiles import profile_spec
from stream.decisions import load_decision_maker


@dataclass(frozen=True, slots=True)
class Expected:
    """Outcomes of n events, by their features.

    Attributes:
        matrix: float32, shape (n, features).
        score: float32, shape (n,).
        decision: n decisions.
        alerted: which of them have an alert, shape (n,).
    """

    matrix: NDArray[np.float32]
    score: NDArray[np.float32]
    decision: Sequence[str]
    alerted: NDArray[np.bool_]


class Oracle:
    """Knows the features, outcomes and state of one list of events.

    Args:
        settings: those of the workers, for the model and the thresholds.
        batch: the events in the order in which they were published.
    """

    def __init__(self, settings: Settings, batch: EventBatch) -> None:
        self.batch = batch
        self.row_of = {event_id: row for row, event_id in enumerate(batch.event_id)}
        self._countries: CountryTable = load_country_table(settings.ip_table)
        self._decisions = load_decision_maker(settings, self._countries)
        self._country = country_codes(batch, self._countries)

    def offline(self) -> Expected:
        """What the events come to if one worker sees them in their total order."""
        return self._decided(compute_features(self.batch, self._countries).matrix)

    def from_quantities(self, quantities: Mapping[str, NDArray[np.int64]]) -> Expected:
        """What the events come to if their pasts amount to this."""
        own = own_columns(self.batch, self._country)
        return self._decided(feature_matrix(Known(own, quantities)))

    def entries(self, entity: str) -> NDArray[np.uint64]:
        """What each event adds to the log of one of its entities, shape (n, words)."""
        return entries_of(entity, self.batch, pack_entries(self.batch, self._country))

    def logs(self) -> dict[str, dict[str, list[bytes]]]:
        """Kind of entity → id → the entries of its log, in the order of publishing."""
        found: dict[str, dict[str, list[bytes]]] = {}
        for entity in profile_spec(self.batch.profile).entities:
            owner = self.batch.entity(entity)
            logs: dict[str, list[bytes]] = {one: [] for one in owner.distinct}
            for code, entry in zip(owner.code.tolist(), self.entries(entity), strict=True):
                if code >= 0:
                    logs[owner.distinct[code]].append(entry.tobytes())
            found[entity] = logs
        return found

    def _decided(self, matrix: NDArray[np.float32]) -> Expected:
        decided = self._decisions.decide(matrix, self.batch, self._country)
        alerted = np.array([reasons is not None for reasons in decided.reasons], np.bool_)
        return Expected(matrix, decided.score, decided.decision, alerted)
