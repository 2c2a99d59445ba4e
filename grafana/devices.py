"""Devices and browsers: how many users share a device, and with what and from where they come."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from core.metrics import (
    BROWSER_ALERTS,
    BROWSER_TRANSACTIONS,
    DEVICE_USERS,
    SOURCE_ALERTS,
    SOURCE_TRANSACTIONS,
    TOP_DEVICE_ALERTS,
    Metric,
)
from grafana import palette, tables
from grafana.frame import DEVICES_UID, Choice, Row, dashboard
from grafana.panels import AnyPanel, Query, Text, bars, figure, heat, over_time
from grafana.queries import (
    RANGE,
    at_most,
    events,
    mean,
    of,
    of_views,
    per_hour,
    per_second,
    quantile,
    share,
    total,
)

_WITHIN = ("job", "instance", "profile")
#: The closed sets, spelt as the events spell them.
_BROWSERS = {
    "Chrome": palette.BLUE,
    "FireFox": palette.ORANGE,
    "IE": palette.SKY,
    "Opera": palette.VERMILION,
    "Safari": palette.GREEN,
    "other": palette.PURPLE,
    "unknown": palette.GREY,
}
_SOURCES = {
    "Ads": palette.ORANGE,
    "Direct": palette.BLUE,
    "SEO": palette.GREEN,
    "other": palette.PURPLE,
    "unknown": palette.GREY,
}


def build() -> Dashboard:
    """The dashboard behind the devices, browsers and sources of the overview."""
    return dashboard(
        DEVICES_UID,
        "Devices and browsers",
        "Devices shared by many users, and alerts by browser and by marketing source.",
        [
            Row("Devices", _devices()),
            Row(
                "Browsers",
                _by(BROWSER_TRANSACTIONS, BROWSER_ALERTS, "browser", "browsers", _BROWSERS),
            ),
            Row("Sources", _by(SOURCE_TRANSACTIONS, SOURCE_ALERTS, "source", "sources", _SOURCES)),
        ],
        [
            Choice("profile", "Profile", BROWSER_TRANSACTIONS),
            Choice("browser", "Browser", BROWSER_TRANSACTIONS, _WITHIN),
            Choice("source", "Source", SOURCE_TRANSACTIONS, _WITHIN),
        ],
    )


def _devices() -> list[AnyPanel]:
    users = DEVICE_USERS
    everything = events(users, RANGE)
    shared, crowded = (
        share(f"({everything} - {at_most(bound, users, RANGE)})", everything) for bound in (1, 5)
    )
    buckets = of(users, part="bucket")
    return [
        figure(
            Text(
                "On a shared device",
                "Transactions whose device had served more than one user in the 24 h before.",
                "percentunit",
                6,
                4,
            ),
            Query(shared),
            ((None, palette.GOOD), (0.1, palette.WATCH), (0.25, palette.BAD)),
            none="no transactions",
        ),
        figure(
            Text(
                "On a crowded device",
                "Transactions whose device had served more than five users in the 24 h before.",
                "percentunit",
                6,
                4,
            ),
            Query(crowded),
            ((None, palette.GOOD), (0.02, palette.WATCH), (0.1, palette.BAD)),
            none="no transactions",
        ),
        figure(
            Text(
                "Mean users per device",
                "In the 24 hours before, over the transactions of the range; 0 for a new device.",
                "short",
                6,
                4,
            ),
            Query(mean(users, RANGE)),
            none="no transactions",
        ),
        figure(
            Text(
                "Users per device, 99 %",
                "All but one in a hundred transactions came from a device with at most so many "
                "users, as exactly as the buckets tell.",
                "short",
                6,
                4,
            ),
            Query(f"{quantile(0.99, users, RANGE)} >= 0"),
            none="no transactions",
        ),
        bars(
            Text(
                "Transactions by users per device",
                "A bar holds those above the bound before and up to its own.",
                "short",
                12,
            ),
            Query(total(buckets, "le"), "{{le}}"),
            palette.SKY,
            of_buckets=True,
        ),
        top_devices(12),
        heat(
            Text(
                "Users per device over time",
                "The brighter, the more transactions per second; a bright spot high up is one "
                "device used by many.",
                "cps",
                24,
            ),
            Query(per_second(buckets, "le"), "{{le}}"),
            "short",
        ),
    ]


def top_devices(width: int) -> AnyPanel:
    """The devices that have most alerts, a bar for each.

    Args:
        width: of the panel, in columns of the grid.
    """
    return bars(
        Text(
            "Top ten devices",
            "Devices with the most alerts in the last 24 hours of event time, from the views; "
            "hashes where ids are masked.",
            "short",
            width,
        ),
        Query(f"sort_desc(max by (device) ({of_views(TOP_DEVICE_ALERTS)}))", "{{device}}"),
        palette.ALERTS,
    )


def _by(
    transactions: Metric, alerts: Metric, label: str, plural: str, colours: dict[str, str]
) -> list[AnyPanel]:
    scored, alerted = of(transactions, label), of(alerts, label)
    legend = f"{{{{{label}}}}}"
    return [
        tables.by_label(
            Text(
                f"Chosen {plural}",
                f"Transactions and alerts by {label}, most alerts first.",
                "short",
                8,
            ),
            label,
            label.capitalize(),
            transactions,
            alerts,
            label,
            link=DEVICES_UID,
        ),
        over_time(
            Text(f"Transactions per hour by {label}", "How fast events are scored.", "short", 8),
            Query(per_hour(scored, label), legend),
            colours=colours,
            stacked=True,
        ),
        over_time(
            Text(
                f"Alert share by {label}",
                "Alerts divided by transactions; a line has gaps where there were none.",
                "percentunit",
                8,
            ),
            Query(share(per_second(alerted, label), per_second(scored, label)), legend),
            colours=colours,
        ),
    ]
