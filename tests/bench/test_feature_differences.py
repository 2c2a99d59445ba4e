from __future__ import annotations

import numpy as np

from bench.feature_differences import events_that_differ

NAMES = ("user_count_1h", "device_count_1h", "device_age_seconds", "hour")


def test_an_event_counts_once_for_each_entity_of_which_a_feature_differs() -> None:
    matrix = np.array([[1, 2, np.nan, 5], [1, 2, 3, 5], [1, 2, 3, 5]], np.float32)
    found: dict[str, dict[str, float | None]] = {
        "a": {"user_count_1h": 1.0, "device_count_1h": 2.0, "device_age_seconds": None},
        "b": {"user_count_1h": 1.0, "device_count_1h": 1.0, "device_age_seconds": None},
        "c": {"user_count_1h": 0.0, "device_count_1h": 2.0, "device_age_seconds": 3.0},
    }
    assert events_that_differ(found, ["a", "b", "c"], matrix, NAMES) == {
        "user": 1,
        "device": 1,
        "ip": 0,
    }
