"""Counts of events by day of event time, as far back as drift is looked at."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from core.names import DAY_MS
from model.drift.bins import Binning, Bins, Counts, reference_counts
from model.drift.drift import TRAILING_DAYS, WINDOW_DAYS, Drift, compare_counts, windows

#: Days that a window and its trailing reference take.
DAYS = WINDOW_DAYS + TRAILING_DAYS
#: Of a larger micro-batch only every so-manieth event is counted, as so many: about this many.
COUNTED = 64

TRAINING, TRAILING = "training", "trailing"
REFERENCES = (TRAINING, TRAILING)


class DayCounts:
    """Events by day and bin; at most ``DAYS`` days up to the newest are kept.

    Args:
        bins: of the version that scores.
    """

    def __init__(self, bins: tuple[Bins, ...]) -> None:
        self.binning = Binning(bins)
        #: Names the bins: counts of the same ones can be added.
        self.digest = hashlib.sha256(msgspec.json.encode(bins)).hexdigest()[:16]
        self.days: dict[int, Counts] = {}
        self._training = reference_counts(bins)

    def add(
        self,
        time_ms: NDArray[np.int64],
        matrix: NDArray[np.float32],
        score: NDArray[np.float32],
        counted: int | None = COUNTED,
    ) -> set[int]:
        """Count n events; returns the days that they lie in.

        Args:
            time_ms: event times, shape (n,).
            matrix: float32 of shape (n, features).
            score: shape (n,).
            counted: of more than so many only some are counted, at even distances, and stand for
                the others; None: each is counted.
        """
        step = 1 if counted is None else max(1, len(score) // counted)
        day = time_ms[::step] // DAY_MS
        matrix, score = matrix[::step], score[::step]
        found = set(np.unique(day).tolist())
        for one in found:
            rows = day == one
            counts = self.days.setdefault(one, np.zeros(self.binning.shape, np.int64))
            counts += step * self.binning.count(matrix[rows], score[rows])
        newest = max(self.days, default=0)
        for one in [old for old in self.days if old <= newest - DAYS]:
            del self.days[one]
        return found & self.days.keys()

    def drift(self, days: Mapping[int, Counts], day: int) -> dict[str, Drift]:
        """The window that ends with a day, against each of ``REFERENCES``.

        Args:
            days: counts of days, those of other workers added.
            day: its number.
        """
        numbers = np.array(sorted(days), np.int64)
        counts = np.array([days[one] for one in numbers.tolist()], np.int64)
        counts = counts.reshape(-1, *self.binning.shape)
        now, before = windows(numbers, counts, day)
        names = self.binning.names
        return {
            TRAINING: compare_counts(names, now, self._training),
            TRAILING: compare_counts(names, now, before),
        }
