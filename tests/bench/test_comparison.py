from __future__ import annotations

from typing import Any

import pytest

from bench.comparison import comparable, ratios, regressions


def run(**throughput: float) -> dict[str, Any]:
    return {"throughput": throughput}


def test_a_ratio_is_to_the_plain_loop() -> None:
    assert ratios(run(fraudstream=50.0, plain_loop=100.0)) == {
        "fraudstream": 0.5,
        "plain_loop": 1.0,
    }


def test_without_the_plain_loop_there_are_no_ratios() -> None:
    assert ratios(run(fraudstream=50.0)) == {}
    assert regressions(run(fraudstream=1.0), run(fraudstream=50.0, plain_loop=100.0)) == {}


def test_a_slower_machine_is_no_regression() -> None:
    before = run(fraudstream=90.0, plain_loop=100.0)
    assert regressions(run(fraudstream=9.0, plain_loop=10.0), before) == {}


def test_a_ratio_that_fell_clearly_is_a_regression() -> None:
    before = run(fraudstream=90.0, faust_take=30.0, plain_loop=100.0)
    now = run(fraudstream=60.0, faust_take=29.0, quix_redis=1.0, plain_loop=100.0)
    assert regressions(now, before) == {"fraudstream": pytest.approx((0.9, 0.6))}


@pytest.mark.parametrize(
    "other", [{"source": "b.csv"}, {"events": 2}, {"profile": "banking"}, {"partitions": 8}]
)
def test_runs_on_other_events_are_not_compared(other: dict[str, Any]) -> None:
    now = {"source": "a.csv", "events": 1, "profile": "ecommerce", "partitions": 4}
    assert comparable(now, {**now, "rounds": 3}) is not None
    assert comparable(now, {**now, **other}) is None
    assert comparable(now, {"throughput": {}}) is None
    assert comparable(now, None) is None
