"""What counts as too late, per partition."""

from __future__ import annotations

import numpy as np
import pytest

from features.declared import HORIZON_MS
from stream.horizon import Horizon

NOW = 1_700_000_000_000


@pytest.fixture
def horizon() -> Horizon:
    return Horizon()


def within(horizon: Horizon, *events: tuple[int, int]) -> list[bool]:
    partitions = [partition for partition, _ in events]
    mask = horizon.within(partitions, np.array([at for _, at in events], np.int64))
    return [bool(one) for one in mask]


def test_first_events_of_a_partition_are_never_too_late(horizon: Horizon) -> None:
    assert within(horizon, (0, NOW), (1, 5)) == [True, True]


def test_event_exactly_the_horizon_behind_is_too_late(horizon: Horizon) -> None:
    events = [(0, NOW), (0, NOW - HORIZON_MS), (0, NOW - HORIZON_MS + 1), (0, NOW + 1)]
    assert within(horizon, *events) == [True, False, True, True]


def test_partitions_have_horizons_of_their_own(horizon: Horizon) -> None:
    assert within(horizon, (0, NOW), (1, NOW - 2 * HORIZON_MS)) == [True, True]
    assert within(horizon, (0, NOW - 2 * HORIZON_MS), (1, NOW)) == [False, True]


def test_late_event_does_not_move_the_horizon_back(horizon: Horizon) -> None:
    assert within(horizon, (0, NOW), (0, 1), (0, NOW - HORIZON_MS)) == [True, False, False]
