"""Alerts out of the read model, each with its label and its case."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import orjson

from views.case import Case
from views.periods import HOUR_MS, Span
from views.readmodel.cases import Cases
from views.readmodel.layout import (
    NO_LABEL,
    Facets,
    alert_of,
    alerts_key,
    index_entry,
    member,
    unpack,
    unpack_alert,
)
from views.readmodel.redis_model import RedisModel, State
from views.readmodel.scripts import Command, binary
from views.store import AlertFilter, AlertPage, Place

#: So many are looked at in one round trip, and of messages, which are large, so many.
_CHUNK = 1_000
_MESSAGES = 200


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
        lowest = b"[" + member(Place(max(span.from_ms or 0, 0), ""))
        upper = [] if after is None else [member(after)]
        upper += [] if span.to_ms is None else [member(Place(max(span.to_ms, 0), ""))]
        highest = b"(" + min(upper) if upper else b"+"
        chunk = _CHUNK if is_filtered else min(limit + 1, _CHUNK)
        while True:
            asked: Command = (
                "ZREVRANGEBYLEX", "x", binary(highest), binary(lowest), "LIMIT", 0, chunk,
            )  # fmt: skip
            state, (members,) = self._model.ask(profile, [asked])
            there = [one for one in map(alert_of, members) if one[0].time_ms >= state.horizon_ms]
            some = [one for one in there if wanted.admits(partial(getattr, one[1]))]
            yield from self._wanted(profile, some, wanted)
            if len(there) < chunk:
                return
            highest = b"(" + member(there[-1][0])

    def _wanted(
        self, profile: str, some: Sequence[tuple[Place, Facets]], wanted: AlertFilter
    ) -> Iterator[tuple[Place, dict[str, Any]]]:
        """Messages of alerts with labels and cases; those that are wanted for these."""
        if wanted.label is not None or wanted.state is not None:
            some = self._chosen(profile, some, wanted)
        for start in range(0, len(some), _MESSAGES):
            places = [place for place, _ in some[start : start + _MESSAGES]]
            ids = [place.event_id for place in places]
            state, found = self._model.ask(
                profile,
                [*(find(one) for one in ids), *(("HGET", alerts_key(one), one) for one in ids)],
            )
            events, messages = found[: len(ids)], found[len(ids) :]
            cases = self._cases.of(profile, ids)
            for place, event, packed, case in zip(places, events, messages, cases, strict=True):
                if packed is not None:  # it may have been deleted a moment ago
                    message = unpack_alert(packed)[1]
                    yield place, _completed(message, _label(state, event), case)

    def _chosen(
        self, profile: str, some: Sequence[tuple[Place, Facets]], wanted: AlertFilter
    ) -> list[tuple[Place, Facets]]:
        """Those that are wanted for their labels and cases; their messages are not looked at."""
        ids = [place.event_id for place, _ in some]
        state, events = self._model.ask(profile, [find(one) for one in ids])
        labels = [_label(state, event) for event in events]
        return [
            one
            for one, has, case in zip(some, labels, self._cases.of(profile, ids), strict=True)
            if wanted.label in {None, NO_LABEL if has is None else has}
            and wanted.state in {None, case.state}
        ]


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
