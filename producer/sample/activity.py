"""Who acts how often: many rarely, a few every day."""

from __future__ import annotations

import numpy as np

from producer.sample.hashing import Ints, Oracle

_BLOCK = 1_024
_GAMMA = 1.8
#: Odd, so that it permutes the ranks of a block.
_FACTOR = 389


def draw_active(rng: np.random.Generator, oracle: Oracle, topic: int, there: Ints) -> Ints:
    """A number from 0 to ``there`` − 1 for each element, some far more often than others.

    Numbers are taken in blocks of 1,024; within a block rank r is drawn with density
    r^(1/γ − 1), γ = 1.8, whatever the size of the whole: the most active make a purchase a day
    or so, the median a few in two months, in a sample of any size.

    Args:
        rng: source of the choices.
        oracle: decides which number has which rank.
        topic: the oracle's topic for it.
        there: how many there are to choose from, ≥ 1, shape (n,).
    """
    n = len(there)
    block = (rng.random(n) * there).astype(np.int64) // _BLOCK
    rank = (rng.random(n) ** _GAMMA * _BLOCK).astype(np.int64)
    turn = oracle.below(_BLOCK, topic, block)
    number = block * _BLOCK + (rank * _FACTOR + turn) % _BLOCK
    evenly = (rng.random(n) * there).astype(np.int64)
    return np.where(number < there, number, evenly)
