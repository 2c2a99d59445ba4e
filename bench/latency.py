"""From single latencies to what is reported of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

#: Who at the end of a run needs longer than that for most events will need ever longer.
_BEHIND_MS = 1000.0
#: The part of a run, at its end, that is looked at for that.
_END = 0.1


def percentiles(latency_ms: NDArray[np.float64]) -> dict[str, float]:
    """50th and 99th percentile of at least one latency, and how many there are."""
    p50, p99 = np.percentile(latency_ms, [50, 99])
    return {"p50": float(p50), "p99": float(p99), "samples": len(latency_ms)}


def falls_behind(latency_ms: NDArray[np.float64]) -> bool:
    """Whether events came faster than they were scored.

    Args:
        latency_ms: of all events of a run, in the order in which they were sent; infinite where an
            event was never scored.
    """
    last = latency_ms[-max(1, int(len(latency_ms) * _END)) :]
    return bool(np.median(last) > _BEHIND_MS or np.isinf(latency_ms).any())
