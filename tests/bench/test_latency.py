from __future__ import annotations

import numpy as np

from bench.latency import falls_behind, percentiles


def test_percentiles_of_latencies() -> None:
    assert percentiles(np.arange(1001.0)) == {"p50": 500.0, "p99": 990.0, "samples": 1001}


def test_who_keeps_up_does_not_fall_behind() -> None:
    assert not falls_behind(np.full(1000, 20.0))


def test_a_hiccup_that_is_made_up_for_is_no_falling_behind() -> None:
    latency = np.full(1000, 20.0)
    latency[300:500] = 5000.0
    assert not falls_behind(latency)


def test_latency_that_grows_without_end_is_falling_behind() -> None:
    assert falls_behind(np.linspace(10, 3000, 1000))


def test_an_event_without_a_score_is_falling_behind() -> None:
    latency = np.full(1000, 20.0)
    latency[10] = np.inf
    assert falls_behind(latency)
