"""Properties of people and places as a function of (seed, what, number), without storing them.

A population of millions then needs no memory, and whatever asks for a property of user 17, in
whichever order, gets the same answer. The mixing function is SplitMix64's finaliser (Steele, Lea,
Flood 2014, "Fast splittable pseudorandom number generators").
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Words: TypeAlias = NDArray[np.uint64]
Floats: TypeAlias = NDArray[np.float64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def _mix(words: Words) -> Words:
    words = (words ^ (words >> np.uint64(30))) * _FIRST
    words = (words ^ (words >> np.uint64(27))) * _SECOND
    return words ^ (words >> np.uint64(31))


class Oracle:
    """Answers to "what is property ``topic`` of number n", uniform and independent.

    Args:
        seed: another seed, another world.
    """

    def __init__(self, seed: int) -> None:
        self._key = _mix(np.array([seed], np.uint64) + _GOLDEN)

    def words(self, topic: int, *numbers: Ints | int) -> Words:
        """64 random bits for each element of ``numbers`` (broadcast against each other)."""
        state = _mix(self._key ^ np.array([topic], np.uint64) * _GOLDEN)
        for number in numbers:
            part = np.atleast_1d(np.asarray(number, np.int64)).astype(np.uint64)
            state = _mix((state ^ part) + _GOLDEN)
        return state

    def below(self, limit: Ints | int, topic: int, *numbers: Ints | int) -> Ints:
        """A whole number from 0 to ``limit`` − 1 for each element."""
        bound = np.atleast_1d(np.asarray(limit, np.int64)).astype(np.uint64)
        return (self.words(topic, *numbers) % bound).astype(np.int64)

    def uniform(self, topic: int, *numbers: Ints | int) -> Floats:
        """A number in [0, 1) for each element."""
        return (self.words(topic, *numbers) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, topic: int, *numbers: Ints | int) -> Floats:
        """A standard normal number for each element (Box–Muller)."""
        words = self.words(topic, *numbers)
        low = np.uint64(0xFFFFFFFF)
        radius = ((words >> np.uint64(32)).astype(np.float64) + 1.0) * 2.0**-32
        angle = (words & low).astype(np.float64) * (2.0 * np.pi * 2.0**-32)
        return np.sqrt(-2.0 * np.log(radius)) * np.cos(angle)


def pick(shares: tuple[float, ...], uniform: Floats) -> NDArray[np.int8]:
    """Index into ``shares`` (they sum to 1) for each number in [0, 1)."""
    edges = np.cumsum(shares)[:-1]
    return np.searchsorted(edges, uniform, side="right").astype(np.int8)
