"""Two hours of what two workers and the views would have told Prometheus."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.openmetrics.exposition import generate_latest

from core import metrics as declared
from core.names import Decision, RejectCode, Severity
from features.declared import BROWSERS, COUNTRIES, SOURCES
from model.challenge import Challenged
from model.decision import decide
from model.drift.drift import Drift, FeatureDrift
from model.rules.rule import Hit
from model.rules.rule_set import NO_RULES
from stream.metrics import WorkerMetrics

START = 1_767_225_600  # 2026-01-01T00:00:00Z
HOURS = 2
STEP_S = 60
END = START + HOURS * 3600
JOB = "fraudstream-worker"
VIEWS = ("fraudstream-views", "127.0.0.1:8050")
INSTANCES = ("127.0.0.1:6066", "127.0.0.1:6067")
TOPIC = "transactions"
RING = Hit("ring", "block", False, "high", "a second account on the device")
QUIET = Hit("night", "review", True, "low", "at night")
_SAMPLE = re.compile(r"(?P<name>\w+)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")


@dataclass
class Totals:
    """What was counted independently of Prometheus, over all workers."""

    events: int = 0
    alerts: int = 0
    value: float = 0.0
    rejected: int = 0
    batches: int = 0


def write(out: TextIO) -> Totals:
    """Write the samples as OpenMetrics with times; returns what they must add up to."""
    totals = Totals()
    lines: dict[str, list[str]] = {}
    heads: dict[str, list[str]] = {}
    for place, instance in enumerate(INSTANCES):
        for at, page in _pages(place, totals):
            _collect(page, at, (JOB, instance), lines, heads)
    for at, page in _views_pages():
        _collect(page, at, VIEWS, lines, heads)
    for family, head in heads.items():
        out.writelines(head)
        out.writelines(lines.get(family, ()))  # a family may have no series yet
    out.write("# EOF\n")
    return totals


def _pages(place: int, totals: Totals) -> Iterator[tuple[int, str]]:
    """Pages of one worker, one for each scrape."""
    chance = np.random.default_rng(place)
    metrics = WorkerMetrics("ecommerce")
    metrics.show_model("fraud", "3", START - 86_400, challenger="4")
    metrics.show_rules(NO_RULES)
    for at in range(START, END, STEP_S):
        for partition in range(place, 8, 2):
            metrics.note_lag(TOPIC, partition, int(chance.integers(0, 50)))
        if at > START:
            _work(metrics, chance, totals)
        yield at, metrics.exposition("application/openmetrics-text")[0].decode()


def _views_pages() -> Iterator[tuple[int, str]]:
    chance = np.random.default_rng(9)
    registry = CollectorRegistry()
    top, lag = (
        Gauge(one.family, one.text, one.labels, registry=registry)
        for one in (declared.TOP_DEVICE_ALERTS, declared.VIEWS_LAG)
    )
    one = declared.HTTP_SECONDS
    seconds = Histogram(one.family, one.text, one.labels, buckets=one.buckets, registry=registry)
    one = declared.LABELS
    labels = Counter(one.family, one.text, one.labels, registry=registry)
    shares = [
        Gauge(one.family, one.text, one.labels, registry=registry)
        for one in (declared.LIVE_PRECISION, declared.LIVE_RECALL)
    ]
    one = declared.LABELLED_SHARE
    Gauge(one.family, one.text, one.labels, registry=registry).labels("ecommerce").set(0.8)
    one = declared.LABELLED_FRAUD_SHARE
    base_rate = Gauge(one.family, one.text, one.labels, registry=registry)
    for at in range(START, END, STEP_S):
        for outcome in declared.OUTCOMES:
            labels.labels("ecommerce", outcome).inc(int(chance.integers(0, 5)))
        for version in ("v1", "v2"):
            for share in shares:
                share.labels("ecommerce", version).set(float(chance.uniform(0.4, 0.9)))
        for window in declared.WINDOWS:
            base_rate.labels("ecommerce", window).set(float(chance.uniform(0.05, 0.1)))
        for rank in range(1, 11):
            top.labels(str(rank), f"device-{rank}").set(30 - 2 * rank)
        lag.set(int(chance.integers(0, 5)))
        for endpoint in ("summary", "alerts", "page"):
            seconds.labels(endpoint, "2xx").observe(float(chance.gamma(2, 0.002)))
        yield at, generate_latest(registry).decode()  # type: ignore[no-untyped-call]


def _work(metrics: WorkerMetrics, chance: np.random.Generator, totals: Totals) -> None:
    n = int(chance.integers(20, 60))
    score = chance.beta(0.4, 3.0, n).astype(np.float32)
    severities = np.array([*Severity], object)
    decision = [
        Decision.BLOCK if one > 0.8 else Decision.REVIEW if one > 0.5 else Decision.ALLOW
        for one in score.tolist()
    ]
    amount = np.round(chance.gamma(2, 20, n), 2)
    # Some countries never alert, and most are never seen.
    countries = chance.choice([0, 225, 46, 112, 55, 83], n)
    metrics.observe_scored(
        {
            "country": np.minimum(countries, len(COUNTRIES) - 1).astype(np.int16),
            "browser": chance.integers(1, len(BROWSERS) - 1, n).astype(np.int16),
            "source": chance.integers(1, len(SOURCES) - 1, n).astype(np.int16),
        },
        chance.geometric(0.7, n).astype(np.int64),
        score,
        decision,
        severities[np.minimum((score * 4).astype(int), 3)].tolist(),
        amount,
    )
    metrics.observe_hits([(RING,)] * int(chance.integers(0, 4)))
    metrics.observe_hits([(QUIET,)] * int(chance.integers(0, 9)))
    other = np.clip(score + chance.normal(0, 0.1, n), 0, 1).astype(np.float32)
    metrics.observe_challenged(
        Challenged("4", "0" * 64, other, decide(other, 0.5, 0.8), decide(score, 0.5, 0.8))
    )
    for reference in ("training", "trailing"):
        moved = chance.gamma(1, 0.1, 3).tolist()
        metrics.show_drift(
            reference,
            Drift(
                (n, n),
                tuple(
                    FeatureDrift(name, psi, 0.5, False)
                    for name, psi in zip(("hour", "country", "score"), moved, strict=True)
                ),
            ),
        )
    metrics.latency.observe(chance.gamma(2, 0.01, n))
    metrics.batch_size.observe(np.array([n]))
    for stage in ("decode", "state", "score", "publish", "commit"):
        metrics.stage.labels(stage).observe(float(chance.gamma(2, 0.004)))
    if chance.random() < 0.1:
        metrics.rejected.labels(RejectCode.BAD_IP).inc()
        totals.rejected += 1
    alerted = np.array([one != Decision.ALLOW for one in decision])
    totals.events += n
    totals.alerts += int(alerted.sum())
    totals.value += float(amount[alerted].sum())
    totals.batches += 1


def _collect(
    page: str,
    at: int,
    source: tuple[str, str],
    lines: dict[str, list[str]],
    heads: dict[str, list[str]],
) -> None:
    family = ""
    scraped = ["# TYPE up gauge", "up 1"]
    for line in [*page.splitlines(), *scraped]:
        if line.startswith("# EOF") or line.startswith(("# HELP", "# UNIT")):
            continue
        if line.startswith("# TYPE"):
            family = line.split()[2]
            heads.setdefault(family, [f"{line}\n"])
            continue
        found = _SAMPLE.fullmatch(line)
        assert found is not None, line
        target = f'job="{source[0]}",instance="{source[1]}"'
        labels = f"{found['labels']},{target}" if found["labels"] else target
        value = found["value"]
        sample = f"{found['name']}{{{labels}}} {value} {at}\n"
        lines.setdefault(family, []).append(sample)
