"""What API and page ask, whoever answers: the read model in Redis, or a file in memory.

Every answer is exact. An event counts once, with its first outcome; its label is the latest. Texts
are as they came, missing ones are ``unknown``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import FraudstreamError
from core.names import CaseState
from features.declared import UNKNOWN
from views.counts import Counts, DeviceCounts, Dimension
from views.periods import Bucket, Span


class SpanError(FraudstreamError):
    """A span that cannot be answered exactly; says which one could be."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where an event stands in the total order."""

    time_ms: int
    event_id: str


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts are wanted; None: whatever it is.

    Attributes:
        severity, decision, country, browser, source, device_id, user_id: as in the alert
            (``unknown`` for missing ones).
        label: 1 fraud, 0 not, −1 without a label.
        state: of its case.
    """

    severity: str | None = None
    decision: str | None = None
    country: str | None = None
    browser: str | None = None
    source: str | None = None
    device_id: str | None = None
    user_id: str | None = None
    label: int | None = None
    state: CaseState | None = None

    def admits(self, value_of: Callable[[str], str | None]) -> bool:
        """Whether an alert passes, whatever its label and its case.

        Args:
            value_of: name of an attribute here → the alert's value, None where missing.
        """
        for name in _FILTERED:
            wanted = getattr(self, name)
            if wanted is not None and wanted != (
                UNKNOWN if (has := value_of(name)) is None else has
            ):
                return False
        return True


_FILTERED = tuple(one.name for one in fields(AlertFilter) if one.name not in {"label", "state"})


@dataclass(frozen=True, slots=True)
class AlertPage:
    """Some alerts, the latest event first.

    Attributes:
        alerts: messages as on ``fraud-alerts``, each with ``label`` (0, 1 or None) and ``case``
            (``views.case.Case.fields``; None where there are no cases) added.
        next: where the next page begins (behind this place); None: there is none.
    """

    alerts: Sequence[Mapping[str, Any]]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of an event.

    Attributes:
        place: in the total order.
        user_id: user or card.
        device_id, country, browser, source, sex: as they came, None where missing.
        age: years.
        amount: in units of 10⁻⁴.
        decision: ``core.names.Decision``, None where nobody has decided.
        score: None where nobody has scored.
        label: 0, 1 or None.
    """

    place: Place
    user_id: str | None
    device_id: str | None
    country: str | None
    browser: str | None
    source: str | None
    sex: str | None
    age: float | None
    amount: int
    decision: str | None
    score: float | None
    label: int | None


@dataclass(frozen=True, slots=True)
class Labelled:
    """One of the labels of an event.

    Attributes:
        labelled_ms: when it became known, milliseconds since 1970.
        label: 1 fraud, 0 not.
        source: who says so; its first 64 characters.
    """

    labelled_ms: int
    label: int
    source: str


@dataclass(frozen=True, slots=True, eq=False)
class Scorecards:
    """How alerts and labels agree, by day and model version.

    Attributes:
        last_ms: time of the newest event, whatever the span; None: there is none.
        cards: (day from 1970, version) → ``views.scorecard``, shape (``SIZE``,), ascending.
    """

    last_ms: int | None
    cards: Mapping[tuple[int, str], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Health:
    """How the store does.

    Attributes:
        ready: whether it answers.
        detail: what keeps it from being ready or complete, for people; empty when all is well.
        complete_from_ms: everything that happened since then is in it; None: everything.
        lag: messages not yet taken in; None where there is no stream.
    """

    ready: bool
    detail: str = ""
    complete_from_ms: int | None = None
    lag: int | None = None


class Store(Protocol):
    """Answers about the events of each profile.

    Methods raise ``StateError`` where the store cannot be reached, and ``SpanError`` where a span
    cannot be answered exactly.
    """

    @property
    def live(self) -> bool:
        """Whether more events may come."""

    @property
    def scored(self) -> bool:
        """Whether alerts are known; without a model they are not."""

    def profiles(self) -> tuple[str, ...]:
        """Those that there are events of."""

    def revision(self, profile: str | None = None) -> str:
        """Another text whenever an answer may have changed: about a profile, or about any."""

    def extent(self, profile: str) -> tuple[int, int] | None:
        """Event times of the first and the last event, milliseconds since 1970; None: no events."""

    def totals(self, profile: str, span: Span) -> Counts:
        """Of all events in a span."""

    def trend(self, profile: str, span: Span, bucket: Bucket) -> Mapping[int, Counts]:
        """Bucket beginning → counts, ascending, for the buckets that have events in the span."""

    def by(self, profile: str, dimension: Dimension, span: Span) -> Mapping[str, Counts]:
        """Value → counts, for the values that have events; not for devices."""

    def devices(self, profile: str, span: Span, limit: int) -> list[DeviceCounts]:
        """Devices with alerts or fraud, by alerts, then fraud (most first), then id (ascending)."""

    def scorecards(self, profile: str, span: Span) -> Scorecards:
        """Of the whole days of a span.

        Raises:
            SpanError: it begins or ends within a day.
        """

    def outcomes(self, profile: str) -> Mapping[str, int]:
        """``tp``, ``fp``, ``fn``, ``tn`` → how many labels ever made an event that.

        A label that corrects another counts again, so no number ever falls.
        """

    def alerts(
        self, profile: str, span: Span, wanted: AlertFilter, after: Place | None, limit: int
    ) -> AlertPage:
        """Alerts by (event time, event id), the latest first, behind a place."""

    def alert(self, profile: str, event_id: str) -> Mapping[str, Any] | None:
        """One alert, as in ``AlertPage``."""

    def scored_ids(self, profile: str, event_ids: Sequence[str]) -> frozenset[str]:
        """Those of some events that have a score and are still remembered."""

    def said(self, profile: str, event_id: str) -> list[Labelled]:
        """The latest ten labels of an event, the latest first; none where their past is unknown."""

    def on_device(
        self, profile: str, device_id: str, before: Place | None, limit: int
    ) -> list[Record]:
        """Events of a device before a place, the latest first."""

    def health(self) -> Health:
        """How the store does; raises nothing."""
