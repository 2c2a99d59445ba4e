"""``fraudstream models compare --live``: champion and challenger on the events that both scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from rich.table import Table

from cli.history import latest_labels
from cli.topic_messages import messages, milliseconds
from core.errors import ConfigError, DataError
from core.messages import Score
from core.names import Decision, Topics
from core.settings import Settings
from features.iso_times import iso_time
from features.zones import zone_named
from model.live_comparison import DECISIONS, LivePair, Scores, compare_live
from producer.options import moment_ms

if TYPE_CHECKING:
    from model.results import Interval

_PLACE = {str(one): place for place, one in enumerate(DECISIONS)}


@dataclass(slots=True)
class _Columns:
    """Events of one pair of versions, in the order in which their scores were stored."""

    event_id: list[str] = field(default_factory=list)
    time_ms: list[int] = field(default_factory=list)
    champion: list[tuple[float, int]] = field(default_factory=list)
    challenger: list[tuple[float, int]] = field(default_factory=list)
    control_weight: list[float] = field(default_factory=list)
    blocked: list[bool] = field(default_factory=list)


def live_pairs(settings: Settings, since: str | None, until: str | None) -> list[LivePair]:
    """Every pair of champion and challenger of the profile's scores, in the order of their names.

    Args:
        settings: profile, namespace and broker.
        since, until: only events at or after, and before, these times.

    Raises:
        BrokerError: Kafka is away.
        ConfigError: a time cannot be read.
        DataError: no event of that span was scored by both.
    """
    begin, end = (
        None if text is None else moment_ms(text, option, zone_named("UTC"))
        for text, option in ((since, "--since"), (until, "--until"))
    )
    if begin is not None and end is not None and begin >= end:
        raise ConfigError(f"--since {since} is not before --until {until}")
    pairs: dict[tuple[str, str], _Columns] = {}
    seen: set[str] = set()
    for score in _scores(settings):
        if score.event_id in seen:
            continue  # the first outcome of an event stands
        seen.add(score.event_id)
        at, beside = milliseconds(score.event_time), score.challenger
        if beside is None or (begin is not None and at < begin) or (end is not None and at >= end):
            continue
        columns = pairs.setdefault((score.model.version, beside.version), _Columns())
        columns.event_id.append(score.event_id)
        columns.time_ms.append(at)
        columns.champion.append((score.score, _PLACE[beside.against]))
        columns.challenger.append((beside.score, _PLACE[beside.decision]))
        columns.control_weight.append((score.control_weight or 1.0) if score.control else 0.0)
        columns.blocked.append(_PLACE[score.decision] == _PLACE[Decision.BLOCK])
    if not pairs:
        raise DataError(
            f"no {settings.profile} event of that span was scored by a challenger too: name one "
            f"with `fraudstream models promote VERSION --challenger --profile {settings.profile}`"
        )
    labels = latest_labels(settings)
    return [
        compare_live(
            settings.profile,
            versions,
            np.array(columns.time_ms, np.int64),
            (_as_scores(columns.champion), _as_scores(columns.challenger)),
            np.array([labels.get(one, (0, -1))[1] for one in columns.event_id], np.int8),
            np.array(columns.control_weight, np.float64),
            np.array(columns.blocked, np.bool_),
        )
        for versions, columns in sorted(pairs.items())
    ]


def pair_as_dict(pair: LivePair) -> dict[str, Any]:
    """All figures, as JSON types; times in ISO 8601."""
    found: dict[str, Any] = msgspec.to_builtins(pair)
    return {**found, "first": iso_time(pair.first), "last": iso_time(pair.last)}


def heading(pair: LivePair) -> list[str]:
    """What is known without labels, in lines."""
    lines = [
        f"{pair.challenger} challenges {pair.champion}: {pair.events:,} events, "
        f"{iso_time(pair.first)[:10]} to {iso_time(pair.last)[:10]}",
        f"  the same decision: {_percent(pair.agreement)}",
        f"  alerts: {pair.champion} {_percent(pair.alerts[0])}, "
        f"{pair.challenger} {_percent(pair.alerts[1])}",
        f"  labels: {pair.labelled:,}, of them fraud {pair.fraud:,}",
    ]
    if pair.labelled_metrics is None:
        lines.append("  precision and recall need labels of both fraud and honest events")
    elif pair.weighted:
        lines.append(
            "  control events stand for all that was blocked: figures below are weighted, and "
            "leave out what was blocked"
        )
    elif pair.labelled < pair.events:
        lines.append(
            "  what was blocked has a label only where it was in the control share "
            "(FRAUDSTREAM_CONTROL_SHARE): figures below are those of labelled events"
        )
    return lines


def decisions_table(pair: LivePair) -> Table:
    """What one decides by what the other decides."""
    table = Table(f"{pair.champion} ↓  {pair.challenger} →", *DECISIONS)
    for one in Decision:
        table.add_row(one, *(f"{pair.decisions[one][other]:,}" for other in DECISIONS))
    return table


def _scores(settings: Settings) -> Iterator[Score]:
    topic = Topics(settings.namespace).scores.name
    return (one for one in messages(settings, topic, Score) if one.profile == settings.profile)


def _as_scores(found: list[tuple[float, int]]) -> Scores:
    score, decision = zip(*found, strict=True)
    return Scores(np.array(score, np.float32), np.array(decision, np.int8))


def _percent(share: Interval) -> str:
    value, low, high = share.value or 0.0, share.low or 0.0, share.high or 0.0
    return f"{value:.2%} ({low:.2%} to {high:.2%})"
