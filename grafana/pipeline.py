"""Pipeline: the health of the stream, for its operator."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from core.metrics import (
    BATCH_SIZE,
    COMMITTED_AGE,
    CONSUMER_LAG,
    EVENT_LATENCY,
    HTTP_SECONDS,
    KAFKA_ERRORS,
    LATE,
    LATE_AFFECTED,
    REBALANCES,
    REDIS_ERRORS,
    REJECTED,
    RESTORED,
    STAGE_SECONDS,
    STAGES,
    STATE_TRUNCATED,
    TRANSACTIONS,
    VIEWS_LAG,
)
from grafana import palette, queries
from grafana.frame import PIPELINE_UID, Choice, Row, dashboard, rebalances, restarts
from grafana.panels import AnyPanel, Query, Text, figure, heat, over_time, timeline
from grafana.queries import of, of_views, per_minute, per_second, process, quantile, selector, total

_LAG_STEPS = ((None, palette.GOOD), (10_000, palette.WATCH), (100_000, palette.BAD))
_LATENCY_STEPS = ((None, palette.GOOD), (1, palette.WATCH), (10, palette.BAD))
_AGE_STEPS = ((None, palette.GOOD), (30, palette.WATCH), (120, palette.BAD))
_ANY_STEPS = ((None, palette.GOOD), (1, palette.WATCH))
_STAGE_COLOURS = dict(
    zip(
        STAGES,
        (palette.SKY, palette.BLUE, palette.GREEN, palette.ORANGE, palette.PURPLE),
        strict=True,
    )
)
_QUANTILES = {
    "p50": (0.5, palette.SKY),
    "p95": (0.95, palette.BLUE),
    "p99": (0.99, palette.VERMILION),
}
_QUANTILE_COLOURS = {name: colour for name, (_, colour) in _QUANTILES.items()}


def build() -> Dashboard:
    """The dashboard that an operator opens first."""
    return dashboard(
        PIPELINE_UID,
        "Pipeline",
        "Whether events are scored, how soon, and what stands in the way.",
        [
            Row("Now", _now()),
            Row("Flow", _flow()),
            Row("Time", _time()),
            Row("Trouble", _trouble()),
            Row("Workers", _workers()),
            Row("Views", _views()),
        ],
        [Choice("stage", "Stage", STAGE_SECONDS)],
        [restarts(), rebalances()],
    )


def _now() -> list[AnyPanel]:
    errors = f"{total(of(REDIS_ERRORS))} + {total(of(KAFKA_ERRORS))}"
    return [
        figure(
            Text("Events per second", "Scored by all workers together.", "cps", 4, 4),
            Query(per_second(selector(TRANSACTIONS.name))),
        ),
        figure(
            Text("Lag", "Events in Kafka that no worker has read yet.", "short", 4, 4),
            Query(f"sum ({of(CONSUMER_LAG)})"),
            _LAG_STEPS,
            none="no partition yet",
        ),
        figure(
            Text(
                "Latency, 99 %", "From the broker's timestamp to scored, last minutes.", "s", 4, 4
            ),
            Query(f"{quantile(0.99, EVENT_LATENCY)} >= 0"),
            _LATENCY_STEPS,
            none="no events",
        ),
        figure(
            Text(
                "Age of the last commit",
                "0 while nothing waits; the worst of the workers.",
                "s",
                4,
                4,
            ),
            Query(f"max ({of(COMMITTED_AGE)})"),
            _AGE_STEPS,
        ),
        figure(
            Text("Dead letters", "Events set aside in this time range.", "short", 4, 4),
            Query(total(of(REJECTED))),
            _ANY_STEPS,
        ),
        figure(
            Text("Failed calls", "To Redis and Kafka, in this time range.", "short", 4, 4),
            Query(errors),
            _ANY_STEPS,
        ),
    ]


def _flow() -> list[AnyPanel]:
    lag = f"max by (topic, partition) ({of(CONSUMER_LAG)})"
    sizes = [
        Query(quantile(0.5, BATCH_SIZE), "p50"),
        Query(quantile(0.95, BATCH_SIZE), "p95"),
    ]
    return [
        over_time(
            Text("Events per second by worker", "How the load is shared.", "cps", 8),
            Query(per_second(selector(TRANSACTIONS.name), "instance"), "{{instance}}"),
            stacked=True,
        ),
        over_time(
            Text("Lag per partition", "Events in Kafka that no worker has read yet.", "short", 8),
            Query(lag, "{{topic}} {{partition}}"),
            colours={f"/ {place}$/": colour for place, colour in enumerate(palette.OKABE_ITO)},
        ),
        over_time(
            Text(
                "Batch size",
                "Events in a micro-batch. It grows by itself while a worker is behind.",
                "short",
                8,
            ),
            *sizes,
            colours=_QUANTILE_COLOURS,
        ),
    ]


def _time() -> list[AnyPanel]:
    seconds = of(STAGE_SECONDS, "stage", part="sum")
    buckets = of(STAGE_SECONDS, "stage", part="bucket")
    by_stage = f"histogram_quantile(0.99, {per_second(buckets, 'le, stage')})"
    return [
        over_time(
            Text("Latency of events", "From the broker's timestamp to scored.", "s", 8),
            *(Query(quantile(q, EVENT_LATENCY), name) for name, (q, _) in _QUANTILES.items()),
            colours=_QUANTILE_COLOURS,
        ),
        heat(
            Text("Latency heatmap", "The brighter, the more events per second.", "cps", 8),
            Query(per_second(of(EVENT_LATENCY, part="bucket"), "le"), "{{le}}"),
            "s",
        ),
        over_time(
            Text(
                "Busy by stage",
                "Part of the time spent in a stage, added up over the workers: 100 % is one "
                "of them busy all the time.",
                "percentunit",
                8,
            ),
            Query(per_second(seconds, "stage"), "{{stage}}"),
            colours=_STAGE_COLOURS,
            stacked=True,
        ),
        over_time(
            Text(
                "Stage time, 99 %",
                "How long a stage takes for a batch, slowest but one in a hundred.",
                "s",
                12,
            ),
            Query(by_stage, "{{stage}}"),
            colours=_STAGE_COLOURS,
        ),
        heat(
            Text(
                "Stage heatmap",
                "Time in the chosen stages; the brighter, the more batches.",
                "cps",
                12,
            ),
            Query(per_second(buckets, "le"), "{{le}}"),
            "s",
        ),
    ]


def _trouble() -> list[AnyPanel]:
    oddities = (
        (LATE, "beyond the horizon", palette.ORANGE),
        (LATE_AFFECTED, "scored before an earlier one", palette.SKY),
        (STATE_TRUNCATED, "state cut at the cap", palette.PURPLE),
        (RESTORED, "put into state again", palette.GREEN),
    )
    return [
        over_time(
            Text("Dead letters by reason", "Events set aside per minute.", "cpm", 8),
            Query(per_minute(of(REJECTED), "reason"), "{{reason}}"),
            stacked=True,
            shades=palette.VERMILION,
        ),
        over_time(
            Text(
                "Redis and broker errors",
                "Failed calls per minute; workers repeat them.",
                "cpm",
                8,
            ),
            Query(per_minute(of(REDIS_ERRORS)), "Redis"),
            Query(per_minute(of(KAFKA_ERRORS)), "Kafka"),
            colours={"Redis": palette.VERMILION, "Kafka": palette.BLUE},
        ),
        over_time(
            Text(
                "Late, cut and restored events",
                "Events whose features may differ from those in order, and events read again after "
                "Redis had lost some; per minute.",
                "cpm",
                8,
            ),
            *(Query(per_minute(of(metric)), name) for metric, name, _ in oddities),
            colours={name: colour for _, name, colour in oddities},
        ),
        over_time(
            Text(
                "Commit age by worker", "Seconds since a commit while events wait, else 0.", "s", 12
            ),
            Query(of(COMMITTED_AGE), "{{instance}}"),
            steps=_AGE_STEPS,
        ),
        over_time(
            Text("Rebalances", "Times partitions were revoked, per minute.", "cpm", 12),
            Query(per_minute(of(REBALANCES), "instance"), "{{instance}}"),
            shades=palette.PURPLE,
        ),
    ]


def _workers() -> list[AnyPanel]:
    return [
        timeline(
            Text("Workers", "Whether Prometheus reached each worker.", "short", 12),
            Query(process(queries.UP), "{{instance}}"),
            {"0": ("down", palette.BAD), "1": ("up", palette.GOOD)},
        ),
        over_time(
            Text("CPU by worker", "Cores in use.", "short", 6),
            Query(per_second(process(queries.CPU), "instance"), "{{instance}}"),
        ),
        over_time(
            Text("Memory by worker", "Resident memory.", "bytes", 6),
            Query(process(queries.MEMORY), "{{instance}}"),
        ),
    ]


def _views() -> list[AnyPanel]:
    rates = f"rate({of_views(HTTP_SECONDS, 'bucket')}[{queries.RATE}])"
    return [
        over_time(
            Text(
                "Messages behind",
                "Outcomes and labels that the views have yet to count.",
                "short",
                12,
            ),
            Query(f"max ({of_views(VIEWS_LAG)})", "messages"),
            colours={"messages": palette.BLUE},
        ),
        over_time(
            Text(
                "Answer time, 99 %",
                "Of the HTTP API, by endpoint; the page's own requests are one of them.",
                "s",
                12,
            ),
            Query(f"histogram_quantile(0.99, sum by (le, endpoint) ({rates}))", "{{endpoint}}"),
        ),
    ]
