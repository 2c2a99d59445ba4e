"""When things happen: the daily and weekly cycle of customers, and the waves of attackers.

Both are densities over hours; what is used is their cumulative share, which turns a number in
[0, 1) into a time and a time into the share of events before it.
"""

from __future__ import annotations

import math

import numpy as np

from producer.sample.hashing import Floats, Ints

_HOUR_S = 3_600
#: Customers' relative activity by hour of the day (UTC) and by day of the week from Monday.
_BY_HOUR = (
    0.55, 0.40, 0.30, 0.25, 0.25, 0.30, 0.45, 0.65, 0.85, 1.00, 1.10, 1.20,
    1.25, 1.20, 1.15, 1.15, 1.20, 1.30, 1.45, 1.60, 1.65, 1.50, 1.20, 0.80,
)  # fmt: skip
_BY_WEEKDAY = (0.95, 0.92, 0.93, 0.97, 1.08, 1.13, 1.02)
#: 1970-01-01 was a Thursday.
_EPOCH_WEEKDAY = 3


class Curve:
    """A density over the span and its inverse.

    Args:
        start: first second of the span.
        end: first second after it.
        density: relative density of each hour of the span, > 0.
    """

    def __init__(self, start: int, end: int, density: Floats) -> None:
        edges = start + _HOUR_S * np.arange(len(density) + 1, dtype=np.float64)
        edges[-1] = end
        mass = np.cumsum(np.concatenate(([0.0], density * np.diff(edges))))
        self._edges = edges
        self._share = mass / mass[-1]
        self._last = end - 1

    def share_before(self, times: Ints | Floats) -> Floats:
        """Share of all events that lie before each time."""
        return np.asarray(np.interp(times, self._edges, self._share), np.float64)

    def time_at(self, share: Floats) -> Ints:
        """Second at which each share of all events has happened."""
        times = np.interp(share, self._share, self._edges)
        return np.minimum(times.astype(np.int64), self._last)


def _hours(start: int, end: int) -> Ints:
    count = max(1, math.ceil((end - start) / _HOUR_S))
    return start + _HOUR_S * np.arange(count, dtype=np.int64)


def customer_curve(start: int, end: int, seasonality: float) -> Curve:
    """Density of honest events; ``seasonality`` 0 makes it flat, 1 gives the full cycle."""
    hours = _hours(start, end)
    of_day = np.array(_BY_HOUR)[hours // _HOUR_S % 24]
    of_week = np.array(_BY_WEEKDAY)[(hours // (24 * _HOUR_S) + _EPOCH_WEEKDAY) % 7]
    return Curve(start, end, 1.0 + seasonality * (of_day * of_week - 1.0))


def attack_curve(start: int, end: int, seasonality: float, rng: np.random.Generator) -> Curve:
    """Density of one kind of fraud: a steady base, and waves of one to three days on it.

    Attackers keep half of their customers' hours (they hide among them) and the rest at random.
    """
    hours = _hours(start, end)
    days = (hours - start) / (24 * _HOUR_S)
    span = max(1.0, (end - start) / (24 * _HOUR_S))
    waves = max(1, round(span / 12))
    # One wave in each equal part of the span, so that every longer stretch sees some.
    centres = (np.arange(waves) + rng.uniform(0.1, 0.9, waves)) * span / waves
    widths = rng.uniform(0.4, 1.2, waves) * min(1.0, span / 10)
    heights = rng.uniform(0.8, 2.5, waves)
    density = np.ones(len(hours))
    for centre, width, height in zip(centres, widths, heights, strict=True):
        density += height * np.exp(-0.5 * ((days - centre) / width) ** 2)
    cycle = np.array(_BY_HOUR)[hours // _HOUR_S % 24]
    return Curve(start, end, density * (1.0 + 0.5 * seasonality * (cycle - 1.0)))
