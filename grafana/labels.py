"""What labels say of the alerts, as the views count."""

from __future__ import annotations

from core.metrics import (
    LABELLED_FRAUD_SHARE,
    LABELLED_SHARE,
    LABELS,
    LIVE_PRECISION,
    LIVE_RECALL,
)
from grafana import palette
from grafana.frame import Row
from grafana.panels import AnyPanel, Query, Text, figure, over_time
from grafana.queries import HOUR_S, RATE, of_views

_OUTCOME_COLOURS = {
    "tp": palette.GOOD,
    "fp": palette.ORANGE,
    "fn": palette.VERMILION,
    "tn": palette.SKY,
}
_MATURE = "Over 30 days of event time that ended 30 days before the newest event or earlier"


def row() -> Row:
    """Of the dashboard of models."""
    return Row("Labels", _panels())


def _panels() -> list[AnyPanel]:
    precision, recall, labelled = (
        f"min ({of_views(metric)})" for metric in (LIVE_PRECISION, LIVE_RECALL, LABELLED_SHARE)
    )
    outcomes = f"{HOUR_S} * sum by (outcome) (rate({of_views(LABELS)}[{RATE}]))"
    return [
        figure(
            Text(
                "Precision by labels",
                f"Fraud among labelled alerts. {_MATURE}; of the worst version.",
                "percentunit",
                8,
                4,
            ),
            Query(precision),
            ((None, palette.BAD), (0.5, palette.WATCH), (0.8, palette.GOOD)),
            none="no labelled alerts yet",
        ),
        figure(
            Text(
                "Recall by labels",
                f"Alerts among labelled fraud. {_MATURE}; of the worst version.",
                "percentunit",
                8,
                4,
            ),
            Query(recall),
            ((None, palette.BAD), (0.4, palette.WATCH), (0.6, palette.GOOD)),
            none="no labelled fraud yet",
        ),
        figure(
            Text(
                "Labelled",
                f"Share of events that have a label. {_MATURE}.",
                "percentunit",
                8,
                4,
            ),
            Query(labelled),
            none="no mature events yet",
        ),
        over_time(
            Text(
                "Precision and recall by version",
                f"{_MATURE}: the window moves with the newest event.",
                "percentunit",
                12,
            ),
            Query(f"max by (version) ({of_views(LIVE_PRECISION)})", "precision {{version}}"),
            Query(f"max by (version) ({of_views(LIVE_RECALL)})", "recall {{version}}"),
            colours={"/^precision/": palette.BLUE, "/^recall/": palette.ORANGE},
        ),
        over_time(
            Text(
                "Labels per hour by outcome",
                "Labels taken in, by what they made of their event: fraud with an alert (tp) or "
                "without (fn), honest with an alert (fp) or without (tn).",
                "short",
                12,
            ),
            Query(outcomes, "{{outcome}}"),
            colours=_OUTCOME_COLOURS,
            stacked=True,
        ),
        over_time(
            Text(
                "Base rate of labels",
                f"Fraud among labelled events, as they came. {_MATURE}, and over the 30 days "
                "before these: where they part, fraud itself has changed.",
                "percentunit",
                24,
            ),
            Query(f"max by (window) ({of_views(LABELLED_FRAUD_SHARE)})", "{{window}}"),
            colours={"newest": palette.BLUE, "before": palette.ORANGE},
        ),
    ]
