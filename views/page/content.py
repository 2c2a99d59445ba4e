"""What the page shows for one query, as components and figures."""

from __future__ import annotations

from typing import Any

from dash import html, no_update

from views.counts import Counts, Dimension
from views.page import drawer, feed, text
from views.page.figure_look import Figure, nothing
from views.page.figure_map import map_figure
from views.page.figure_people import age_groups, people_figure, sex_groups
from views.page.figure_trend import filled, trend_figure
from views.page.key_figures import cards, key_figures
from views.page.query import Period, Query, bucket_of, period_of
from views.page.tables import bar_table, chart_table
from views.page.view import View

DEVICES, COUNTRIES, BROWSERS = 10, 12, 8
_OFFERED = 40
_NOTHING_HERE = "no transactions in this period"


class Content:
    """Makes what callbacks return.

    Args:
        view: answers.
        currency: of amounts, or "".
    """

    def __init__(self, view: View, currency: str) -> None:
        self._view = view
        self._currency = currency

    def overview(self, query: Query) -> tuple[Any, ...]:
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
        return (
            "empty" if empty else "ready",
            _no_events(query.profile, live=store.live) if empty else [],
            [html.P(f"{problem}.", className="notice") for problem in query.problems],
            _spelled(period, compared),
            cards(figures, compared),
            figure,
            note,
            [html.Option(one, value=one) for one in self._profiles(query)],
        )

    def breakdowns(self, query: Query) -> tuple[Any, ...]:
        """Countries, browsers, sources, age and sex."""
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
        measure = query.measure if scored else "transactions"
        world = map_figure(dict(countries), measure, mark, scored=scored)
        named = [(code, text.country(code), counts) for code, counts in countries]
        rows = [(shown, counts) for _, shown, counts in named]
        world["table"] = chart_table("Country", rows, scored=scored)
        return (
            world,
            bar_table(
                "country",
                "Country",
                named[:COUNTRIES],
                scored=scored,
                filtered="country",
                numbered=not scored,
            ),
            self._values(query, Dimension.BROWSER, "Browser"),
            self._values(query, Dimension.SOURCE, "Source"),
            people if groups else nothing(mark, _NOTHING_HERE),
        )

    def devices(self, query: Query) -> Any:
        """Devices with the most alerts."""
        found = self._view.devices(query, DEVICES)
        if not found:
            return html.P("No device with alerts or fraud in this period.", className="empty")
        return bar_table(
            "device",
            "Device",
            [(one.device_id, one.device_id, one.counts) for one in found],
            scored=self._view.store.scored,
            filtered="device_id",
            extra=("Users", {one.device_id: text.count(one.users) for one in found}),
        )

    def feed(self, query: Query) -> tuple[Any, ...]:
        """The alerts, and what they can be narrowed to."""
        page = self._view.alerts(query, None, query.rows)
        scored = self._view.store.scored
        more = page.next is not None
        shown: Any = feed.no_alerts(query, scored=scored)
        if page.alerts:
            shown = feed.feed(page.alerts, more=more, query=query, currency=self._currency)
        ids = [
            [
                str(one["event_id"]),
                f"{one['severity']}, {text.money(float(one['amount']), self._currency)}, "
                f"{text.country(one['country'])}",
            ]
            for one in page.alerts
        ]
        note = f"latest {len(page.alerts)}" if more else f"{len(page.alerts)}"
        wanted = query.wanted
        devices = [one.device_id for one in self._view.devices(query, DEVICES)]
        return (
            shown,
            ids,
            note if page.alerts else "",
            feed.chips(query),
            feed.options("severity", feed.severities(), wanted.severity),
            self._options(query, Dimension.COUNTRY, wanted.country),
            self._options(query, Dimension.BROWSER, wanted.browser),
            self._options(query, Dimension.SOURCE, wanted.source),
            feed.options("device_id", [(one, one) for one in devices], wanted.device_id),
        )

    def drawer(self, query: Query) -> list[Any]:
        """Details of the alert that is open."""
        found = self._view.alert(query)
        if found is None:
            return drawer.gone(query.alert)
        return drawer.details(*found, self._currency)

    def refused(self, kind: str, message: str, outputs: int) -> Any:
        """What a callback returns where the store cannot answer for this span."""
        if kind == "overview":
            said = [html.P(message, className="notice", role="alert")]
            return (no_update, no_update, said, *(no_update,) * (outputs - 3))
        return (no_update,) * outputs if outputs > 1 else no_update

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

    def _values(self, query: Query, dimension: Dimension, title: str) -> Any:
        found = self._view.ranked(query, dimension)[:BROWSERS]
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
