"""Model: what it says of the stream, and which one it is."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from core.metrics import ALERTS, MODEL_INFO, MODEL_TRAINED, SCORE, TRANSACTIONS
from core.names import Role
from grafana import challenger, drift, labels, palette, rules
from grafana.frame import MODEL_UID, PROFILE, Row, dashboard, restarts
from grafana.panels import AnyPanel, Query, Text, bars, figure, heat, over_time, timeline
from grafana.queries import RANGE, at_most, events, mean, of, per_second, quantile, share, total

_DAY_S = 86_400
#: Bounds of the histogram between which a score leaves the decision open.
_UNSURE = (0.3, 0.7)
_BANDS = (0.1, 0.5, 0.9)
_BAND_COLOURS = (palette.BLUE, palette.SKY, palette.ORANGE, palette.VERMILION)


def build() -> Dashboard:
    """The dashboard of those who train and promote models."""
    return dashboard(
        MODEL_UID,
        "Model",
        "How scores and decisions are spread, and since when which model decides.",
        [
            Row("In use", _in_use()),
            Row("Scores", _scores()),
            Row("Decisions", _decisions()),
            rules.row(),
            challenger.row(),
            drift.row(),
            labels.row(),
        ],
        [PROFILE],
        [restarts()],
    )


def _in_use() -> list[AnyPanel]:
    info = f"max by (name, version, role) ({of(MODEL_INFO)})"
    decides = of(MODEL_INFO, fixed=f'role="{Role.CHAMPION}"')
    age = f"time() - min ({of(MODEL_TRAINED)})"
    everything = events(SCORE, RANGE)
    unsure = share(_between(*_UNSURE, RANGE), everything)
    return [
        figure(
            Text("Model in use", "Name and version; several during a promotion.", "short", 6, 4),
            Query(f"max by (name, version) ({decides})", "{{name}} {{version}}"),
            none="no model",
            shows_name=True,
        ),
        figure(
            Text("Time since training", "Of the oldest model in use.", "s", 6, 4),
            Query(age),
            ((None, palette.GOOD), (30 * _DAY_S, palette.WATCH), (90 * _DAY_S, palette.BAD)),
            none="no model",
        ),
        figure(
            Text(
                "Mean score",
                "Fraud probability, over the transactions of the range.",
                "percentunit",
                6,
                4,
            ),
            Query(mean(SCORE, RANGE)),
            none="no transactions",
        ),
        figure(
            Text(
                "Undecided scores",
                f"Share of transactions with a score above {_UNSURE[0]} and up to {_UNSURE[1]}.",
                "percentunit",
                6,
                4,
            ),
            Query(unsure),
            ((None, palette.GOOD), (0.1, palette.WATCH), (0.25, palette.BAD)),
            none="no transactions",
        ),
        timeline(
            Text(
                "Model versions",
                "Which version decided when, and which was scored beside it.",
                "short",
                24,
                5,
            ),
            Query(info, "{{name}} {{version}} ({{role}})"),
            {"1": ("in use", palette.GOOD)},
        ),
    ]


def _scores() -> list[AnyPanel]:
    buckets = of(SCORE, part="bucket")
    percentiles = {
        "p50": (0.5, palette.SKY),
        "p90": (0.9, palette.BLUE),
        "p99": (0.99, palette.VERMILION),
    }
    return [
        heat(
            Text(
                "Scores over time",
                "The brighter, the more transactions per second with such a score. A band that "
                "moves or widens means that the stream has changed.",
                "cps",
                12,
                10,
            ),
            Query(per_second(buckets, "le"), "{{le}}"),
            "short",
        ),
        bars(
            Text(
                "Scores",
                "Transactions of the range by score; a bar holds those above the bound before and "
                "up to its own.",
                "short",
                12,
                10,
            ),
            Query(total(buckets, "le"), "{{le}}"),
            palette.SKY,
            of_buckets=True,
        ),
        over_time(
            Text("Score percentiles", "As exactly as the buckets tell.", "percentunit", 12),
            *(Query(quantile(q, SCORE), name) for name, (q, _) in percentiles.items()),
            colours={name: colour for name, (_, colour) in percentiles.items()},
        ),
        over_time(
            Text(
                "Share of scores by band",
                "Bands of the fraud probability: the middle ones are where the model is unsure and "
                "small changes of a threshold decide.",
                "percentunit",
                12,
            ),
            *_bands(),
            colours=dict(zip((query.legend for query in _bands()), _BAND_COLOURS, strict=True)),
            stacked=True,
        ),
    ]


def _decisions() -> list[AnyPanel]:
    decided, alerted = of(TRANSACTIONS), of(ALERTS)
    return [
        over_time(
            Text(
                "Share of decisions",
                "Allow, review and block among all transactions.",
                "percentunit",
                12,
            ),
            Query(_share_by(decided, "decision"), "{{decision}}"),
            colours=palette.DECISION,
            stacked=True,
        ),
        over_time(
            Text(
                "Alert share by severity",
                "Alerts of each severity among all transactions.",
                "percentunit",
                12,
            ),
            Query(
                f"{per_second(alerted, 'severity')} / on () group_left () "
                f"({per_second(decided)} > 0)",
                "{{severity}}",
            ),
            colours=palette.SEVERITY,
            stacked=True,
        ),
    ]


def _share_by(series: str, label: str) -> str:
    return f"{per_second(series, label)} / on () group_left () ({per_second(series)} > 0)"


def _bands() -> list[Query]:
    edges = (*_BANDS, 1.0)
    low = ""
    found = []
    for edge in edges:
        part = f"({at_most(edge, SCORE)} - {low})" if low else at_most(edge, SCORE)
        name = f"up to {edge:g}"
        found.append(Query(share(part, events(SCORE)), name))
        low = at_most(edge, SCORE)
    return found


def _between(low: float, high: float, window: str) -> str:
    return f"({at_most(high, SCORE, window)} - {at_most(low, SCORE, window)})"
