"""Comparing a run with the one whose results are kept: by ratios, since machines differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CEILING = "plain_loop"
#: A ratio that fell below this part of the one before is called a regression; runs of the same
#: code on a small machine differ by less.
_REGRESSION = 0.85
#: What two runs must have in common.
_SAME = ("source", "events", "profile", "partitions")


def comparable(
    now: Mapping[str, Any], before: Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """``before``, where it was made from the same events; None: there is nothing to compare with.

    How many events a plain loop and the worker do a second depends on how long the histories of
    the entities are, so a ratio of one source says nothing about that of another.
    """
    if before is None or any(now[one] != before.get(one) for one in _SAME):
        return None
    return before


def ratios(result: Mapping[str, Any]) -> dict[str, float]:
    """Contender → its events/s over those of the plain loop; empty where that did not run."""
    throughput = result["throughput"]
    if not throughput.get(CEILING):
        return {}
    return {name: rate / throughput[CEILING] for name, rate in throughput.items()}


def regressions(
    now: Mapping[str, Any], before: Mapping[str, Any]
) -> dict[str, tuple[float, float]]:
    """Contender → (ratio before, ratio now), of those that have become clearly slower."""
    old = ratios(before)
    return {
        name: (old[name], ratio)
        for name, ratio in ratios(now).items()
        if name in old and ratio < old[name] * _REGRESSION
    }
