"""Geography: countries one by one."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from core.metrics import ALERTS, COUNTRY_ALERTS, COUNTRY_TRANSACTIONS, TRANSACTIONS
from grafana import palette, tables
from grafana.frame import GEOGRAPHY_UID, Choice, Row, dashboard
from grafana.panels import AnyPanel, Query, Text, figure, over_time
from grafana.queries import of, per_hour, per_second, recorded, share, total

_EVENTS = of(COUNTRY_TRANSACTIONS, "country")
_ALERTS = of(COUNTRY_ALERTS, "country")
_STEPS = ((None, palette.GOOD), (0.1, palette.WATCH), (0.25, palette.BAD))


def build() -> Dashboard:
    """The dashboard behind the map of the overview."""
    return dashboard(
        GEOGRAPHY_UID,
        "Geography",
        "Transactions and alerts of the chosen countries, as ISO 3166-1 alpha-2 codes.",
        [
            Row("In this time range", _figures()),
            Row("Where", _where()),
            Row("Trend", _trend()),
        ],
        [
            Choice("profile", "Profile", COUNTRY_TRANSACTIONS),
            Choice("country", "Country", COUNTRY_TRANSACTIONS, ("job", "instance", "profile")),
        ],
    )


def _figures() -> list[AnyPanel]:
    events, alerts = total(_EVENTS), total(_ALERTS)
    seen = f"count({total(_EVENTS, 'country')} > 0) or vector(0)"
    alarming = f"count({total(_ALERTS, 'country')} > 0) or vector(0)"
    unknown = total(of(COUNTRY_TRANSACTIONS, fixed='country="unknown"'))
    return [
        figure(
            Text("Transactions in these countries", "Events scored.", "short", 4, 4), Query(events)
        ),
        figure(
            Text("Alerts in these countries", "Events to be reviewed or blocked.", "short", 4, 4),
            Query(alerts),
        ),
        figure(
            Text("Alert share in these countries", "Alerts by transactions.", "percentunit", 4, 4),
            Query(share(alerts, events)),
            _STEPS,
            none="no transactions",
        ),
        figure(
            Text("Countries with transactions", "Of those chosen; unknown is one.", "short", 4, 4),
            Query(seen),
        ),
        figure(
            Text("Countries with alerts", "Of those chosen; unknown is one.", "short", 4, 4),
            Query(alarming),
        ),
        figure(
            Text(
                "Share of unknown country",
                "Transactions whose address is in no range of the IP table, among all, whatever is "
                "chosen.",
                "percentunit",
                4,
                4,
            ),
            Query(share(unknown, total(of(TRANSACTIONS)))),
            ((None, palette.GOOD), (0.3, palette.WATCH), (0.5, palette.BAD)),
            none="no transactions",
        ),
    ]


def _where() -> list[AnyPanel]:
    return [
        tables.world(
            Text(
                "Map of the chosen countries",
                "A circle for each country with transactions: the larger, the more alerts; its "
                "colour is the share of alerts.",
                "short",
                13,
                14,
            ),
            "country",
        ),
        tables.by_label(
            Text("Chosen countries", "Most alerts first; a click narrows to one.", "short", 11, 14),
            "country",
            "Country",
            COUNTRY_TRANSACTIONS,
            COUNTRY_ALERTS,
            "country",
            link=GEOGRAPHY_UID,
            shares=False,
        ),
    ]


def _trend() -> list[AnyPanel]:
    leading = recorded("job_profile_country:fraudstream_country_alerts:top10_1h", "profile")
    rates = share(per_second(_ALERTS), per_second(_EVENTS))
    everywhere = share(per_second(of(ALERTS)), per_second(of(TRANSACTIONS)))
    return [
        over_time(
            Text(
                "Transactions and alerts of these countries per hour",
                "All of them together.",
                "short",
                12,
            ),
            Query(per_hour(_EVENTS), "transactions"),
            Query(per_hour(_ALERTS), "alerts"),
            colours={"transactions": palette.TRANSACTIONS, "alerts": palette.ALERTS},
        ),
        over_time(
            Text(
                "Alert share of these countries over time",
                "Beside that of all countries together.",
                "percentunit",
                12,
            ),
            Query(rates, "these countries"),
            Query(everywhere, "all countries"),
            colours={"these countries": palette.ALERTS, "all countries": palette.GREY},
        ),
        over_time(
            Text(
                "Ten countries with the most alerts",
                "Alerts in the hour before, whatever countries are chosen. The ten may change with "
                "time.",
                "short",
                24,
            ),
            Query(f"sum by (country) ({leading})", "{{country}}"),
            shades=palette.ORANGE,
        ),
    ]
