"""How large the runs are: 1 is what continuous integration can afford, ``make soak`` takes more."""

from __future__ import annotations

import os

#: Read when the tests are collected, before the fixtures take every setting out of the environment.
SCALE = float(os.environ.get("FRAUDSTREAM_FAULT_SCALE", "1"))


def scaled(count: int) -> int:
    """A number of events, kills or rounds at the scale in use."""
    return max(1, round(count * SCALE))
