"""The tables of the page as CSV, for the same query string as the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from features.iso_times import iso_time
from views.api.csv_answers import as_csv
from views.api.performance_fields import COLUMNS, fields_of, flat
from views.counts import Counts, Dimension
from views.page.figure_people import age_groups, sex_groups
from views.page.figure_trend import filled
from views.page.query import Query, bucket_of, period_of
from views.page.view import View
from views.store import Place

COUNTS = ("transactions", "alerts", "labelled", "fraud")
_PAGE = 1_000
_ALERT_COLUMNS = (
    "event_time",
    "event_id",
    "severity",
    "decision",
    "score",
    "threshold",
    "amount",
    "user_id",
    "device_id",
    "ip_address",
    "country",
    "browser",
    "source",
    "label",
    "state",
    "reason",
)
_DEVICES_MOST = 1_000

Rows = Iterator[bytes]


def _trend(view: View, query: Query) -> Rows:
    period = period_of(query, view.extent(query.profile))
    if period.from_ms is None or period.to_ms is None:
        yield as_csv([], ("bucket", *COUNTS))
        return
    bucket, _ = bucket_of(query, period)
    trend = view.store.trend(query.profile, period.span, bucket)
    points = filled(trend, period.from_ms, period.to_ms, bucket)
    rows = [{"bucket": iso_time(start), **view.counted(counts)} for start, counts in points]
    yield as_csv(rows, ("bucket", *COUNTS))


def _by(dimension: Dimension) -> Callable[[View, Query], Rows]:
    def rows(view: View, query: Query) -> Rows:
        found = view.ranked(query, dimension)
        yield as_csv(
            [{dimension.value: value, **view.counted(counts)} for value, counts in found],
            (dimension.value, *COUNTS),
        )

    return rows


def _people(view: View, query: Query) -> Rows:
    span = period_of(query, view.extent(query.profile)).span
    groups: list[tuple[str, str, Counts]] = []
    for dimension, ordered in ((Dimension.AGE, age_groups), (Dimension.SEX, sex_groups)):
        by = view.store.by(query.profile, dimension, span)
        groups += [(dimension.value, name, counts) for name, counts in ordered(by)]
    rows = [{"by": by, "group": name, **view.counted(counts)} for by, name, counts in groups]
    yield as_csv(rows, ("by", "group", *COUNTS))


def _devices(view: View, query: Query) -> Rows:
    found = view.devices(query, _DEVICES_MOST)
    rows = [
        {"device": one.device_id, "users": one.users, **view.counted(one.counts)} for one in found
    ]
    yield as_csv(rows, ("device", "users", *COUNTS))


def _alerts(view: View, query: Query) -> Rows:
    after: Place | None = None
    yield as_csv([], _ALERT_COLUMNS)
    while True:
        page = view.alerts(query, after, _PAGE)
        if page.alerts:
            body = as_csv([_alert_row(one) for one in page.alerts], _ALERT_COLUMNS)
            yield body.split(b"\n", 1)[1]
        if page.next is None:
            return
        after = page.next


def _performance(view: View, query: Query) -> Rows:
    found, _ = view.performance(query)
    yield as_csv(flat(fields_of(found)), COLUMNS)


def _alert_row(alert: Mapping[str, Any]) -> dict[str, Any]:
    reasons = alert.get("reasons") or []
    state = (alert.get("case") or {}).get("state")
    return {**alert, "state": state, "reason": reasons[0]["text"] if reasons else ""}


#: Name of a table → its rows as CSV, the header first.
TABLES: Mapping[str, Callable[[View, Query], Rows]] = {
    "trend": _trend,
    "countries": _by(Dimension.COUNTRY),
    "browsers": _by(Dimension.BROWSER),
    "sources": _by(Dimension.SOURCE),
    "people": _people,
    "devices": _devices,
    "alerts": _alerts,
    "performance": _performance,
}


def table_names() -> Sequence[str]:
    """Those that can be had."""
    return tuple(TABLES)
