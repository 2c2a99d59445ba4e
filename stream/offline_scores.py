"""What a worker would publish for a replay of a file, without broker and Redis.

Promise: score, decision, severity, threshold, alert id, country, device users and features of every
event are, bit for bit, those of the messages that a worker publishes when the file is replayed into
a state of its own (``tests/stream/test_offline_scores.py`` compares them). ``scored_at`` and
``origin`` are of this run. Steps:

1. the events are put into the order in which ``replay`` sends them, an id that comes again being a
   redelivery of its first (``as_replayed``);
2. their features are computed over the whole history (``features.offline``);
3. micro-batches go through the decision maker and the encoder of the stream.

A worker asks the model for the reasons of the first ``MOST_EXPLAINED`` alerts of each of its
micro-batches, and where those begin hangs on when events arrive. Here no batch has more events than
that, so every alert has the reasons of the model.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from features.batch import EventBatch
from features.countries import CountryTable
from features.known import country_codes
from features.offline import compute_features
from stream.decisions import MOST_EXPLAINED, DecisionMaker
from stream.outcomes import Scored

_DEVICE_USERS = "device_users_24h"


def as_replayed(batch: EventBatch, limit: int | None = None) -> NDArray[np.intp]:
    """Rows of a file's events as ``replay`` sends them, each event id once.

    Args:
        batch: accepted events, among which an id that comes again has the same payload.
        limit: at most so many are sent, repeats included; None: all.
    """
    order = batch.in_total_order()[:limit]
    seen: set[str] = set()
    fresh = []
    for row in order.tolist():
        event_id = batch.event_id[row]
        if event_id not in seen:
            seen.add(event_id)
            fresh.append(row)
    return np.array(fresh, np.intp)


def offline_scores(
    batch: EventBatch,
    countries: CountryTable,
    decisions: DecisionMaker,
    origin: tuple[str, NDArray[np.int64]],
    scored_at: str,
) -> Iterator[Scored]:
    """Everything decided about n events, taken as the whole history, at most a micro-batch at once.

    Args:
        batch: the events in total order, each id once (``as_replayed``).
        countries: the IP table.
        decisions: the model; ``decisions.encoder`` makes messages of what is given back.
        origin: name of the source, and where in it each event lies, shape (n,).
        scored_at: ISO time.
    """
    source, places = origin
    country = country_codes(batch, countries)
    table = compute_features(batch, countries)
    users = _device_users(table.names, table.matrix)
    for begin in range(0, len(batch), MOST_EXPLAINED):
        rows = np.arange(begin, min(begin + MOST_EXPLAINED, len(batch)))
        matrix = table.matrix[rows]
        part = batch.take(rows)
        decided = decisions.decide(matrix, part, country[rows])
        yield Scored(
            batch=part,
            country=country[rows],
            matrix=matrix,
            device_users=users[rows],
            score=decided.score,
            decision=decided.decision,
            severity=decided.severity,
            threshold=decided.threshold,
            reasons=decided.reasons,
            origin=[(source, 0, place) for place in places[rows].tolist()],
            scored_at=scored_at,
            control=decided.control,
            rules=decided.rules,
        )


def _device_users(names: tuple[str, ...], matrix: NDArray[np.float32]) -> NDArray[np.int64]:
    """Distinct users behind each event's device in 24 h, −1 unknown, shape (n,)."""
    if _DEVICE_USERS not in names:
        return np.full(len(matrix), -1, np.int64)
    column = matrix[:, names.index(_DEVICE_USERS)]  # at most CAP, so float32 is exact
    return np.where(np.isnan(column), np.float32(-1), column).astype(np.int64)
