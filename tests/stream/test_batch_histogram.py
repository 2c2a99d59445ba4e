"""The batch histogram counts as prometheus_client's own does."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.openmetrics.exposition import generate_latest

from core.metrics import Kind, Metric
from stream.batch_histogram import BatchHistogram

BOUNDS = (0.125, 0.5, 1.0, 10.0)
DECLARED = Metric("x_seconds", Kind.HISTOGRAM, "text", ("profile",), BOUNDS)


@given(batches=st.lists(st.lists(st.sampled_from((0.0, 0.125, 0.25, 1.0, 2.5, 10.0, 99.0)))))
def test_same_page_as_the_library(batches: list[list[float]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    batch = BatchHistogram(DECLARED, ours, {"profile": "banking"})
    single = Histogram(
        DECLARED.family, "text", ("profile",), buckets=BOUNDS, registry=theirs
    ).labels("banking")
    for values in batches:
        batch.observe(np.array(values, np.float64))
        for value in values:
            single.observe(value)

    def samples(registry: CollectorRegistry) -> list[str]:
        page = generate_latest(registry).decode()  # type: ignore[no-untyped-call]
        lines = [line for line in page.splitlines() if "_created" not in line]
        return [line.partition(" # ")[0] for line in lines]

    assert samples(ours) == samples(theirs)
