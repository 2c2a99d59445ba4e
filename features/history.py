"""Events of a whole history, grouped by entity, for the kernel to look back from each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.entry import PEER_WORD
from features.kernel import from_history, group, link_history
from features.quantities import N_QUANTITIES


class History:
    """All events of one kind of entity, each of which can be asked for its past.

    Args:
        entries: the events' entries in total order without repeats; words from ``ID_WORD`` on may
            be left out, shape (n, at least 3).
        log_of_row: number of each event's entity, 0 ≤ number < ``logs``, −1 for none, shape (n,).
        logs: number of entities.
    """

    def __init__(
        self, entries: NDArray[np.uint64], log_of_row: NDArray[np.int64], logs: int
    ) -> None:
        starts, self._place, self._rank, self._grouped = group(entries, log_of_row, logs)
        # The links take the place of the peers that they are made from: they are then in the same
        # line of the cache as the rest of the entry.
        self._follow = self._grouped.view(np.int64)[:, PEER_WORD]
        longest = int(np.diff(starts).max(initial=0))
        link_history(self._grouped, starts, longest, self._follow)

    def quantities(self, begin: int, end: int) -> NDArray[np.int64]:
        """Quantities of the events ``begin`` ≤ row < ``end``, as ``quantities_from_logs``."""
        out = np.empty((end - begin, N_QUANTITIES), np.int64)
        place, rank = self._place[begin:end], self._rank[begin:end]
        from_history(self._grouped, self._follow, place, rank, out)
        return out
