"""Fraud overview: how much, how much of it is alarming, where from, with what."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from core.metrics import (
    ALERT_VALUE,
    ALERTS,
    BROWSER_ALERTS,
    BROWSER_TRANSACTIONS,
    COUNTRY_ALERTS,
    COUNTRY_TRANSACTIONS,
    DEVICE_USERS,
    SOURCE_ALERTS,
    SOURCE_TRANSACTIONS,
    TRANSACTIONS,
)
from core.names import Decision
from grafana import palette, tables
from grafana.devices import top_devices
from grafana.frame import DEVICES_UID, GEOGRAPHY_UID, OVERVIEW_UID, PROFILE, Row, dashboard
from grafana.panels import AnyPanel, Query, Text, bars, figure, over_time
from grafana.queries import of, per_hour, recorded, share, total

_STEPS = ((None, palette.GOOD), (0.1, palette.WATCH), (0.25, palette.BAD))


def build() -> Dashboard:
    """The dashboard that an analyst opens first."""
    return dashboard(
        OVERVIEW_UID,
        "Fraud overview",
        "Transactions and alerts: how many, how much money, which share, from where, with what.",
        [
            Row("In this time range", _figures()),
            Row("Trend", _trend()),
            Row("Countries", _countries()),
            Row("Devices, browsers, sources", _means()),
        ],
        [PROFILE],
    )


def _figures() -> list[AnyPanel]:
    events, alerts = total(of(TRANSACTIONS)), total(of(ALERTS))
    blocked = total(of(TRANSACTIONS, fixed=f'decision="{Decision.BLOCK}"'))
    return [
        figure(Text("Transactions", "Events scored.", "short", 5, 4), Query(events)),
        figure(Text("Alerts", "Events to be reviewed or blocked.", "short", 5, 4), Query(alerts)),
        figure(
            Text("Alert share", "Alerts divided by transactions.", "percentunit", 5, 4),
            Query(share(alerts, events)),
            _STEPS,
            none="no transactions",
        ),
        figure(
            Text(
                "Value at risk",
                "Amount of the transactions with an alert, in the currency of the data.",
                "short",
                5,
                4,
            ),
            Query(total(of(ALERT_VALUE))),
        ),
        figure(Text("Blocked", "Events decided as block.", "short", 4, 4), Query(blocked)),
    ]


def _trend() -> list[AnyPanel]:
    rules = (
        "job_profile:fraudstream_alert_ratio:rate1h",
        "job_profile:fraudstream_alert_ratio:baseline1d",
    )
    now, usual = (f"avg by (profile) ({recorded(rule, 'profile')})" for rule in rules)
    return [
        over_time(
            Text("Transactions per hour", "How fast events are scored.", "short", 12),
            Query(per_hour(of(TRANSACTIONS), "profile"), "{{profile}}"),
            shades=palette.TRANSACTIONS,
        ),
        over_time(
            Text("Alerts per hour by severity", "How fast alerts are published.", "short", 12),
            Query(per_hour(of(ALERTS), "severity"), "{{severity}}"),
            colours=palette.SEVERITY,
            stacked=True,
        ),
        over_time(
            Text(
                "Alert share and its baseline",
                "Share of alerts among the transactions of an hour, beside its mean over the day "
                "that ended an hour before. The baseline begins an hour after the first event.",
                "percentunit",
                12,
            ),
            Query(now, "{{profile}}: last hour"),
            Query(usual, "{{profile}}: baseline"),
            colours={"/last hour$/": palette.ALERTS, "/baseline$/": palette.GREY},
        ),
        over_time(
            Text(
                "Value at risk per hour",
                "Amount of the transactions with an alert, in the currency of the data.",
                "short",
                12,
            ),
            Query(per_hour(of(ALERT_VALUE), "profile"), "{{profile}}"),
            shades=palette.PURPLE,
        ),
    ]


def _countries() -> list[AnyPanel]:
    return [
        tables.world(
            Text(
                "Alerts by country",
                "A circle for each country with transactions: the larger, the more alerts; its "
                "colour is the share of alerts. Transactions of unknown country are in the table "
                "only.",
                "short",
                13,
                12,
            ),
            link=GEOGRAPHY_UID,
        ),
        tables.by_label(
            Text("Countries", "The same as a table, most alerts first.", "short", 11, 12),
            "country",
            "Country",
            COUNTRY_TRANSACTIONS,
            COUNTRY_ALERTS,
            link=GEOGRAPHY_UID,
            shares=False,
        ),
    ]


def _means() -> list[AnyPanel]:
    return [
        bars(
            Text(
                "Users per device",
                "Transactions by the users seen on their device in the 24 h before; a bar holds "
                "those above the bound before and up to its own.",
                "short",
                12,
            ),
            Query(total(of(DEVICE_USERS, part="bucket"), "le"), "{{le}}"),
            palette.SKY,
            of_buckets=True,
        ),
        top_devices(12),
        tables.by_label(
            Text(
                "Browsers",
                "Share of transactions, and how many of them are alerts.",
                "short",
                12,
                10,
            ),
            "browser",
            "Browser",
            BROWSER_TRANSACTIONS,
            BROWSER_ALERTS,
            link=DEVICES_UID,
        ),
        tables.by_label(
            Text(
                "Sources",
                "Share of transactions, and how many of them are alerts.",
                "short",
                12,
                10,
            ),
            "source",
            "Source",
            SOURCE_TRANSACTIONS,
            SOURCE_ALERTS,
            link=DEVICES_UID,
        ),
    ]
