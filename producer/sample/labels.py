"""When a label becomes known: long after the purchase, and sooner for what an analyst finds.

A chargeback arrives days to weeks later (log-normal, median 18 days). An analyst finds part of the
episodes within hours, then all purchases of the episode at once. An honest purchase counts as
honest when the 60 days for a chargeback are over; a few are cleared by an analyst before.
"""

from __future__ import annotations

import numpy as np

from producer.sample.hashing import Ints
from producer.sample.options import DAY_S

_FOUND = 0.3
_CLEARED = 0.02
_CLOSED_S = 60 * DAY_S


def chargeback_times(rng: np.random.Generator, time: Ints, episode: Ints) -> Ints:
    """When the label 1 of each purchase becomes known.

    Args:
        rng: source of the delays.
        time: purchases, seconds since 1970 UTC, shape (n,).
        episode: number of the episode each belongs to, counted from 0, ascending, shape (n,).
    """
    episodes = int(episode[-1]) + 1 if len(episode) else 0
    last = np.zeros(episodes, np.int64)
    np.maximum.at(last, episode, time)
    found = last + (rng.lognormal(np.log(6 * 3_600), 1.0, episodes)).astype(np.int64)
    by_analyst = rng.random(episodes) < _FOUND
    late = time + (rng.lognormal(np.log(18 * DAY_S), 0.6, len(time))).astype(np.int64)
    return np.where(by_analyst[episode], np.minimum(found[episode], late), late)


def clearing_times(rng: np.random.Generator, time: Ints) -> Ints:
    """When the label 0 of each purchase becomes known."""
    early = time + rng.lognormal(np.log(10 * 3_600), 0.8, len(time)).astype(np.int64)
    closed = time + _CLOSED_S + rng.integers(0, DAY_S, len(time))
    return np.where(rng.random(len(time)) < _CLEARED, np.minimum(early, closed), closed)
