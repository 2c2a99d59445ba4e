"""The read model in Redis as a store: what the projector has counted so far.

Sums reach back as far as anything was ever counted. Devices and their events, alerts, and parts of
hours are answered from records, which are kept for FRAUDSTREAM_VIEWS_DAYS before the newest event
(the horizon): a span without a beginning starts there for devices and alerts.

Sums are of one moment. Pages of alerts and of a device's events, and the users behind devices, take
several round trips: what comes in between may be in a part of the answer only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from heapq import nsmallest
from itertools import islice
from typing import Any

import numpy as np

from core.errors import StateError
from core.names import PROFILES
from core.settings import Settings
from features.iso_times import iso_time
from views.counts import Counts, DeviceCounts, Dimension
from views.periods import HOUR_MS, Bucket, Span, bucket_starts
from views.readmodel import heartbeat
from views.readmodel.alerts import RedisAlerts, find
from views.readmodel.cases import Cases
from views.readmodel.cover import Cover, cover
from views.readmodel.devices import RedisDevices
from views.readmodel.layout import (
    COUNTERS,
    known,
    unpack,
)
from views.readmodel.redis_model import RedisModel, State
from views.readmodel.scorecards import scorecards_of
from views.readmodel.scripts import Command
from views.readmodel.sums import add, hours_asked, hours_of, values_asked, values_of
from views.readmodel.tallies import ALERTS, FRAUD, TRANSACTIONS
from views.store import (
    AlertFilter,
    AlertPage,
    Health,
    Labelled,
    Place,
    Record,
    Scorecards,
    SpanError,
)

#: So often is a question put anew because the events it is about have changed meanwhile.
_TRIES = 10
_NOTHING = Cover(0, 0, ())
_PROFILES_S = 1.0


class RedisStore:
    """Answers from the read model of a namespace (see ``views.store.Store``); threads may share it.

    Attributes:
        cases: of the namespace.

    Args:
        settings: where Redis is, and the namespace.
    """

    def __init__(self, settings: Settings) -> None:
        self._model = RedisModel(settings)
        self.cases = Cases(self._model)
        self._alerts = RedisAlerts(self._model, self.cases)
        self._devices = RedisDevices(self._model)
        self._states: dict[str, State] = {}
        self._profiles: tuple[str, ...] = ()
        self._profiles_until = 0.0

    @property
    def live(self) -> bool:
        """More events come."""
        return True

    @property
    def scored(self) -> bool:
        """All events are."""
        return True

    def profiles(self) -> tuple[str, ...]:
        """See ``Store``. Known for a second: most requests name none, and mean the only one."""
        now = time.monotonic()
        if not self._profiles or now >= self._profiles_until:
            self._profiles_until = now + _PROFILES_S  # one asks; the others take what is known
            self._profiles = tuple(one for one in PROFILES if self._state(one).first_ms is not None)
        return self._profiles

    def revision(self, profile: str | None = None) -> str:
        """See ``Store``."""
        states = [self._state(one) for one in (PROFILES if profile is None else (profile,))]
        return "|".join(
            f"{one.serving}.{one.revision}.{one.forgotten}.{one.cases}" for one in states
        )

    def extent(self, profile: str) -> tuple[int, int] | None:
        """See ``Store``."""
        state = self._state(profile)
        if state.first_ms is None or state.last_ms is None:
            return None
        return state.first_ms, state.last_ms

    def totals(self, profile: str, span: Span) -> Counts:
        """See ``Store``."""
        covered, replies = self._sums(profile, _covered(span), hours_asked)
        return Counts(*hours_of(covered, replies)[1].sum(axis=0).tolist())

    def trend(self, profile: str, span: Span, bucket: Bucket) -> dict[int, Counts]:
        """See ``Store``."""
        covered, replies = self._sums(profile, _covered(span), hours_asked)
        hours, sums = hours_of(covered, replies)
        starts, firsts = np.unique(bucket_starts(hours * HOUR_MS, bucket), return_index=True)
        if not len(starts):
            return {}
        rows = np.add.reduceat(sums, firsts)
        return {
            start: Counts(*row) for start, row in zip(starts.tolist(), rows.tolist(), strict=True)
        }

    def by(self, profile: str, dimension: Dimension, span: Span) -> dict[str, Counts]:
        """See ``Store``."""
        covered, replies = self._sums(
            profile, _covered(span), lambda one: values_asked(one, dimension)
        )
        found = values_of(covered, dimension, replies)
        return {value: Counts(*sums) for value, sums in sorted(found.items()) if sums[TRANSACTIONS]}

    def devices(self, profile: str, span: Span, limit: int) -> list[DeviceCounts]:
        """See ``Store``; a span without a beginning starts at the horizon.

        Raises:
            SpanError: it begins before the horizon.
        """
        covered, replies = self._sums(
            profile, _of_records(span), lambda one: values_asked(one, Dimension.DEVICE)
        )
        sums = values_of(covered, Dimension.DEVICE, replies)
        flagged = [device for device, one in sums.items() if one[ALERTS] or one[FRAUD]]
        within = Span(
            max(span.from_ms or 0, self._states[profile].horizon_ms), span.to_ms
        )  # that of the sums
        top = nsmallest(limit, flagged, lambda one: (-sums[one][ALERTS], -sums[one][FRAUD], one))
        users: dict[str, set[str]] = {device: set() for device in top}
        mine = {device: [0] * COUNTERS for device in top}
        for device, _, kept in self._devices.events(profile, top, within):
            users[device].add(known(kept.user_id))
            add(mine[device], kept)
        return [DeviceCounts(one, len(users[one]), Counts(*mine[one])) for one in top]

    def scorecards(self, profile: str, span: Span) -> Scorecards:
        """See ``Store``; events that were counted before versions were are in none."""
        return scorecards_of(self._model, profile, span)

    def outcomes(self, profile: str) -> Mapping[str, int]:
        """See ``Store``; the read model made anew counts anew."""
        return self._state(profile).outcomes

    def alerts(
        self, profile: str, span: Span, wanted: AlertFilter, after: Place | None, limit: int
    ) -> AlertPage:
        """See ``Store``; those before the horizon are not kept."""
        return self._alerts.page(profile, span, wanted, after, limit)

    def alert(self, profile: str, event_id: str) -> Mapping[str, Any] | None:
        """See ``Store``."""
        return self._alerts.one(profile, event_id)

    def scored_ids(self, profile: str, event_ids: Sequence[str]) -> frozenset[str]:
        """See ``Store``."""
        state, found = self._model.ask(profile, [find(one) for one in event_ids])
        kept = zip(event_ids, (None if one is None else unpack(one) for one in found), strict=True)
        return frozenset(
            event_id
            for event_id, one in kept
            if one is not None and one.time_ms is not None and one.time_ms >= state.horizon_ms
        )

    def said(self, profile: str, event_id: str) -> list[Labelled]:
        """See ``Store``."""
        state, (event,) = self._model.ask(profile, [find(event_id)])
        kept = None if event is None else unpack(event)
        if kept is None or kept.hour * HOUR_MS < state.horizon_ms:
            return []
        return [Labelled(one.labelled_ms, one.label, one.source) for one in reversed(kept.said)]

    def on_device(
        self, profile: str, device_id: str, before: Place | None, limit: int
    ) -> list[Record]:
        """See ``Store``."""
        span = Span(self._state(profile).horizon_ms)
        events = self._devices.events(profile, [device_id], span, before, most=limit)
        return [kept.record(event_id) for _, event_id, kept in islice(events, limit)]

    def health(self) -> Health:
        """See ``Store``."""
        try:
            beats = heartbeat.read_beats(self._model.beats())
            states = [self._state(profile) for profile in PROFILES]
        except StateError as error:
            return Health(False, str(error))
        return heartbeat.health_of(
            beats, [one.complete_from_ms for one in states if one.first_ms is not None]
        )

    def counted(self, profile: str) -> Mapping[str, int]:
        """How many messages were applied, repeated, unmatched (``views.readmodel.projection``)."""
        return self._state(profile).counted

    def close(self) -> None:
        """Give up all connections."""
        self._model.close()

    def _state(self, profile: str) -> State:
        self._states[profile] = self._model.ask(profile)[0]
        return self._states[profile]

    def _sums(
        self,
        profile: str,
        covered: Callable[[State], Cover],
        asked: Callable[[Cover], list[Command]],
    ) -> tuple[Cover, list[Any]]:
        """What a span is made of, and the replies about it; both of one moment.

        What it is made of hangs on the state, which is known from the question before; where that
        has changed, the question is put anew.
        """
        state = self._states.get(profile) or self._state(profile)
        for _ in range(_TRIES):
            made_of = _NOTHING if state.first_ms is None else covered(state)
            now, replies = self._model.ask(profile, asked(made_of))
            self._states[profile] = now
            if _frame(now) == _frame(state):
                break
            state = now
        return made_of, replies


def _frame(state: State) -> tuple[Any, ...]:
    """What the parts of a span hang on."""
    return state.serving, state.first_ms, state.last_ms, state.horizon_ms


def _covered(span: Span) -> Callable[[State], Cover]:
    def covered(state: State) -> Cover:
        if span.is_empty or state.first_ms is None or state.last_ms is None:
            return _NOTHING
        return cover(span, state.first_ms, state.last_ms, state.horizon_ms)

    return covered


def _of_records(span: Span) -> Callable[[State], Cover]:
    """As ``_covered``, only as far back as there are records."""

    def covered(state: State) -> Cover:
        if state.first_ms is None or state.first_ms >= state.horizon_ms or span.is_empty:
            return _covered(span)(state)
        if span.from_ms is not None and span.from_ms < state.horizon_ms:
            raise SpanError(
                f"devices are kept from {iso_time(state.horizon_ms)} on "
                f"(FRAUDSTREAM_VIEWS_DAYS): ask from then, not from {iso_time(span.from_ms)}"
            )
        return _covered(Span(span.from_ms or state.horizon_ms, span.to_ms))(state)

    return covered
