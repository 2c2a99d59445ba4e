"""The events of a file, judged as a worker would have, for ``model.backtest.backtest``.

Promise: score, decision and rules of every event are those that a worker with the same model,
rules and lists publishes when the file is replayed into a state of its own
(``stream.offline_scores``).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from features.batch import EventBatch
from features.countries import CountryTable
from features.profiles import profile_spec
from model.backtest.backtest import Subject, Verdicts, decision_codes
from stream.decisions import DecisionMaker
from stream.offline_scores import offline_scores


def subject_of(batch: EventBatch, label: NDArray[np.int8]) -> Subject:
    """What both sides judge.

    Args:
        batch: n events in total order, each id once.
        label: 1 fraud, 0 honest, −1 unknown, shape (n,).
    """
    customer = batch.entity(profile_spec(batch.profile).entities[0])
    return Subject(
        batch.profile,
        batch.event_id,
        customer.code.astype(np.int64),
        batch.time_ms,
        batch.amount,
        label,
    )


def judged(
    title: str,
    batch: EventBatch,
    countries: CountryTable,
    decisions: DecisionMaker,
    progress: Callable[[int], None],
) -> Verdicts:
    """What one side says of every event.

    Args:
        title: of the side.
        batch: n events in total order, each id once, taken as the whole history.
        countries: the IP table.
        decisions: model, thresholds and rules of the side.
        progress: told how many events are judged.
    """
    score = np.empty(len(batch), np.float32)
    decision = np.empty(len(batch), np.int8)
    rules: list[list[str]] = []
    shadow = set()
    places = np.zeros(len(batch), np.int64)
    for scored in offline_scores(batch, countries, decisions, ("backtest", places), ""):
        rows = slice(len(rules), len(rules) + len(scored.batch))
        score[rows], decision[rows] = scored.score, decision_codes(scored.decision)
        met = scored.rules or [()] * len(scored.batch)
        rules.extend([hit.name for hit in hits] for hits in met)
        shadow |= {hit.name for hits in met for hit in hits if hit.shadow}
        progress(len(rules))
    return Verdicts(title, score, decision, rules, frozenset(shadow))
