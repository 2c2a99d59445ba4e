"""What the page asks a store, for one query: masked, ranked, and counted as the page shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from core.names import DAY_MS
from views.counts import Counts, DeviceCounts, Dimension
from views.live_performance import Performance, mature_days, performance
from views.masking import Masking
from views.page.query import Query, bucket_of, period_of
from views.periods import Bucket, Span
from views.store import AlertPage, Labelled, Place, Record, Store

#: Devices among which a masked id is looked for.
_LOOKED_THROUGH = 5_000


class View:
    """A store as the page sees it.

    Args:
        store: answers.
        masking: of ids, on the way out.
    """

    def __init__(self, store: Store, masking: Masking) -> None:
        self.store = store
        self.masking = masking

    def extent(self, profile: str) -> tuple[int, int] | None:
        """Times of the first and the last event."""
        return self.store.extent(profile)

    def ranked(self, query: Query, dimension: Dimension) -> list[tuple[str, Counts]]:
        """Values by alerts, then transactions (most first), then name."""
        span = period_of(query, self.extent(query.profile)).span
        found = self.store.by(query.profile, dimension, span)
        return sorted(found.items(), key=lambda one: (-one[1].alerts, -one[1].transactions, one[0]))

    def devices(self, query: Query, limit: int) -> list[DeviceCounts]:
        """Those with the most alerts."""
        span = period_of(query, self.extent(query.profile)).span
        found = self.store.devices(query.profile, span, limit)
        return [self.masking.device(one) for one in found]

    def alerts(self, query: Query, after: Place | None, limit: int) -> AlertPage:
        """Alerts of the period that the query wants."""
        span = period_of(query, self.extent(query.profile)).span
        wanted = query.wanted
        if wanted.device_id is not None and self.masking.on:
            wanted = replace(wanted, device_id=self._unmasked(query, wanted.device_id))
        page = self.store.alerts(query.profile, span, wanted, after, limit)
        return replace(page, alerts=[self.masking.message(one) for one in page.alerts])

    def alert(self, query: Query) -> tuple[dict[str, Any], list[Record], list[Labelled]] | None:
        """The alert that the query opens, what came before it on its device, and its labels.

        Returns:
            None: there is no such alert.
        """
        from views.page.drawer import EARLIER_MOST

        found = self.store.alert(query.profile, query.alert)
        if found is None:
            return None
        device = found.get("device_id")
        place = Place(_time_of(found), str(found["event_id"]))
        earlier: list[Record] = []
        if device is not None:
            earlier = self.store.on_device(query.profile, str(device), place, EARLIER_MOST)
        labels = self.store.said(query.profile, query.alert)
        return self.masking.message(found), [self.masking.record(one) for one in earlier], labels

    def performance(self, query: Query) -> tuple[Performance, Bucket]:
        """How good the alerts of the days of the period were, and the length of the steps."""
        period = period_of(query, self.extent(query.profile))
        begin, end = period.span.from_ms, period.span.to_ms
        days = Span(
            None if begin is None else begin // DAY_MS * DAY_MS,
            None if end is None else -(-end // DAY_MS) * DAY_MS,
        )
        bucket = max(bucket_of(query, period)[0], Bucket.DAY, key=list(Bucket).index)
        mature = mature_days(live=self.store.live)
        return performance(self.store.scorecards(query.profile, days), mature, bucket), bucket

    def counted(self, counts: Counts) -> dict[str, int | None]:
        """The numbers of a row; alerts are None where nobody has scored."""
        return {
            "transactions": counts.transactions,
            "alerts": counts.alerts if self.store.scored else None,
            "labelled": counts.labelled,
            "fraud": counts.fraud,
        }

    def _unmasked(self, query: Query, masked: str) -> str:
        """The device behind a masked id; the id itself, which no event has, where there is none."""
        span = period_of(query, self.extent(query.profile)).span
        for one in self.store.devices(query.profile, span, _LOOKED_THROUGH):
            if self.masking.id(one.device_id) == masked:
                return one.device_id
        return masked


def _time_of(alert: Mapping[str, Any]) -> int:
    from datetime import datetime

    return round(datetime.fromisoformat(str(alert["event_time"])).timestamp() * 1000)
