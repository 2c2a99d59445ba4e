"""A Prometheus that holds what two workers would have told it in two hours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from stack.prometheus import RECORDING_RULES
from tests.grafana import samples
from tests.grafana.own_prometheus import OwnPrometheus, needs

#: Rules read other rules: ratios read totals, baselines read ratios.
_DEPTH = 3


@dataclass(frozen=True, slots=True)
class Filled:
    """The server and what must come out of it."""

    url: str
    totals: samples.Totals
    start: int = samples.START
    #: A scrape before the end, so that the latest samples are there.
    end: int = samples.END - samples.STEP_S
    step_s: int = samples.STEP_S

    @property
    def range_s(self) -> int:
        """The whole of it."""
        return self.end - self.start


@pytest.fixture(scope="session")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    needs("prometheus", "promtool")
    folder = tmp_path_factory.mktemp("prometheus")
    text = folder / "samples.txt"
    with text.open("w") as out:
        totals = samples.write(out)
    server = OwnPrometheus(folder)
    server.take_openmetrics(text)
    try:
        server.start()
        for _ in range(_DEPTH):
            server.take_rules(RECORDING_RULES, samples.START, samples.END, samples.STEP_S)
            server.stop()
            server.start()
        yield Filled(server.url, totals)
    finally:
        server.stop()
