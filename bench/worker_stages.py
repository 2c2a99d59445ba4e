"""What the worker itself says of its stages: wall time, from its metrics page."""

from __future__ import annotations

from http.client import HTTPConnection

from prometheus_client.openmetrics.parser import text_string_to_metric_families

_SUM = "fraudstream_stage_seconds_sum"


def stage_seconds(port: int) -> dict[str, float]:
    """Stage → seconds spent in it since the worker on ``port`` has started."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/metrics", headers={"Accept": "application/openmetrics-text"})
        return sums(connection.getresponse().read().decode())
    finally:
        connection.close()


def sums(page: str) -> dict[str, float]:
    """Stage → seconds, of a page in OpenMetrics format."""
    families = text_string_to_metric_families(page)  # type: ignore[no-untyped-call]
    return {
        sample.labels["stage"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == _SUM
    }
