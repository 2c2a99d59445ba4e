"""A worker and views, what they published, and a real Prometheus that says the same of it.

Raw sums equal counts of the messages exactly; panels with ``rate`` or ``increase``, which
extrapolate, within two per cent.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from core import metrics as declared
from core.kafka_admin import ensure_topics
from core.names import DAY_MS, Role, Topics
from core.settings import Settings, load_settings
from features.csv_source import CsvData, read_transactions
from grafana.asking import Series, at_once, over_time
from grafana.expressions import Expression, Kind, expressions, substituted
from model.metadata import Thresholds
from model.registry import Registry
from producer.labels import Labels, send_labels
from producer.sample import SampleOptions, write_sample
from stack.prometheus import CONFIG
from tests.grafana.own_prometheus import OwnPrometheus, needs
from tests.servers.ports import lasting_port
from tests.stream.conftest import put_small_model
from tests.stream.served_views import served_views
from tests.stream.test_challenger import add_version
from tests.stream.test_worker import messages
from tests.stream.workers import Published, Reader, publish, running_worker

pytestmark = pytest.mark.integration
EVENTS = 4_000
BAD = 20
PARTS = 40
#: Something for the panels of rules; counts of alerts are those of the messages all the same.
BESIDE_THE_MODEL = """
- {name: large, when: amount > 60, action: review, reason: a large amount}
- {name: small, when: amount < 20, action: review, reason: a small one, shadow: true}
"""
SCRAPE_S = 1
#: Of the dashboards; longer than the run, which begins with counters at zero.
RANGE_S = 3_600
#: The worker is seen at zero before the first event, and at rest after the last one.
REST_S = 4 * SCRAPE_S
ALL = [*expressions()]
WORKER_JOB, VIEWS_JOB = "fraudstream-worker", "fraudstream-views"
RULES = [
    rule
    for path in sorted((CONFIG.parent / "rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
#: What has nothing to show after a run of a minute in which nothing went wrong.
_WITHOUT = ("baseline1d", "settled1d", declared.FEATURE_PSI.name, declared.DRIFTED.name)
_ANNOTATIONS = {"Restarts", "Rebalances"}


@dataclass(frozen=True)
class Run:
    """What was asked of the worker, and where its history is."""

    url: str
    start: float
    end: float
    published: Published


@pytest.fixture(scope="module")
def run(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    needs("prometheus")
    folder = tmp_path_factory.mktemp("live")
    settings = load_settings(
        kafka=kafka, redis=redis_url, namespace=f"t-{folder.name}-{lasting_port()}",
        models=folder / "models", metrics_port=lasting_port(), views_port=lasting_port(),
    )  # fmt: skip
    put_small_model(settings)
    challenger = add_version(settings, Thresholds(0.7, 0.8))
    Registry(settings.models).promote(settings.profile, challenger, Role.CHALLENGER)
    ensure_topics(settings, Topics(settings.namespace).all(settings.profile), 4)
    ports = {WORKER_JOB: settings.metrics_port, VIEWS_JOB: settings.views_port}
    prometheus = OwnPrometheus(folder, configured(ports))
    rules = folder / "rules.yaml"
    rules.write_text(BESIDE_THE_MODEL)
    with (
        served_views(settings, folder / "views.log"),
        running_worker(settings, folder / "worker.log", FRAUDSTREAM_RULES=str(rules)) as worker,
    ):
        worker.await_text("FetchThread]: Starting")
        prometheus.start()
        try:
            yield scored(settings, prometheus.url, folder)
        finally:
            prometheus.stop()


def configured(ports: dict[str, int]) -> dict[str, Any]:
    """The local stack's configuration, at a quicker pace and with its jobs where they are."""
    found: dict[str, Any] = yaml.safe_load(CONFIG.read_text("utf-8"))
    found["global"] |= {
        "scrape_interval": f"{SCRAPE_S}s", "scrape_timeout": f"{SCRAPE_S}s",
        "evaluation_interval": f"{SCRAPE_S}s",
    }  # fmt: skip
    found["rule_files"] = [str(CONFIG.parent / pattern) for pattern in found["rule_files"]]
    found.pop("alerting", None)
    for job in found["scrape_configs"]:
        job["static_configs"] = [{"targets": [f"127.0.0.1:{ports[job['job_name']]}"]}]
    return found


def scored(settings: Settings, url: str, folder: Path) -> Run:
    """A sample and a few bad events, spread over some time, and what became of them."""
    path = folder / "sample.csv"
    # With this seed there are alerts on the last day, of which the top devices are.
    write_sample(path, SampleOptions("ecommerce", rows=EVENTS, fraud_rate=0.1, seed=2))
    data = read_transactions(path, rejects=folder / "rejects.csv")
    batch = data.batch
    await_value(url, f"sum({declared.TRANSACTIONS.name})", 0)
    start = time.time()
    written = messages(batch.take(batch.in_total_order()))
    step = EVENTS // PARTS
    for part in range(PARTS):
        publish(settings, written[part * step : (part + 1) * step])
        if part % (PARTS // BAD) == 0:
            publish(settings, [(f"bad-{part}", b'{"user_id": ')])
        time.sleep(0.5)
    reader = Reader(settings)
    published = reader.read_until(EVENTS + BAD)
    reader.close()
    await_value(url, f"sum({declared.TRANSACTIONS.name})", EVENTS)
    await_value(url, f"sum({declared.CONSUMER_LAG.name})", 0)
    send(settings, data)
    await_value(url, f"sum({declared.LABELS.name})", EVENTS)
    time.sleep(REST_S)
    # At the very moment of a sample, so that nothing is extrapolated to the end of the range.
    (last,) = at_once(url, f'timestamp(up{{job="{WORKER_JOB}"}})', time.time())
    return Run(url, start, last.last, published)


def send(settings: Settings, data: CsvData) -> None:
    """The labels of the sample, a day after its events."""
    labels = Labels(
        data.batch.profile, data.batch.event_id, data.label, data.batch.time_ms + DAY_MS,
        ["test"] * len(data.batch),
    )  # fmt: skip
    sent = send_labels(
        labels, settings, notice=print, progress=lambda _: None, stopping=lambda: False
    )
    assert (sent.sent, sent.failed, sent.complete) == (EVENTS, 0, True)


def await_value(url: str, expr: str, value: float, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        found = at_once(url, expr, time.time())
        if found and found[0].last == value:
            return
        assert time.monotonic() < deadline, (expr, found)
        time.sleep(0.2)


def ask(run: Run, one: Expression) -> list[Series]:
    expr = substituted(one.expr, range_s=RANGE_S, interval_s=SCRAPE_S, scrape_s=SCRAPE_S)
    # What shows the last seconds shows nothing when nothing comes any more: asked all along.
    if one.kind in (Kind.INSTANT, Kind.VARIABLE) and "$__rate_interval" not in one.expr:
        return at_once(run.url, expr, run.end)
    return over_time(run.url, expr, run.start, run.end, SCRAPE_S)


def has_a_number(series: list[Series]) -> bool:
    return any(math.isfinite(value) for found in series for _, value in found.points)


@pytest.mark.parametrize(
    "one", ALL, ids=lambda one: f"{one.dashboard}: {one.title} {one.ref} {one.kind}"
)
def test_every_expression_of_a_dashboard_has_data(run: Run, one: Expression) -> None:
    found = ask(run, one)  # an error is raised
    if one.kind is Kind.ANNOTATION:
        assert one.title in _ANNOTATIONS
    elif not any(mark in one.expr for mark in _WITHOUT):
        assert has_a_number(found), one.expr


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("record") or rule["alert"])
def test_every_rule_is_evaluated(run: Run, rule: dict[str, Any]) -> None:
    found = at_once(run.url, rule["expr"], run.end)  # an error is raised
    if "record" in rule and not any(mark in str(rule) for mark in _WITHOUT):
        assert has_a_number(found), rule["expr"]
        assert has_a_number(at_once(run.url, rule["record"], run.end)), rule["record"]


def by(run: Run, metric: declared.Metric, *labels: str) -> dict[Any, float]:
    """Label values → raw sum at the end, where it is not 0."""
    found = at_once(run.url, f"sum by ({', '.join(labels)}) ({metric.series[-1]})", run.end)
    named = {tuple(one.labels[label] for label in labels): one.last for one in found if one.last}
    return {key[0] if len(key) == 1 else key: value for key, value in named.items()}


def test_events_are_counted_as_published(run: Run) -> None:
    scores, alerts = run.published.scores, run.published.alerts
    assert len(scores) == EVENTS
    assert by(run, declared.TRANSACTIONS, "profile", "decision") == Counter(
        (one["profile"], one["decision"]) for one in scores
    )
    assert by(run, declared.ALERTS, "severity") == Counter(one["severity"] for one in alerts)
    assert sum(by(run, declared.REJECTED, "reason").values()) == BAD
    assert by(run, declared.SCORE, "profile") == {"ecommerce": EVENTS}
    users = [one["device_users"] for one in scores if one["device_users"] is not None]
    assert by(run, declared.DEVICE_USERS, "profile") == {"ecommerce": len(users)}
    total = at_once(run.url, "sum(fraudstream_device_users_sum)", run.end)
    assert total[0].last == sum(users)


@pytest.mark.parametrize(
    ("column", "transactions", "alerts"),
    [
        ("country", declared.COUNTRY_TRANSACTIONS, declared.COUNTRY_ALERTS),
        ("browser", declared.BROWSER_TRANSACTIONS, declared.BROWSER_ALERTS),
        ("source", declared.SOURCE_TRANSACTIONS, declared.SOURCE_ALERTS),
    ],
)
def test_views_are_counted_as_published(
    run: Run, column: str, transactions: declared.Metric, alerts: declared.Metric
) -> None:
    def counted(messages_of: list[dict[str, Any]]) -> Counter[str]:
        return Counter(one[column] or "unknown" for one in messages_of)

    assert by(run, transactions, column) == counted(run.published.scores)
    assert by(run, alerts, column) == counted(run.published.alerts)


def test_the_value_at_risk_is_that_of_the_alerts(run: Run) -> None:
    found = by(run, declared.ALERT_VALUE, "profile")
    total = sum(one["amount"] for one in run.published.alerts)
    assert found == {"ecommerce": pytest.approx(total, rel=1e-9)}


@pytest.mark.parametrize(
    ("title", "count"),
    [
        ("Transactions", lambda published: len(published.scores)),
        ("Alerts", lambda published: len(published.alerts)),
        ("Value at risk", lambda published: sum(one["amount"] for one in published.alerts)),
    ],
)
def test_panels_with_increase_are_within_two_per_cent(
    run: Run, title: str, count: Callable[[Published], float]
) -> None:
    (one,) = (one for one in ALL if (one.dashboard, one.title) == ("Fraud overview", title))
    (series,) = ask(run, one)
    assert series.last == pytest.approx(count(run.published), rel=0.02)


def test_the_alert_share_is_that_of_the_messages(run: Run) -> None:
    (one,) = (one for one in ALL if (one.dashboard, one.title) == ("Fraud overview", "Alert share"))
    (series,) = ask(run, one)
    expected = len(run.published.alerts) / len(run.published.scores)
    assert series.last == pytest.approx(expected, rel=0.02)
