"""Milliseconds since 1970 as the text that every message and report carries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def iso_times(time_ms: NDArray[np.int64]) -> list[str]:
    """``2015-01-03T12:00:00.000Z`` for each time in milliseconds since 1970 UTC, shape (n,)."""
    texts: list[str] = np.datetime_as_string(
        time_ms.astype("datetime64[ms]"), unit="ms", timezone="UTC"
    ).tolist()
    return texts


def iso_time(time_ms: int) -> str:
    """``iso_times`` of one."""
    return iso_times(np.array([time_ms], np.int64))[0]
