from __future__ import annotations

from typing import Any

from bench.worker_report import as_markdown
from bench.worker_stages import sums
from stream.metrics import WorkerMetrics

RESULT: dict[str, Any] = {
    "throughput": {"fraudstream": 9000.0, "plain_loop": 10000.0},
    "spread": {"fraudstream": [8000.0, 9500.0], "plain_loop": [9000.0, 11000.0]},
    "latency_ms": {
        "500": {"fraudstream": {"p50": 9.0, "p99": 21.0, "samples": 20000}, "plain_loop": None}
    },
    "cpu_us_per_event_by_contender": {
        "fraudstream": {"worker": 50.0, "broker": 20.0, "redis": 10.0},
        "plain_loop": {"worker": 45.0, "broker": 20.0, "redis": 10.0},
    },
    "cpu_us_per_event": {"worker": 50.0, "stages": {"decode": 3.0}},
    "differs": {
        "drain": {"fraudstream": 0.0, "plain_loop": 0.25},
        "500": {"fraudstream": 0.0, "plain_loop": None},
    },
    "events_drained": {"fraudstream": 60000, "plain_loop": 60000},
    "events": 60000,
    "source": "sample.csv",
    "rounds": 5,
    "partitions": 4,
    "commit": "abc",
    "machine": "a machine",
}


def test_the_tables_hold_what_was_measured() -> None:
    text = as_markdown(RESULT, None)
    row = "| fraudstream | 60,000 | 9,000 | 8,000 – 9,500 | 0.90 | – | 0.00% |"
    assert row in text.splitlines()
    assert "| 500 | fraudstream | 9 | 21 | 20,000 | 0.00% |" in text.splitlines()
    assert "| 500 | plain_loop | falls behind | falls behind | | |" in text.splitlines()
    assert "decode 3.0" in text
    assert "The worker's events/s: 0.90 of plain_loop." in text


def test_a_regression_is_told() -> None:
    before = {**RESULT, "throughput": {"fraudstream": 15000.0, "plain_loop": 10000.0}}
    assert "**Regression**: fraudstream 1.50 → 0.90" in as_markdown(RESULT, before)


def test_stages_are_read_from_the_metrics_page() -> None:
    metrics = WorkerMetrics("ecommerce")
    metrics.stage.labels("decode").observe(0.5)
    metrics.stage.labels("decode").observe(0.25)
    assert sums(metrics.exposition("application/openmetrics-text")[0].decode())["decode"] == 0.75
