"""Champion and challenger side by side: what the model dashboard says of a version on trial."""

from __future__ import annotations

from core.metrics import CHALLENGER_DECISIONS, CHALLENGER_SCORE, ROLLBACKS, SCORE
from core.names import Decision
from grafana import palette
from grafana.frame import Row
from grafana.panels import AnyPanel, Query, Text, bars, figure, over_time
from grafana.queries import of, per_second, quantile, share, total

_BOTH = of(CHALLENGER_DECISIONS)
_NEW_ALERTS = of(CHALLENGER_DECISIONS, fixed='champion="allow", challenger!="allow"')
_LOST_ALERTS = of(CHALLENGER_DECISIONS, fixed='champion!="allow", challenger="allow"')
_ONLY_CHALLENGER, _ONLY_CHAMPION = "only challenger", "only champion"


def row() -> Row:
    """Agreement, scores of both, and what the guard of promotions has done."""
    return Row("Challenger", [*_figures(), *_over_time()])


def _figures() -> list[AnyPanel]:
    agreed = " + ".join(
        total(of(CHALLENGER_DECISIONS, fixed=f'champion="{one}", challenger="{one}"'))
        for one in Decision
    )
    return [
        figure(
            Text(
                "Agreement",
                "Share of transactions about which the models of champion and challenger decide "
                "the same.",
                "percentunit",
                6,
                4,
            ),
            Query(share(f"({agreed})", total(_BOTH))),
            none="no challenger",
        ),
        figure(
            Text(
                "Alerts of the challenger alone",
                "Transactions that the challenger would alert and the champion allows.",
                "short",
                6,
                4,
            ),
            Query(total(_NEW_ALERTS)),
            none="no challenger",
        ),
        figure(
            Text(
                "Alerts of the champion alone",
                "Transactions that the champion alerts and the challenger would allow.",
                "short",
                6,
                4,
            ),
            Query(total(_LOST_ALERTS)),
            none="no challenger",
        ),
        figure(
            Text(
                "Promotions taken back",
                "Champions that the workers' guard rolled back in the time range.",
                "short",
                6,
                4,
            ),
            Query(total(of(ROLLBACKS))),
            ((None, palette.GOOD), (1, palette.BAD)),
            none="no worker",
        ),
    ]


def _over_time() -> list[AnyPanel]:
    percentiles = {
        f"{who} p{round(100 * q)}": Query(quantile(q, metric), f"{who} p{round(100 * q)}")
        for q in (0.5, 0.99)
        for who, metric in (("champion", SCORE), ("challenger", CHALLENGER_SCORE))
    }
    colours = (palette.SKY, palette.YELLOW, palette.BLUE, palette.ORANGE)
    return [
        over_time(
            Text(
                "Alerts of one alone",
                "Share of transactions that only one of the two models alerts.",
                "percentunit",
                12,
                10,
            ),
            Query(share(per_second(_NEW_ALERTS), per_second(_BOTH)), _ONLY_CHALLENGER),
            Query(share(per_second(_LOST_ALERTS), per_second(_BOTH)), _ONLY_CHAMPION),
            colours={_ONLY_CHALLENGER: palette.ORANGE, _ONLY_CHAMPION: palette.BLUE},
        ),
        bars(
            Text(
                "Scores of the challenger",
                "Transactions of the range by the challenger's score; a bar holds those above the "
                "bound before and up to its own.",
                "short",
                12,
                10,
            ),
            Query(total(of(CHALLENGER_SCORE, part="bucket"), "le"), "{{le}}"),
            palette.ORANGE,
            of_buckets=True,
        ),
        over_time(
            Text(
                "Score percentiles of both",
                "As exactly as the buckets tell.",
                "percentunit",
                24,
            ),
            *percentiles.values(),
            colours=dict(zip(percentiles, colours, strict=True)),
        ),
    ]
