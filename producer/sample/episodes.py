"""Episodes: several events that belong together, as columns."""

from __future__ import annotations

import numpy as np

from producer.sample.hashing import Floats, Ints


class Episodes:
    """Episodes with ``n`` events in all, the last one cut short so that the sum is exact.

    Args:
        rng: source of the sizes.
        n: events wanted.
        low: fewest events of an episode.
        high: most events of one; sizes are drawn evenly between.

    Attributes:
        of_row: episode of each event, ascending from 0, shape (n,).
        position: 0 for the first event of an episode, 1 for the next …, shape (n,).
        first_row: index of the first event of each episode, shape (episodes,).
        start: second at which each episode begins; the caller sets it, shape (episodes,).
    """

    def __init__(self, rng: np.random.Generator, n: int, low: int, high: int) -> None:
        sizes = rng.integers(low, high + 1, n // low + 1 if n else 0)
        ends = np.cumsum(sizes)
        count = int(np.searchsorted(ends, n)) + 1 if n else 0
        sizes = sizes[:count].astype(np.int64)
        if count:
            sizes[-1] -= int(ends[count - 1]) - n
        self.first_row = np.concatenate(([0], np.cumsum(sizes)[:-1]))[:count].astype(np.int64)
        self.of_row = np.repeat(np.arange(count, dtype=np.int64), sizes)
        self.position = np.arange(n, dtype=np.int64) - self.first_row[self.of_row]
        self.start = np.zeros(count, np.int64)

    def __len__(self) -> int:
        return len(self.start)

    def times(self, rng: np.random.Generator, gap: Floats | float) -> Ints:
        """Event times: exponential gaps between the events of an episode, shape (n,).

        Args:
            rng: source of the gaps.
            gap: mean seconds from one event to the next, one number or one for each episode.
        """
        mean = np.broadcast_to(np.asarray(gap, np.float64), self.start.shape)[self.of_row]
        steps = rng.exponential(1.0, len(self.of_row)) * mean
        steps[self.first_row] = 0.0
        total = np.cumsum(steps)
        since = total - total[self.first_row][self.of_row]
        return self.start[self.of_row] + since.astype(np.int64)
