"""What messages change in a profile's read model; no Redis here.

An event counts once, with its first score; its label is the one with the latest ``labelled_at``, of
those with the same the one that came last. Its latest ``MOST_SAID`` labels are remembered. A label
may come before its score: then it waits. The first alert of an event is kept.

Of an event there is a record as long as its time is not more than so many days before the newest
event's, to the whole hour (the horizon). Only with a record a repeat can be told from a new event,
and a label find what it belongs to. So a score or an alert from before the horizon, and a label
that waited in vain until the horizon had passed the time at which it was given, change nothing and
are counted as unmatched. What was counted before stays counted.

Whatever way messages are cut into batches, the result is the same. While old messages are caught up
with, the horizon stays where it is: those of one partition may be far ahead of another's.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from msgspec import Raw, structs

from core.names import DAY_MS, Decision
from views.periods import HOUR_MS
from views.readmodel.incoming import AlertSeen, Incoming, LabelSeen, ScoreSeen, milliseconds
from views.readmodel.layout import (
    MOST_SAID,
    MOST_SOURCE,
    NO_LABEL,
    Facets,
    Kept,
    Said,
    alert_member,
    alerts_key,
    device_entry,
    first_hour_of,
    index_entry,
    member,
    month_of_day,
    pack,
    pack_alert,
)
from views.readmodel.scripts import Command, binary
from views.readmodel.tallies import Tallies
from views.scorecard import MOST_WEIGHT
from views.store import Place

_Arguments: TypeAlias = list[str | int | Raw]
_DECISION = {decision.value: number for number, decision in enumerate(Decision)}


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Users whose past is not to come back.

    Attributes:
        salt: what they are hashed with.
        moments: digest → when they were forgotten; what happened before is theirs no more.
    """

    salt: bytes = b""
    moments: Mapping[bytes, int] = field(default_factory=dict)

    def has(self, user_id: str | None, time_ms: int) -> bool:
        """Whether an event is one of a forgotten user's past."""
        if not self.moments or user_id is None:
            return False
        return time_ms <= self.moments.get(digest(self.salt, user_id), -1)


def digest(salt: bytes, user_id: str) -> bytes:
    """What stands for a forgotten user."""
    return hashlib.blake2b(user_id.encode(), key=salt, digest_size=20).digest()


@dataclass(frozen=True, slots=True)
class Known:
    """What the read model knew of a batch's events before it.

    Attributes:
        first_ms, last_ms, horizon_ms: as in ``views.readmodel.redis_model.State``.
        records: event id → its record, of those that have one.
        alerts: ids of events whose alert is kept.
        forgotten: users.
    """

    first_ms: int | None
    last_ms: int | None
    horizon_ms: int
    records: Mapping[str, Kept]
    alerts: frozenset[str]
    forgotten: Forgotten


class Projection:
    """Takes messages in, one after another.

    Args:
        known: what was known before.
        days: how long records are kept; None: for now, the horizon stays where it is.
    """

    def __init__(self, known: Known, days: int | None) -> None:
        self._known = known
        self._days_ms = None if days is None else days * DAY_MS
        self._first = known.first_ms
        self._last = known.last_ms
        self._horizon = known.horizon_ms
        self._move_horizon()
        self._records: dict[str, Kept] = {}
        self._alerts: dict[str, tuple[int, AlertSeen, bytes]] = {}
        self._dropped: list[tuple[str, Kept]] = []
        self._tallies = Tallies()
        #: How many messages were applied, repeated, and of which kind were unmatched.
        self.counted: Counter[str] = Counter()

    def take(self, message: Incoming) -> None:
        """Take one message in."""
        seen = message.seen
        if type(seen) is ScoreSeen:
            kind = self._score(seen)
        elif type(seen) is LabelSeen:
            kind = self._label(seen)
        else:
            assert type(seen) is AlertSeen  # noqa: S101 - there is no other kind
            kind = self._alert(seen, message.raw)
        self.counted[kind] += 1

    @property
    def changes(self) -> bool:
        """Whether any answer changes."""
        return bool(self._records or self._alerts or self._dropped)

    def commands(self) -> list[Command]:
        """What carries the changes out (``views.readmodel.scripts.APPLY``)."""
        return [
            *self._drops(),
            *self._record_writes(),
            *self._alert_writes(),
            *self._tallies.commands(),
            *self._state_writes(),
        ]

    def _score(self, seen: ScoreSeen) -> str:
        event_id = seen.event_id
        kept = self._record(event_id)
        if kept is not None and self._is_alive(kept) and kept.time_ms is not None:
            return "repeated"
        time_ms = milliseconds(seen.event_time)
        if self._last is None or time_ms > self._last:
            self._last = time_ms
            self._move_horizon()
        if time_ms < self._horizon:
            return "unmatched:score"
        if self._first is None or time_ms < self._first:
            self._first = time_ms
        label, labelled_ms = NO_LABEL, 0
        said: tuple[Said, ...] = ()
        if kept is not None:
            self._drop(event_id, kept)
            if kept.time_ms is None and self._is_alive(kept):
                label, labelled_ms, said = kept.label, kept.labelled_ms, kept.said
        age = seen.age
        gone = self._known.forgotten.has(seen.user_id, time_ms)
        new = Kept(
            time_ms=time_ms,
            label=label,
            labelled_ms=labelled_ms,
            amount=seen.units,
            decision=_DECISION[seen.decision],
            score=seen.score,
            age=int(age) if age is not None and age == int(age) else age,
            country=seen.country,
            browser=seen.browser,
            source=seen.source,
            sex=seen.sex,
            user_id=None if gone else seen.user_id,
            device_id=None if gone else seen.device_id,
            version=None if seen.model is None else seen.model.version,
            control=seen.control,
            weight=1 if seen.control_weight is None else min(seen.control_weight, MOST_WEIGHT),
            said=said,
        )
        self._records[event_id] = new
        self._tallies.event(new)
        return "applied"

    def _move_horizon(self) -> None:
        if self._days_ms is not None and self._last is not None:
            horizon = (self._last - self._days_ms) // HOUR_MS * HOUR_MS
            self._horizon = max(self._horizon, horizon)

    def _label(self, seen: LabelSeen) -> str:
        event_id = seen.event_id
        labelled_ms = milliseconds(seen.labelled_at)
        kept = self._record(event_id)
        if kept is None or not self._is_alive(kept):
            if labelled_ms < self._horizon:
                return "unmatched:label"
            if kept is not None:
                self._drop(event_id, kept)
            self._records[event_id] = Kept(None, seen.label, labelled_ms, said=_said((), seen))
            return "applied"
        said = _said(kept.said, seen)
        if kept.label != NO_LABEL and (
            labelled_ms < kept.labelled_ms
            or (labelled_ms, seen.label) == (kept.labelled_ms, kept.label)
        ):
            if said != kept.said:
                self._records[event_id] = structs.replace(kept, said=said)
            return "repeated"
        new = structs.replace(kept, label=seen.label, labelled_ms=labelled_ms, said=said)
        if kept.time_ms is None:
            self._drop(event_id, kept)
        else:
            self._tallies.label(kept, new)
        self._records[event_id] = new
        return "applied"

    def _alert(self, seen: AlertSeen, raw: bytes) -> str:
        time_ms = milliseconds(seen.event_time)
        if time_ms < self._horizon:
            return "unmatched:alert"
        if seen.event_id in self._alerts or seen.event_id in self._known.alerts:
            return "repeated"
        if self._known.forgotten.has(seen.user_id, time_ms):
            return "forgotten"
        self._alerts[seen.event_id] = (time_ms, seen, raw)
        return "applied"

    def _record(self, event_id: str) -> Kept | None:
        return self._records.get(event_id) or self._known.records.get(event_id)

    def _is_alive(self, kept: Kept) -> bool:
        """Whether the horizon has not passed it, be it still there or not."""
        return kept.hour * HOUR_MS >= self._horizon

    def _drop(self, event_id: str, kept: Kept) -> None:
        """Let another record take the place of one."""
        if self._known.records.get(event_id) is kept:
            self._dropped.append((event_id, kept))
        if kept.time_ms is None and not self._is_alive(kept):
            self.counted["unmatched:label"] += 1

    def _drops(self) -> list[Command]:
        found: list[Command] = []
        for event_id, kept in self._dropped:
            found.append(("HDEL", f"r:{kept.hour}", event_id))
            if kept.device_id is not None and kept.time_ms is not None:
                found.append(device_removal(event_id, kept))
        return found

    def _record_writes(self) -> list[Command]:
        records: dict[int, _Arguments] = {}
        index: _Arguments = []
        devices: _Arguments = []
        for event_id, kept in self._records.items():
            hour = kept.hour
            records.setdefault(hour, []).extend((event_id, binary(pack(kept))))
            before = self._known.records.get(event_id)
            if before is None or before.hour != hour or before.time_ms is None:
                bucket, rest = index_entry(event_id)
                index += (f"i:{bucket}", binary(rest), hour)
                if kept.device_id is not None:
                    key, start = device_entry(kept.device_id)
                    place = Place(kept.time_ms or 0, event_id)
                    devices += (key, 0, binary(start + member(place)))
        return [
            *(("HSET", f"r:{hour}", *pairs) for hour, pairs in records.items()),
            ("EACH", "HSET", *index),
            ("EACH", "ZADD", *devices),
            *(("ZADD", "h", *periods_of(hour)) for hour in records),
        ]

    def _alert_writes(self) -> list[Command]:
        found: list[Command] = []
        for event_id, (time_ms, seen, raw) in self._alerts.items():
            facets = Facets(
                seen.severity, seen.decision, seen.country, seen.browser, seen.source,
                seen.device_id, seen.user_id,
            )  # fmt: skip
            entry = alert_member(Place(time_ms, event_id), facets)
            packed = binary(pack_alert(time_ms, raw))
            found.append(("HSET", alerts_key(event_id), event_id, packed))
            found.append(("ZADD", "x", 0, binary(entry)))
        return found

    def _state_writes(self) -> list[Command]:
        was = (self._known.first_ms, self._known.last_ms, self._known.horizon_ms)
        now = (self._first, self._last, self._horizon)
        changed: list[str | int] = []
        for name, before, after in zip(("first", "last", "horizon"), was, now, strict=True):
            if after is not None and after != before:
                changed += (name, after)
        counted: list[str | int] = []
        for kind, count in self.counted.items():
            counted += (f"n:{kind}", count)
        found: list[Command] = []
        if changed:
            found.append(("HSET", "m", *changed))
        if counted:
            found.append(("ADD", "m", *counted))
        return found


def _said(before: tuple[Said, ...], seen: LabelSeen) -> tuple[Said, ...]:
    """The labels of an event with another one: a set, so repeats and order make no difference."""
    new = Said(milliseconds(seen.labelled_at), seen.label, seen.source[:MOST_SOURCE])
    return before if new in before else tuple(sorted((*before, new))[-MOST_SAID:])


def periods_of(hour: int) -> list[str | int]:
    """End, in hours, and name of each period that an hour lies in."""
    day = hour // 24
    month = month_of_day(day)
    return [
        hour + 1, f"h:{hour}", 24 * (day + 1), f"d:{day}", first_hour_of(month + 1), f"m:{month}"
    ]  # fmt: skip


def device_removal(event_id: str, kept: Kept) -> Command:
    """What takes an event out of the index of its device."""
    key, start = device_entry(kept.device_id or "")
    return ("ZREM", key, binary(start + member(Place(kept.time_ms or 0, event_id))))


def project(messages: Sequence[Incoming], known: Known, days: int | None) -> Projection:
    """The changes that messages make, in their order."""
    projection = Projection(known, days)
    for message in messages:
        projection.take(message)
    return projection
