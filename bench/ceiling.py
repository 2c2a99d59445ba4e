"""``python -m bench ceiling``: is the plain loop a ceiling? Its stages alone, and all in one.

Each stage of a batch's way is run alone over all batches, with what it needs from the stage before
at hand; then the plain loop drains the same events. Stages in Python share one interpreter, so they
cannot overlap one another, only the waiting of Redis and Kafka: the loop can at best be as fast as
its Python stages together, nor faster than the machine has processors for the loop, Redis and the
broker. Writes ``bench/results/ceiling.json`` and ``.md``.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import typer
from confluent_kafka import Consumer

from bench.contenders import commands
from bench.local_bench import local_bench
from bench.results_file import keep, say, surroundings
from bench.runs import Bench, Drain, new_producer
from core.names import Topics
from core.settings import Settings
from features.batch import EventBatch
from features.formulas import feature_matrix
from features.iso_times import iso_time
from features.known import Known, country_codes, own_columns
from features.validation import to_batch
from stream.outcomes import Scored
from stream.plain_records import PlainRecord, plain_record
from stream.records import to_rows
from stream.worker import Parts, build_pipeline

_LOOP = "plain_loop"
_DRAINED_S = 30.0


@dataclass
class Clock:
    """Wall and processor seconds by stage; of this thread only, so that waiting shows."""

    wall: dict[str, float] = field(default_factory=dict)
    thread: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        wall, thread = time.perf_counter(), time.thread_time()
        yield
        self.wall[stage] = time.perf_counter() - wall
        self.thread[stage] = time.thread_time() - thread


def ceiling(
    csv: Annotated[Path | None, typer.Option(help="Events; default: a generated sample.")] = None,
    profile: Annotated[str, typer.Option(help="ecommerce or banking.")] = "ecommerce",
    events: Annotated[int, typer.Option(help="At most so many events.")] = 60_000,
    rounds: Annotated[int, typer.Option(min=1, help="Drains of the plain loop.")] = 3,
    partitions: Annotated[int, typer.Option(help="Of the input topic.")] = 4,
    models: Annotated[Path | None, typer.Option(help="Registry; default: train one.")] = None,
) -> None:
    """The stages of the plain loop alone, and the loop."""
    with (
        tempfile.TemporaryDirectory() as temporary,
        local_bench(
            Path(temporary), csv, profile, events, partitions, models, commands([_LOOP])
        ) as bench,
    ):
        alone: list[Clock] = []
        drained: list[Drain] = []
        bench.warm_up(_LOOP)
        for _ in range(rounds):
            alone.append(_stages_alone(bench))
            drained.append(bench.drain(_LOOP))
            say(f"plain loop: {_us_per_event(drained[-1]):.1f} µs per event")
        size = len(bench.batch)
        result: dict[str, Any] = {
            "alone_wall_us": _medians([one.wall for one in alone], 1e6 / size),
            "alone_thread_us": _medians([one.thread for one in alone], 1e6 / size),
            "loop_us": statistics.median(map(_us_per_event, drained)),
            "loop_cpu_us": _medians([one.cpu_us_per_event for one in drained]),
            "cores": psutil.cpu_count(),
            "events": size,
            "partitions": partitions,
            "profile": profile,
            **surroundings(),
        }
    source = "a generated sample" if csv is None else csv.name
    keep("ceiling", result, lambda _: _markdown(result, source))


def _stages_alone(bench: Bench) -> Clock:
    clock = Clock()
    with bench.namespace() as settings:
        bench.publish(new_producer(settings, linger_ms=20), settings, bench.batch)
        parts = build_pipeline(settings, lambda: True)
        with clock("consume"):
            records = _consume(settings, len(bench.batch))
        size = settings.batch_max
        chunks = [records[start : start + size] for start in range(0, len(records), size)]
        with clock("decode"):
            batches = [_decoded(chunk, settings) for chunk in chunks]
            countries = [country_codes(batch, parts.countries) for batch in batches]
        with clock("state"):
            steps = list(_state(parts, chunks, batches, countries))
        with clock("score"):
            known = [
                Known(own_columns(batch, country), step.quantities)
                for batch, country, step in zip(batches, countries, steps, strict=True)
            ]
            matrices = [feature_matrix(one) for one in known]
            decided = [
                parts.decisions.decide(one, batch, country)
                for one, batch, country in zip(matrices, batches, countries, strict=True)
            ]
        scored = [
            Scored(
                batch=batch,
                country=country,
                matrix=matrix,
                device_users=np.zeros(len(batch), np.int64),
                score=one.score,
                decision=one.decision,
                severity=one.severity,
                threshold=one.threshold,
                reasons=one.reasons,
                origin=[(record.topic, record.partition, record.offset) for record in chunk],
                scored_at=iso_time(time.time_ns() // 1_000_000),
                control=one.control,
                rules=one.rules,
            )
            for batch, country, matrix, one, chunk in zip(
                batches, countries, matrices, decided, chunks, strict=True
            )
        ]
        with clock("publish"):
            _publish(parts, scored, chunks)
    return clock


def _consume(settings: Settings, size: int) -> list[PlainRecord]:
    consumer = Consumer(
        {
            **settings.confluent_config(),
            "group.id": f"{settings.namespace}-ceiling",
            "auto.offset.reset": "earliest",
        }
    )
    consumer.subscribe([Topics(settings.namespace).transactions(settings.profile).name])
    records: list[PlainRecord] = []
    deadline = time.monotonic() + _DRAINED_S
    while len(records) < size:
        found = consumer.consume(settings.batch_max, 0.1)
        records += [plain_record(one) for one in found if not one.error()]
        if time.monotonic() > deadline:
            raise SystemExit(f"only {len(records)} of {size} events came back")
    consumer.close()
    return records


def _decoded(chunk: list[PlainRecord], settings: Settings) -> EventBatch:
    rows = to_rows(settings.profile, chunk, settings.max_future_s * 1000)
    return to_batch(settings.profile, [one.event for one in rows.items])


def _state(
    parts: Parts, chunks: list[list[PlainRecord]], batches: list[EventBatch], countries: list[Any]
) -> Iterator[Any]:
    def begin(number: int) -> None:
        partitions = np.array([one.partition for one in chunks[number]], np.int64)
        reached = {one.partition: one.offset + 1 for one in chunks[number]}
        parts.state.begin(batches[number], countries[number], partitions, reached)

    begin(0)
    for _, following in pairwise(range(len(batches))):
        begin(following)
        yield parts.state.finish()[0]
    yield parts.state.finish()[0]


def _publish(parts: Parts, scored: list[Scored], chunks: list[list[PlainRecord]]) -> None:
    for outcomes, records in zip(scored, chunks, strict=True):
        scores, alerts = parts.decisions.encoder.encode(outcomes)
        parts.publisher.confirm()  # of the batch before
        for record, score, alert in zip(records, scores, alerts, strict=True):
            parts.publisher.send(parts.topics.scores.name, record.key, score)
            if alert is not None:
                parts.publisher.send(parts.topics.alerts.name, record.key, alert)
    parts.publisher.confirm()


def _us_per_event(drain: Drain) -> float:
    return 1e6 / drain.scores.events_per_second()


def _medians(found: list[dict[str, float]], times: float = 1.0) -> dict[str, float]:
    return {key: statistics.median(one[key] for one in found) * times for key in found[0]}


def _markdown(result: dict[str, Any], source: str) -> str:
    wall, thread, loop = result["alone_wall_us"], result["alone_thread_us"], result["loop_us"]
    slowest = max(wall, key=lambda stage: wall[stage])
    together = sum(thread.values())
    busy, cores = result["loop_cpu_us"], result["cores"]
    shares = ", ".join(f"{process} {us:.1f}" for process, us in busy.items())
    return "\n".join(
        [
            f"# Ceiling: {source}, {result['events']:,} events, {result['partitions']} partitions",
            "",
            f"`python -m bench ceiling`, commit {result['commit']}, {result['machine']}. µs per "
            "event.",
            "",
            "| stage alone | wall | of it on a processor, in Python's thread |",
            "|---|---|---|",
            *(f"| {stage} | {wall[stage]:.1f} | {thread[stage]:.1f} |" for stage in wall),
            f"| **together** | {sum(wall.values()):.1f} | {together:.1f} |",
            f"| **plain loop** | {loop:.1f} | |",
            "",
            f"The plain loop reaches {together / loop:.2f} of what its Python stages, one after "
            f"another, would allow, and {wall[slowest] / loop:.2f} of its slowest stage "
            f"({slowest}) alone. Its processor time, µs per event: {shares}; on {cores} cores that "
            f"allows {sum(busy.values()) / cores:.1f} at best.",
            "",
        ]
    )
