"""The events of a file as a store: everything in memory, nothing changes."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from core.names import DAY_MS, CaseState, Decision
from features.coded import Coded
from features.declared import UNKNOWN
from views import scorecard
from views.counts import Counts, DeviceCounts, Dimension, age_bands
from views.file.running_sums import GroupedSums, Ints, RunningSums
from views.periods import Bucket, Span, bucket_starts
from views.scorecard import days_of
from views.store import AlertFilter, AlertPage, Health, Labelled, Place, Record, Scorecards

Texts = Sequence[str | None]


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """n events of one profile in total order, each id once.

    Attributes:
        profile: of all of them.
        event_id: n.
        time_ms: milliseconds since 1970 UTC, shape (n,).
        amount: units of 10⁻⁴, shape (n,).
        texts: ``user_id``, ``device_id``, ``country``, ``browser``, ``source``, ``sex``, n each;
            None where missing.
        age: years, NaN where missing, shape (n,).
        label: 1 fraud, 0 not, −1 unknown, shape (n,).
        score, decision: n each; None without a model.
        alerts: messages of those that are not allowed, event id → JSON.
        version: of the model; empty without one.
    """

    profile: str
    event_id: Sequence[str]
    time_ms: NDArray[np.int64]
    amount: NDArray[np.int64]
    texts: Mapping[str, Texts]
    age: NDArray[np.float64]
    label: NDArray[np.int8]
    score: NDArray[np.float32] | None
    decision: Sequence[str] | None
    alerts: Mapping[str, bytes]
    version: str = ""


_FIELDS = [one.name for one in fields(Counts)]
_ALERTS, _FRAUD = _FIELDS.index("alerts"), _FIELDS.index("fraud")


class FrameStore:
    """Answers from the events of one file (see ``views.store.Store``).

    Args:
        events: of it.
        name: tells this file and model from others.
    """

    def __init__(self, events: Events, name: str) -> None:
        self._events = events
        self._name = name
        fraud = events.label == 1
        alert = np.zeros(len(fraud), np.bool_)
        if events.decision is not None:
            alert = np.array([one != Decision.ALLOW for one in events.decision], np.bool_)
        labelled = events.label >= 0
        rows = np.column_stack(
            [
                np.ones(len(fraud), np.int64),
                alert,
                labelled,
                fraud,
                alert & labelled,
                alert & fraud,
                events.amount,
                np.where(alert, events.amount, 0),
                np.where(fraud, events.amount, 0),
            ]
        ).astype(np.int64)  # in the order of the fields of Counts
        self._sums = RunningSums(rows)
        self._cards: dict[int, Ints] | None = None
        self._by = {
            dimension: GroupedSums(_known(events.texts[column]), rows)
            for dimension, column in _COLUMNS.items()
        }
        self._by[Dimension.AGE] = GroupedSums(age_bands(events.age), rows)
        self._starts = {one: bucket_starts(events.time_ms, one) for one in Bucket}
        self._user = Coded(_known(events.texts["user_id"]).tolist()).code
        self._row = {event_id: row for row, event_id in enumerate(events.event_id)}
        #: Ascending, and so in total order.
        self._alert_rows = np.flatnonzero(alert)
        self._is_alert = alert
        self._flagged_rows = np.flatnonzero(alert | fraud)
        devices = self._by[Dimension.DEVICE].names
        self._no_device = devices.index(UNKNOWN) if UNKNOWN in devices else -1
        self._device = {device: code for code, device in enumerate(devices) if device != UNKNOWN}

    @property
    def live(self) -> bool:
        """A file does not grow."""
        return False

    @property
    def scored(self) -> bool:
        """Whether there was a model."""
        return self._events.decision is not None

    def profiles(self) -> tuple[str, ...]:
        """The one of the file."""
        return (self._events.profile,)

    def revision(self, profile: str | None = None) -> str:
        """Always the same."""
        return self._name

    def extent(self, profile: str) -> tuple[int, int] | None:
        """See ``Store``."""
        times = self._events.time_ms
        if profile != self._events.profile or not len(times):
            return None
        return int(times[0]), int(times[-1])

    def totals(self, profile: str, span: Span) -> Counts:
        """See ``Store``."""
        rows = self._slice(profile, span)
        return Counts(*self._sums.between(np.array(rows.start), np.array(rows.stop)).tolist())

    def trend(self, profile: str, span: Span, bucket: Bucket) -> dict[int, Counts]:
        """See ``Store``."""
        rows = self._slice(profile, span)
        starts = self._starts[bucket][rows]
        if not len(starts):
            return {}
        first = np.flatnonzero(np.diff(starts, prepend=starts[0] - 1))
        edges = rows.start + np.append(first, len(starts))
        sums = self._sums.between(edges[:-1], edges[1:]).tolist()
        return {
            start: Counts(*one) for start, one in zip(starts[first].tolist(), sums, strict=True)
        }

    def by(self, profile: str, dimension: Dimension, span: Span) -> dict[str, Counts]:
        """See ``Store``."""
        rows = self._slice(profile, span)
        grouped = self._by[dimension]
        sums = grouped.within(np.arange(len(grouped.names)), rows.start, rows.stop).tolist()
        return {name: Counts(*one) for name, one in zip(grouped.names, sums, strict=True) if one[0]}

    def devices(self, profile: str, span: Span, limit: int) -> list[DeviceCounts]:
        """See ``Store``."""
        rows = self._slice(profile, span)
        begin, end = np.searchsorted(self._flagged_rows, [rows.start, rows.stop])
        grouped = self._by[Dimension.DEVICE]
        codes = np.unique(grouped.code[self._flagged_rows[begin:end]])
        codes = codes[codes != self._no_device]
        sums = grouped.within(codes, rows.start, rows.stop)
        # Codes ascend as ids do.
        order = np.lexsort((codes, -sums[:, _FRAUD], -sums[:, _ALERTS]))[:limit]
        whose, which = grouped.all_rows(codes[order], rows.start, rows.stop)
        size = len(self._user) + 1
        pairs = np.unique(whose * size + self._user[which])
        users = np.bincount(pairs // size, minlength=len(order)).tolist()
        return [
            DeviceCounts(grouped.names[code], users[at], Counts(*one))
            for at, (code, one) in enumerate(
                zip(codes[order].tolist(), sums[order].tolist(), strict=True)
            )
        ]

    def scorecards(self, profile: str, span: Span) -> Scorecards:
        """See ``Store``."""
        first, last = days_of(span)
        extent = self.extent(profile)
        if extent is None or self._events.score is None:
            return Scorecards(None if extent is None else extent[1], {})
        if self._cards is None:
            self._cards = self._scored_days()
        version = self._events.version
        cards = {(day, version): card for day, card in self._cards.items() if first <= day < last}
        return Scorecards(extent[1], cards)

    def outcomes(self, profile: str) -> dict[str, int]:
        """See ``Store``."""
        if profile != self._events.profile or not self.scored:
            return {}
        return scorecard.named_outcomes(
            sum(self.scorecards(profile, Span()).cards.values(), scorecard.empty())
        )

    def alerts(
        self, profile: str, span: Span, wanted: AlertFilter, after: Place | None, limit: int
    ) -> AlertPage:
        """See ``Store``."""
        rows = self._slice(profile, span)
        stop = rows.stop if after is None else min(rows.stop, self._first_from(after))
        begin, end = np.searchsorted(self._alert_rows, [rows.start, stop])
        found: list[dict[str, Any]] = []
        for row in self._alert_rows[begin:end][::-1].tolist():
            alert = self._alert(row)
            label = -1 if alert["label"] is None else alert["label"]
            # Nobody works on the alerts of a file.
            is_wanted = wanted.label in {None, label} and wanted.state in {None, CaseState.NEW}
            if is_wanted and wanted.admits(alert.get):
                if len(found) == limit:
                    return AlertPage(found, self._place(self._row[found[-1]["event_id"]]))
                found.append(alert)
        return AlertPage(found, None)

    def alert(self, profile: str, event_id: str) -> Mapping[str, Any] | None:
        """See ``Store``."""
        known = profile == self._events.profile and event_id in self._events.alerts
        return self._alert(self._row[event_id]) if known else None

    def scored_ids(self, profile: str, event_ids: Sequence[str]) -> frozenset[str]:
        """See ``Store``."""
        known = self._row if profile == self._events.profile and self.scored else {}
        return frozenset(one for one in event_ids if one in known)

    def said(self, profile: str, event_id: str) -> list[Labelled]:
        """A file has no past of its labels."""
        return []

    def on_device(
        self, profile: str, device_id: str, before: Place | None, limit: int
    ) -> list[Record]:
        """See ``Store``."""
        code = self._device.get(device_id)
        if profile != self._events.profile or code is None:
            return []
        end = len(self._events.event_id) if before is None else self._first_from(before)
        rows = self._by[Dimension.DEVICE].rows(code, 0, end)
        return [self._record(row) for row in rows[::-1][:limit].tolist()]

    def health(self) -> Health:
        """Always well."""
        return Health(True)

    def _scored_days(self) -> dict[int, Ints]:
        """Day → its scorecard."""
        events = self._events
        assert events.score is not None and events.decision is not None  # noqa: S101, PT018
        blocked = np.array([one == Decision.BLOCK for one in events.decision], np.bool_)
        stratum = np.where(blocked, scorecard.Stratum.BLOCKED, scorecard.Stratum.OTHER)
        days, firsts = np.unique(events.time_ms // DAY_MS, return_index=True)
        ends = [*firsts[1:].tolist(), len(stratum)]
        return {
            day: scorecard.scorecard(
                self._is_alert[rows], stratum[rows].astype(np.int64), events.label[rows],
                events.score[rows], events.amount[rows],
            )
            for day, rows in zip(days.tolist(), map(slice, firsts.tolist(), ends), strict=True)
        }  # fmt: skip

    def _slice(self, profile: str, span: Span) -> slice:
        """The rows of a span."""
        times = self._events.time_ms
        if profile != self._events.profile or span.is_empty:
            return slice(0, 0)
        begin = 0 if span.from_ms is None else int(np.searchsorted(times, span.from_ms))
        end = len(times) if span.to_ms is None else int(np.searchsorted(times, span.to_ms))
        return slice(begin, end)

    def _first_from(self, place: Place) -> int:
        """Row of the first event that does not stand before a place."""
        return bisect.bisect_left(range(len(self._events.event_id)), place, key=self._place)

    def _place(self, row: int) -> Place:
        return Place(int(self._events.time_ms[row]), self._events.event_id[row])

    def _alert(self, row: int) -> dict[str, Any]:
        alert: dict[str, Any] = orjson.loads(self._events.alerts[self._events.event_id[row]])
        alert["label"] = self._label(row)
        alert["case"] = None
        return alert

    def _label(self, row: int) -> int | None:
        label = int(self._events.label[row])
        return None if label < 0 else label

    def _record(self, row: int) -> Record:
        events = self._events
        age = float(events.age[row])
        return Record(
            place=self._place(row),
            **{name: events.texts[name][row] for name in _TEXTS},
            age=None if np.isnan(age) else age,
            amount=int(events.amount[row]),
            decision=None if events.decision is None else str(events.decision[row]),
            score=None if events.score is None else float(events.score[row]),
            label=self._label(row),
        )


_COLUMNS = {
    Dimension.COUNTRY: "country",
    Dimension.BROWSER: "browser",
    Dimension.SOURCE: "source",
    Dimension.SEX: "sex",
    Dimension.DEVICE: "device_id",
}
_TEXTS = ("user_id", "device_id", "country", "browser", "source", "sex")


def _known(texts: Texts) -> NDArray[np.object_]:
    return np.array([UNKNOWN if text is None else text for text in texts], object)
