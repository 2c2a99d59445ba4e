"""``python -m bench views-memory``: what the read model of the views costs, in memory and in time.

Scores, alerts and labels of random events are put on the topics. First they are only consumed and
decoded (the baseline), then the projector takes them in; Redis says how much more it holds after
that. Two rates of events: those of a busy hour, where many share an hour's sums, and those of the
public e-commerce data, some 17 an hour, where few do.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import psutil
import redis
import typer
from confluent_kafka import Consumer, Producer, TopicPartition

from bench.results_file import keep, say, surroundings
from core.kafka_admin import CLIENT_LOG, ensure_topics
from core.names import PARTITIONS, Topics
from core.settings import Settings, load_settings
from features.iso_times import iso_times
from stack.local import LocalStack
from views.readmodel.incoming import readers
from views.readmodel.projector import Projector, read_topics

_START_MS = 1_420_070_400_000
#: Events an hour.
_RATES = {"busy": 100_000, "like the public data": 17}
_ALERTS, _LABELS = 0.05, 0.3
#: As many features as an alert of the e-commerce profile has, or so.
_FEATURES = 60


def views_memory(
    events: Annotated[int, typer.Option(help="How many.")] = 100_000,
    name: Annotated[str, typer.Option(help="Of the files in bench/results.")] = "views_memory",
) -> None:
    """Redis memory for each event in the read model of the views, and the projector's speed."""
    with tempfile.TemporaryDirectory() as folder:
        stack = LocalStack(Path(folder), prometheus=False)
        try:
            addresses = stack.up(say)
            server = next(one.pid for one in stack.status() if one.name == "redis")
            runs = {
                label: _run(addresses.kafka, addresses.redis, psutil.Process(server), events, rate)
                for label, rate in _RATES.items()
            }
        finally:
            stack.down(wipe=True)
    result = {"events": events, "runs": runs, **surroundings()}
    keep(name, result, lambda _: _markdown(result))


def _run(
    kafka: str, url: str, server: psutil.Process, events: int, per_hour: int
) -> dict[str, float]:
    settings = load_settings(kafka=kafka, redis=url, namespace=f"bench-{time.time_ns():x}")
    ensure_topics(settings, read_topics(settings), PARTITIONS)
    sent = _publish(settings, events, per_hour)
    say(f"{sent:,} messages are on the topics")
    plain_s = _consume(settings, sent)
    client = redis.Redis.from_url(url)
    before = client.info("memory")["used_memory"]
    ours, theirs = time.process_time(), sum(server.cpu_times()[:2])
    seconds = _project(settings, sent)
    ours, theirs = time.process_time() - ours, sum(server.cpu_times()[:2]) - theirs
    grown = client.info("memory")["used_memory"] - before
    client.close()
    return {
        "messages": sent,
        "bytes_per_event": grown / events,
        "mib_per_million_events": grown / events * 1e6 / 2**20,
        "plain_messages_per_s": sent / plain_s,
        "messages_per_s": sent / seconds,
        "events_per_s": events / seconds,
        "projector_us_per_message": ours / sent * 1e6,
        "redis_us_per_message": theirs / sent * 1e6,
    }


def _messages(settings: Settings, events: int, per_hour: int) -> Iterator[tuple[str, str, bytes]]:
    """Topic, event id and message; an event's one after another."""
    topics = Topics(settings.namespace)
    random = np.random.default_rng(1)
    step = 3_600_000 / per_hour
    times = (_START_MS + np.arange(events) * step).astype(np.int64)
    later = iso_times(times + 86_400_000)
    countries = np.array(["US", "CN", "JP", "GB", "KR", "DE", "FR", "CA", "BR", "unknown"])
    columns = {
        "country": random.choice(countries, events),
        "browser": random.choice(["Chrome", "FireFox", "IE", "Opera", "Safari"], events),
        "source": random.choice(["SEO", "Ads", "Direct"], events),
        "sex": random.choice(["F", "M"], events),
    }
    features = {f"feature_of_an_entity_{n}_24h": float(np.float32(n / 7)) for n in range(_FEATURES)}
    for row, at in enumerate(iso_times(times)):
        event_id = f"ecommerce-0a1b2c3d-{row:012d}"
        is_alert = random.random() < _ALERTS
        score: dict[str, Any] = {
            "schema": 1, "event_id": event_id, "profile": "ecommerce", "event_time": at,
            "score": round(float(random.random()), 6),
            "decision": "review" if is_alert else "allow",
            "user_id": str(random.integers(400_000)), "amount": float(random.integers(9, 154)),
            "device_id": f"{random.integers(10**12):013d}", "age": float(random.integers(18, 76)),
            "device_users": 1, "scored_at": at,
            **{name: str(values[row]) for name, values in columns.items()},
        }  # fmt: skip
        yield topics.scores.name, event_id, orjson.dumps(score)
        if is_alert:
            alert = score | {"severity": "high", "features": features, "reasons": []}
            yield topics.alerts.name, event_id, orjson.dumps(alert)
        if random.random() < _LABELS:
            label = {
                "schema": 1, "event_id": event_id, "profile": "ecommerce",
                "label": int(random.random() < 0.1), "labelled_at": later[row], "source": "bench",
            }  # fmt: skip
            yield topics.labels.name, event_id, orjson.dumps(label)


def _publish(settings: Settings, events: int, per_hour: int) -> int:
    config = {**settings.confluent_config(), "queue.buffering.max.messages": 2_000_000}
    producer = Producer(config, logger=CLIENT_LOG)
    sent = 0
    for topic, key, message in _messages(settings, events, per_hour):
        producer.produce(topic, message, key)
        sent += 1
        if sent % 1_000 == 0:
            producer.poll(0)
    producer.flush()
    return sent


def _consume(settings: Settings, messages: int) -> float:
    """Read and decode all messages, and no more; seconds from the first to the last."""
    read = readers(settings.namespace)
    config = {**settings.confluent_config(), "group.id": "plain", "auto.offset.reset": "earliest"}
    consumer = Consumer(config, logger=CLIENT_LOG)
    consumer.assign(
        [
            TopicPartition(topic.name, partition, 0)
            for topic in read_topics(settings)
            for partition in range(PARTITIONS)
        ]
    )
    count = 0
    started = 0.0
    while count < messages:
        fetched = consumer.consume(1_000, 0.2)
        if fetched and not count:
            started = time.perf_counter()
        for message in fetched:
            read[str(message.topic())](message.value() or b"")
        count += len(fetched)
    seconds = time.perf_counter() - started
    consumer.close()
    return seconds


def _project(settings: Settings, messages: int) -> float:
    """Seconds from the first message to the last."""
    times: list[float] = []
    projector: Projector

    def is_missing_some() -> bool:
        count = sum(projector.sorter.next.values())
        if count and not times:
            times.append(time.perf_counter())
        if count >= messages:
            times.append(time.perf_counter())
        return len(times) < 2

    projector = Projector(settings, is_missing_some)
    projector.run()
    return times[1] - times[0]


def _markdown(result: dict[str, Any]) -> str:
    rows = [
        f"| {label} | {run['mib_per_million_events']:,.0f} | {run['bytes_per_event']:.0f} "
        f"| {run['plain_messages_per_s']:,.0f} | {run['messages_per_s']:,.0f} "
        f"| {run['events_per_s']:,.0f} | {run['projector_us_per_message']:.0f} "
        f"| {run['redis_us_per_message']:.0f} |"
        for label, run in result["runs"].items()
    ]
    return "\n".join(
        [
            f"# The read model of the views: {result['events']:,} events",
            "",
            f"`python -m bench views-memory`, commit {result['commit']}, {result['machine']}.",
            "",
            f"An event has a score; {_ALERTS:.0%} have an alert, {_LABELS:.0%} a label. Memory is "
            "the growth of Redis' `used_memory`, scaled to a million events. The baseline consumes "
            "and decodes the same messages and does nothing with them.",
            "",
            "| events an hour | MiB per million events | bytes per event | baseline, messages/s "
            "| projector, messages/s | events/s | CPU µs per message | of Redis |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )
