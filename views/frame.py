"""The events of a file as a store: everything in memory, nothing changes."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import orjson
import pandas as pd
from numpy.typing import NDArray

from core.names import Decision
from features.declared import UNKNOWN
from views.counts import Counts, DeviceCounts, Dimension, age_bands
from views.periods import Bucket, Span, bucket_starts
from views.store import AlertFilter, AlertPage, Health, Place, Record

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
        self._sums = pd.DataFrame(
            {
                "transactions": 1,
                "alerts": alert,
                "labelled": labelled,
                "fraud": fraud,
                "labelled_alerts": alert & labelled,
                "caught": alert & fraud,
                "amount": events.amount,
                "alert_amount": np.where(alert, events.amount, 0),
                "fraud_amount": np.where(fraud, events.amount, 0),
            },
            index=range(len(fraud)),
            dtype=np.int64,
        )
        self._values = {
            dimension: _known(events.texts[column]) for dimension, column in _COLUMNS.items()
        }
        self._values[Dimension.AGE] = pd.Categorical(age_bands(events.age))
        self._is_flagged = alert | fraud
        self._user = _known(events.texts["user_id"])
        self._row = {event_id: row for row, event_id in enumerate(events.event_id)}
        #: Rows of alerts and of each device's events, ascending, and so in total order.
        self._alert_rows = np.flatnonzero(alert)
        devices = self._values[Dimension.DEVICE]
        self._rows_of = {
            str(device): np.sort(rows)
            for device, rows in pd.Series(devices).groupby(devices, observed=True).indices.items()
        }

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

    def revision(self) -> str:
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
        return Counts(*self._sums.iloc[self._slice(profile, span)].sum().tolist())

    def trend(self, profile: str, span: Span, bucket: Bucket) -> dict[int, Counts]:
        """See ``Store``."""
        rows = self._slice(profile, span)
        starts = pd.Series(bucket_starts(self._events.time_ms[rows], bucket))
        return dict(_grouped(self._sums.iloc[rows], starts))

    def by(self, profile: str, dimension: Dimension, span: Span) -> dict[str, Counts]:
        """See ``Store``."""
        rows = self._slice(profile, span)
        return dict(_grouped(self._sums.iloc[rows], pd.Series(self._values[dimension][rows])))

    def devices(self, profile: str, span: Span, limit: int) -> list[DeviceCounts]:
        """See ``Store``."""
        rows = self._slice(profile, span)
        devices = pd.Series(self._values[Dimension.DEVICE][rows])
        flagged = self._is_flagged[rows] & (devices != UNKNOWN).to_numpy()
        # Most devices have neither: only those that have are summed.
        mine = devices.isin(devices[flagged].unique()).to_numpy()
        sums = dict(_grouped(self._sums.iloc[rows][mine], devices[mine].reset_index(drop=True)))
        users = pd.Series(self._user[rows][mine]).groupby(devices[mine].to_numpy()).nunique()
        ranked = sorted(sums, key=lambda one: (-sums[one].alerts, -sums[one].fraud, one))
        return [DeviceCounts(one, int(users[one]), sums[one]) for one in ranked[:limit]]

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
            if is_wanted(alert, wanted):
                if len(found) == limit:
                    return AlertPage(found, self._place(self._row[found[-1]["event_id"]]))
                found.append(alert)
        return AlertPage(found, None)

    def alert(self, profile: str, event_id: str) -> Mapping[str, Any] | None:
        """See ``Store``."""
        known = profile == self._events.profile and event_id in self._events.alerts
        return self._alert(self._row[event_id]) if known else None

    def on_device(
        self, profile: str, device_id: str, before: Place | None, limit: int
    ) -> list[Record]:
        """See ``Store``."""
        nobody = device_id == UNKNOWN or device_id not in self._rows_of
        if profile != self._events.profile or nobody:
            return []
        rows = self._rows_of[device_id]
        if before is not None:
            rows = rows[: np.searchsorted(rows, self._first_from(before))]
        return [self._record(row) for row in rows[::-1][:limit].tolist()]

    def health(self) -> Health:
        """Always well."""
        return Health(True)

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


def is_wanted(alert: Mapping[str, Any], wanted: AlertFilter) -> bool:
    """Whether a filter lets an alert (a message with ``label``) through."""
    for name, value in asdict(wanted).items():
        if value is None:
            continue
        has = alert.get(name)
        if name == "label":
            has = -1 if has is None else has
        elif has is None:
            has = UNKNOWN
        if has != value:
            return False
    return True


def _known(texts: Texts) -> Any:
    return pd.Categorical([UNKNOWN if text is None else text for text in texts])


def _grouped(sums: pd.DataFrame, keys: pd.Series[Any]) -> Iterator[tuple[Any, Counts]]:
    """Sums of the rows of each key, in the order of the keys."""
    found = sums.groupby(keys.to_numpy(), observed=True).sum()
    for key, row in zip(found.index.tolist(), found.to_numpy().tolist(), strict=True):
        yield key, Counts(*row)
