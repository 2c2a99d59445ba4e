"""What the page shows for one query, as nodes and figures."""

from __future__ import annotations

from typing import Any

from dash import html

from features.declared import UNKNOWN
from views.counts import Counts, Dimension
from views.page import drawer, feed, text
from views.page.figure_look import Figure, nothing
from views.page.figure_map import map_figure
from views.page.figure_people import age_groups, people_figure, sex_groups
from views.page.figure_performance import performance_figure, performance_table
from views.page.figure_trend import filled, trend_figure
from views.page.key_figures import cards, key_figures
from views.page.markup import plain
from views.page.performance_card import note as performance_note
from views.page.performance_card import summary as performance_summary
from views.page.query import Period, Query, bucket_of, period_of
from views.page.tables import bar_table, chart_table
from views.page.view import View

DEVICES, COUNTRIES, BROWSERS = 10, 12, 8
_OFFERED = 40
#: ``places``: id → what stands there; ``charts``: id → figure; and more that assets/page.js reads.
Shown = dict[str, Any]
_NOTHING_HERE = "no transactions in this period"
_NO_PEOPLE = "no transaction in this period says age or sex"


class Content:
    """Makes what callbacks return.

    Args:
        view: answers.
        currency: of amounts, or "".
    """

    def __init__(self, view: View, currency: str) -> None:
        self._view = view
        self._currency = currency

    def overview(self, query: Query) -> Shown:
        """Key figures and trend, and what there is to say of the whole."""
        store = self._view.store
        period = self._period(query)
        now = store.totals(query.profile, period.span)
        before = None
        if period.before is not None:
            before = store.totals(query.profile, period.before)
        compared = ""
        if period.before is not None and period.before.from_ms is not None:
            compared = text.period(period.before.from_ms, period.before.to_ms or 0)
        empty = period.from_ms is None and store.extent(query.profile) is None
        figures = key_figures(now, before, scored=store.scored, currency=self._currency)
        figure, note = self._trend(query, period, now)
        return {
            "state": "empty" if empty else "ready",
            "places": {
                "nothing": plain(_no_events(query.profile, live=store.live) if empty else []),
                "notice": plain([_notice(f"{problem}.") for problem in query.problems]),
                "period": plain(_spelled(period, compared)),
                "figures": plain(cards(figures, compared)),
                "trend-note": plain(note),
                "select-profile": plain(
                    [html.Option(one, value=one) for one in self._profiles(query)]
                ),
            },
            "charts": {"trend": figure},
        }

    def breakdowns(self, query: Query) -> Shown:
        """Countries, devices, browsers, sources, age and sex."""
        store, scored = self._view.store, self._view.store.scored
        span = self._period(query).span
        mark = self._mark(query)
        countries = self._view.ranked(query, Dimension.COUNTRY)
        ages = age_groups(store.by(query.profile, Dimension.AGE, span))
        sexes = sex_groups(store.by(query.profile, Dimension.SEX, span))
        people = people_figure(ages, sexes, mark, scored=scored)
        groups = [(f"Age {name}", counts) for name, counts in ages]
        groups += [(text.sex(name), counts) for name, counts in sexes]
        people["table"] = chart_table("Group", groups, scored=scored)
        if all(name == UNKNOWN for name, _ in (*ages, *sexes)):
            people |= nothing(mark, _NO_PEOPLE if groups else _NOTHING_HERE)
        measure = query.measure if scored else "transactions"
        world = map_figure(dict(countries), measure, mark, scored=scored)
        named = [(code, text.country(code), counts) for code, counts in countries]
        rows = [(shown, counts) for _, shown, counts in named]
        world["table"] = chart_table("Country", rows, scored=scored)
        return {
            "places": {
                "countries": plain(
                    bar_table(
                        "country",
                        "Country",
                        named[:COUNTRIES],
                        scored=scored,
                        filtered="country",
                        numbered=not scored,
                    )
                ),
                "browsers": plain(self._values(query, Dimension.BROWSER, "Browser")),
                "sources": plain(self._values(query, Dimension.SOURCE, "Source")),
                "devices": plain(self._devices(query)),
            },
            "charts": {"map": world, "people": people},
        }

    def performance(self, query: Query) -> Shown:
        """How good alerts turned out to be."""
        store = self._view.store
        found, bucket = self._view.performance(query)
        period = self._period(query)
        missing = "labelled alerts or fraud" if found.mature else "events that are old enough"
        figure = nothing(self._mark(query), f"no {missing} to show")
        if found.labelled and period.to_ms is not None:
            figure = performance_figure(found, bucket, period.to_ms, self._mark(query))
            figure["table"] = performance_table(
                [(text.bucket(row.start_ms, bucket), row) for row in reversed(found.rows)]
            )
        shown = performance_summary(found, self._currency, scored=store.scored, live=store.live)
        return {
            "places": {
                "performance-versions": plain(shown),
                "performance-note": plain(performance_note(found, live=store.live)),
            },
            "charts": {"performance": figure},
        }

    def alerts(self, query: Query) -> Shown:
        """The feed, and what it can be narrowed to."""
        page = self._view.alerts(query, None, query.rows)
        more = page.next is not None
        shown: Any = feed.no_alerts(query, scored=self._view.store.scored)
        if page.alerts:
            shown = feed.feed(page.alerts, more=more, query=query, currency=self._currency)
        note = f"latest {len(page.alerts)}" if more else f"{len(page.alerts)}"
        wanted = query.wanted
        devices = [one.device_id for one in self._view.devices(query, DEVICES)]
        selects = {
            "severity": feed.options("severity", feed.severities(), wanted.severity),
            "country": self._options(query, Dimension.COUNTRY, wanted.country),
            "browser": self._options(query, Dimension.BROWSER, wanted.browser),
            "source": self._options(query, Dimension.SOURCE, wanted.source),
            "device_id": feed.options(
                "device_id", [(one, one) for one in devices], wanted.device_id
            ),
            "state": feed.options("state", feed.states(live=self._view.store.live), wanted.state),
        }
        return {
            "places": {
                "feed": plain(shown),
                "feed-note": plain(note if page.alerts else ""),
                "chips": plain(feed.chips(query)),
                **{f"select-{name}": plain(options) for name, options in selects.items()},
            },
            "news": [
                {"id": one["event_id"], "text": feed.spoken(one, self._currency)}
                for one in page.alerts
            ],
        }

    def details(self, query: Query) -> Shown:
        """Of the alert that is open."""
        found = self._view.alert(query)
        if found is None:
            shown = drawer.gone(query.alert)
        else:
            shown = drawer.details(*found, self._currency)
        return {"places": {"drawer-content": plain(shown)}}

    def no_details(self) -> Shown:
        """The store cannot be asked."""
        return {"places": {"drawer-content": plain(drawer.unavailable())}}

    def refused(self, message: str) -> Shown:
        """The store cannot answer for this span; what the page shows stays."""
        return {"places": {"notice": plain(_notice(message))}, "charts": {}}

    def _trend(self, query: Query, period: Period, now: Counts) -> tuple[Figure, str]:
        scored, mark = self._view.store.scored, self._mark(query)
        bucket, coarser = bucket_of(query, period)
        note = f"per {bucket}"
        if coarser:
            note = f"per {bucket}: the period has too many {query.bucket}s to show"
        if period.from_ms is None or period.to_ms is None or now.transactions == 0:
            return nothing(mark, _NOTHING_HERE), note
        trend = self._view.store.trend(query.profile, period.span, bucket)
        points = filled(trend, period.from_ms, period.to_ms, bucket)
        figure = trend_figure(points, bucket, mark, scored=scored)
        rows = [(text.bucket(start, bucket), counts) for start, counts in reversed(points)]
        figure["bucket"] = bucket.value
        figure["table"] = chart_table("From (UTC)", rows, scored=scored)
        return figure, note

    def _devices(self, query: Query) -> Any:
        found = self._view.devices(query, DEVICES)
        if not found:
            said = "No known device with alerts or fraud in this period."
            return html.P(said, className="empty")
        return bar_table(
            "device",
            "Device",
            [(one.device_id, one.device_id, one.counts) for one in found],
            scored=self._view.store.scored,
            filtered="device_id",
            extra=("Users", {one.device_id: text.count(one.users) for one in found}),
        )

    def _values(self, query: Query, dimension: Dimension, title: str) -> Any:
        found = self._view.ranked(query, dimension)[:BROWSERS]
        if [value for value, _ in found] == [UNKNOWN]:
            said = f"No transaction in this period says its {dimension.value}."
            return html.P(said, className="empty")
        return bar_table(
            dimension.value,
            title,
            [(value, text.value(value), counts) for value, counts in found],
            scored=self._view.store.scored,
            filtered=dimension.value,
        )

    def _options(self, query: Query, dimension: Dimension, chosen: str | None) -> list[html.Option]:
        values = [value for value, counts in self._view.ranked(query, dimension) if counts.alerts]
        return feed.options(dimension.value, feed.named(values[:_OFFERED], dimension.value), chosen)

    def _period(self, query: Query) -> Period:
        return period_of(query, self._view.extent(query.profile))

    def _profiles(self, query: Query) -> list[str]:
        return sorted({*self._view.store.profiles(), query.profile})

    @staticmethod
    def _mark(query: Query) -> str:
        """Stays the same as long as charts show the same thing."""
        return f"{query.profile}|{query.range}|{query.span}|{query.bucket}|{query.measure}"


def _notice(message: str) -> html.P:
    return html.P(message, className="notice", role="alert")


def _spelled(period: Period, compared: str) -> list[Any]:
    if period.from_ms is None or period.to_ms is None:
        return ["no events yet"]
    said: list[Any] = [html.Strong(text.period(period.from_ms, period.to_ms)), " UTC"]
    if compared:
        said.append(html.Span(f", compared with {compared}", className="soft"))
    return said


def _no_events(profile: str, *, live: bool) -> html.Div:
    return html.Div(
        [
            html.P("No transactions yet", className="empty-title"),
            html.P(
                f"As soon as a worker has scored an event of the profile {profile}, it shows here."
                if live
                else "The file has no event that could be shown."
            ),
            html.P(
                [
                    "Send some with ",
                    html.Code("fraudstream replay CSV"),
                    " or ",
                    html.Code("make demo"),
                    ".",
                ]
            )
            if live
            else html.P(""),
        ],
        className="empty",
    )
