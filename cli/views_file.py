"""The events of a CSV as the views show them: scored as the stream would, given a model."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.errors import ModelError
from core.settings import Settings
from features.batch import EventBatch
from features.countries import CountryTable
from features.csv_source import CsvData
from features.declared import COUNTRIES
from features.iso_times import iso_time
from features.known import country_codes
from stream.decisions import DecisionMaker, load_decision_maker
from stream.offline_scores import as_replayed, offline_scores
from views.file.frame import Events

_TEXTS = ("user_id", "device_id", "browser", "source", "sex")


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What there is to show of a file.

    Attributes:
        events: of it.
        name: tells file and model from others.
        note: why there are no scores; empty when there are.
    """

    events: Events
    name: str
    note: str


def shown_events(
    data: CsvData,
    settings: Settings,
    countries: CountryTable,
    progress: Callable[[int, int], None],
) -> Shown:
    """Score a file with the champion of its profile and put its events into columns.

    Without a usable champion there are events and labels, and no scores.

    Args:
        data: the file.
        settings: where models are, and thresholds.
        countries: the IP table.
        progress: told how many of how many events are scored.

    Raises:
        ConfigError: the thresholds contradict each other.
    """
    rows = as_replayed(data.batch)
    # Pages of alerts are cut at (event time, event id): ids are compared as text there.
    ids = data.batch.event_id
    rows = np.array(sorted(rows.tolist(), key=lambda row: (data.batch.time_ms[row], ids[row])))
    batch = data.batch.take(rows.astype(np.intp))
    label = data.label[rows.astype(np.intp)]
    sha = data.report.sha256
    try:
        decisions = load_decision_maker(settings, countries)
    except ModelError as error:
        return Shown(_events(batch, countries, label, None, ""), sha, str(error))
    scores = _score(batch, countries, decisions, f"csv:{data.report.path.name}", progress)
    return Shown(
        _events(batch, countries, label, scores, decisions.version.metadata.version),
        f"{sha}|{decisions.version.metadata.digest}|{decisions.review!r}|{decisions.block!r}",
        "",
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Scores:
    score: NDArray[np.float32]
    decision: list[str]
    alerts: dict[str, bytes]


def _score(
    batch: EventBatch,
    countries: CountryTable,
    decisions: DecisionMaker,
    source: str,
    progress: Callable[[int, int], None],
) -> _Scores:
    score = np.empty(len(batch), np.float32)
    decision: list[str] = []
    alerts: dict[str, bytes] = {}
    places = np.arange(len(batch), dtype=np.int64)
    now = iso_time(time.time_ns() // 1_000_000)
    for scored in offline_scores(batch, countries, decisions, (source, places), now):
        messages = decisions.encoder.encode(scored)[1]
        alerts |= {
            event_id: message
            for event_id, message in zip(scored.batch.event_id, messages, strict=True)
            if message is not None
        }
        score[len(decision) : len(decision) + len(scored.score)] = scored.score
        decision.extend(str(one) for one in scored.decision)
        progress(len(decision), len(batch))
    return _Scores(score, decision, alerts)


def _events(
    batch: EventBatch,
    countries: CountryTable,
    label: NDArray[np.int8],
    scores: _Scores | None,
    version: str,
) -> Events:
    missing = [None] * len(batch)
    texts: dict[str, Sequence[str | None]] = {
        name: batch.text.get(name, missing) for name in _TEXTS
    }
    if "card_id" in batch.text:
        texts["user_id"] = batch.text["card_id"]
    codes = country_codes(batch, countries).tolist()
    return Events(
        profile=batch.profile,
        event_id=batch.event_id,
        time_ms=batch.time_ms,
        amount=batch.amount,
        texts={**texts, "country": [COUNTRIES[code] for code in codes]},
        age=batch.number.get("age", np.full(len(batch), np.nan)),
        label=label,
        score=None if scores is None else scores.score,
        decision=None if scores is None else scores.decision,
        alerts={} if scores is None else scores.alerts,
        version=version,
    )
