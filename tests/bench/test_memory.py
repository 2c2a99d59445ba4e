from __future__ import annotations

import pytest

from bench.memory import growth_per_million


def test_growth_is_that_after_the_start() -> None:
    samples = [(100_000, 50.0), *((million * 1_000_000, 300.0 + million) for million in (1, 2, 3))]
    assert growth_per_million(samples) == pytest.approx(1.0)
