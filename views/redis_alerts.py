"""Alerts out of the read model, each with its label and its case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from views.case import Case
from views.layout import (
    NO_LABEL,
    Facets,
    alert_of,
    alerts_key,
    index_entry,
    member,
    unpack,
    unpack_alert,
)
from views.periods import HOUR_MS, Span
from views.redis_cases import Cases
from views.redis_model import RedisModel, State
from views.scripts import Command, binary
from views.store import AlertFilter, AlertPage, Place

#: So many are looked at in one round trip.
_CHUNK = 1_000


class RedisAlerts:
    """Answers about alerts (see ``views.store.Store``).

    Args:
        model: the namespace's.
        cases: of its alerts.
    """

    def __init__(self, model: RedisModel, cases: Cases) -> None:
        self._model = model
        self._cases = cases

    def page(
        self, profile: str, span: Span, wanted: AlertFilter, after: Place | None, limit: int
    ) -> AlertPage:
        """See ``Store.alerts``; those before the horizon are not kept."""
        found: list[dict[str, Any]] = []
        last: Place | None = None
        is_filtered = wanted != AlertFilter()
        for place, alert in self._alerts(profile, span, wanted, after, limit, is_filtered):
            if len(found) == limit:
                return AlertPage(found, last)
            found.append(alert)
            last = place
        return AlertPage(found, None)

    def one(self, profile: str, event_id: str) -> Mapping[str, Any] | None:
        """See ``Store.alert``."""
        state, (packed, event) = self._model.ask(
            profile, [("HGET", alerts_key(event_id), event_id), find(event_id)]
        )
        if packed is None:
            return None
        time_ms, message = unpack_alert(packed)
        if time_ms < state.horizon_ms:
            return None
        return _completed(message, _label(state, event), self._cases.of(profile, [event_id])[0])

    def _alerts(
        self,
        profile: str,
        span: Span,
        wanted: AlertFilter,
        after: Place | None,
        limit: int,
        is_filtered: bool,
    ) -> Iterator[tuple[Place, dict[str, Any]]]:
        """All alerts that are wanted, the latest first."""
        state = self._model.ask(profile)[0]
        lowest = b"[" + member(Place(max(span.from_ms or 0, state.horizon_ms), ""))
        upper = [] if after is None else [member(after)]
        upper += [] if span.to_ms is None else [member(Place(max(span.to_ms, 0), ""))]
        highest = b"(" + min(upper) if upper else b"+"
        chunk = _CHUNK if is_filtered else min(limit + 1, _CHUNK)
        while True:
            asked: Command = (
                "ZREVRANGEBYLEX", "x", binary(highest), binary(lowest), "LIMIT", 0, chunk,
            )  # fmt: skip
            members = self._model.ask(profile, [asked])[1][0]
            some = [
                one for one in map(alert_of, members) if wanted.admits(partial(getattr, one[1]))
            ]
            yield from self._wanted(profile, some, wanted)
            if len(members) < chunk:
                return
            highest = b"(" + member(alert_of(members[-1])[0])

    def _wanted(
        self, profile: str, some: Sequence[tuple[Place, Facets]], wanted: AlertFilter
    ) -> Iterator[tuple[Place, dict[str, Any]]]:
        """Messages of alerts with labels and cases; those that are wanted for these."""
        ids = [place.event_id for place, _ in some]
        state, events = self._model.ask(profile, [find(one) for one in ids])
        labels = [_label(state, event) for event in events]
        cases = self._cases.of(profile, ids)
        rows = [
            row
            for row, (has, case) in enumerate(zip(labels, cases, strict=True))
            if wanted.label in {None, NO_LABEL if has is None else has}
            and wanted.state in {None, case.state}
        ]
        for start in range(0, len(rows), 50):  # messages are large, and a page may be full
            part = rows[start : start + 50]
            messages = self._model.ask(
                profile, [("HGET", alerts_key(ids[row]), ids[row]) for row in part]
            )[1]
            for row, packed in zip(part, messages, strict=True):
                if packed is not None:  # it may have been deleted a moment ago
                    yield some[row][0], _completed(unpack_alert(packed)[1], labels[row], cases[row])


def find(event_id: str) -> Command:
    """What looks up the record of an event."""
    bucket, rest = index_entry(event_id)
    return ("FIND", bucket, binary(rest), event_id)


def _label(state: State, event: bytes | None) -> int | None:
    """Label in the answer to ``find``."""
    if event is None:
        return None
    kept = unpack(event)
    is_known = kept.label != NO_LABEL and kept.hour * HOUR_MS >= state.horizon_ms
    return kept.label if is_known else None


def _completed(message: bytes, label: int | None, case: Case) -> dict[str, Any]:
    alert: dict[str, Any] = orjson.loads(message)
    alert["label"] = label
    alert["case"] = case.fields()
    return alert
