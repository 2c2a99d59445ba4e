"""All rows of a sample in time order, slice by slice, for any kind of event.

Promise: the concatenation of what ``generate`` yields has exactly ``rows`` rows, of which
``round(rows × fraud_rate)`` are fraud, is sorted by time, and depends on the options but not on
``chunk_rows``; memory holds one slice and the events that began in it and end later.

One slice (an equal share of the rows, between two times of the customers' curve):

1. Fraud, as much of each kind as its attack curve has brought by the end of the slice.
2. Honest episodes, then what else the scene knows (first purchases of new customers).
3. Ordinary events fill it up to its share.
4. What lies before the end of the slice is sorted and yielded; the rest waits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic

import numpy as np
import pyarrow as pa

from producer.sample.episodes import Episodes
from producer.sample.options import Mechanism, SampleOptions
from producer.sample.rows import R, concat
from producer.sample.seasons import Curve, attack_curve

_SLICE_ROWS = 32_768
#: How often events that would lie beyond the span are replaced before giving up. Each try keeps
#: at least the first event of every episode, so that few are needed.
_TRIES = 50


@dataclass(frozen=True, slots=True)
class Kind(Generic[R]):
    """One kind of episode.

    Attributes:
        mechanism: its name.
        make: gives one row for each event of the episodes, none before its episode's start.
        share: of all fraud, or of all honest rows.
        low: fewest events of an episode.
        high: most events of an episode.
    """

    mechanism: Mechanism
    make: Callable[[np.random.Generator, Episodes], R]
    share: float
    low: int
    high: int


class Scene(ABC, Generic[R]):
    """Who acts in a sample, and what they do.

    Attributes:
        start: first second of the span.
        end: first second after it.
        curve: density of honest events.
        frauds: kinds of fraud; their shares sum to 1.
        episodes: kinds of honest episodes.
    """

    start: int
    end: int
    curve: Curve
    frauds: tuple[Kind[R], ...]
    episodes: tuple[Kind[R], ...]

    @abstractmethod
    def ordinary(self, rng: np.random.Generator, low: float, high: float, n: int) -> R:
        """``n`` single honest events between two shares of ``curve``."""

    @abstractmethod
    def table(self, rows: R) -> pa.Table:
        """The rows as the columns of the file."""

    def newcomers(self, rng: np.random.Generator, begin: int, end: int, most: int) -> list[R]:
        """At most ``most`` events of those who join between two times; none unless overridden."""
        return []


def generate(scene: Scene[R], options: SampleOptions) -> Iterator[R]:
    """Slices of the sample in time order; see the module's promise."""
    quotas = _quotas(scene, options)
    waiting: list[R] = []
    for number, first in enumerate(range(0, options.rows, _SLICE_ROWS)):
        last = min(first + _SLICE_ROWS, options.rows)
        shares = (first / options.rows, last / options.rows)
        begin, end = scene.curve.time_at(np.array(shares)).tolist()
        final = last == options.rows
        piece = _Slice(
            scene=scene,
            rng=np.random.default_rng([options.seed, 1, number]),
            shares=shares,
            begin=begin,
            end=scene.end if final else end,
            room=last - first,
        )
        rows = concat([*waiting, *piece.fill(quotas)])
        now = rows.time < piece.end
        waiting = [rows.take(~now)]
        rows = rows.take(now)
        yield rows.take(np.argsort(rows.time, kind="stable"))


@dataclass(slots=True)
class _Quota(Generic[R]):
    """How many rows of a kind there are to be in the end, and how many there are so far."""

    kind: Kind[R]
    total: int
    curve: Curve
    done: int = 0


def _quotas(scene: Scene[R], options: SampleOptions) -> list[_Quota[R]]:
    rng = np.random.default_rng([options.seed, 2])
    wanted = round(options.rows * options.rate)
    # Rounding the running sum, not each share, makes the parts add up to the whole.
    sums = np.rint(np.cumsum([0.0, *(kind.share for kind in scene.frauds)]) * wanted)
    frauds = [
        _Quota(kind, int(total), attack_curve(scene.start, scene.end, options.seasonality, rng))
        for kind, total in zip(scene.frauds, np.diff(sums), strict=True)
    ]
    honest = options.rows - wanted
    return frauds + [
        _Quota(kind, round(kind.share * honest), scene.curve) for kind in scene.episodes
    ]


@dataclass(slots=True, kw_only=True)
class _Slice(Generic[R]):
    """What begins between two times; ``room`` is how many rows are still to be made."""

    scene: Scene[R]
    rng: np.random.Generator
    shares: tuple[float, float]
    begin: int
    end: int
    room: int
    made: list[R] = field(default_factory=list)

    def fill(self, quotas: list[_Quota[R]]) -> list[R]:
        for quota in quotas:
            self._episodes(quota)
        for rows in self.scene.newcomers(self.rng, self.begin, self.end, self.room // 2):
            self._keep(rows)
        while self.room:
            self._keep(self.scene.ordinary(self.rng, *self.shares, self.room))
        return self.made

    def _episodes(self, quota: _Quota[R]) -> None:
        low, high = quota.curve.share_before(np.array([self.begin, self.end])).tolist()
        due = round(quota.total * high) - quota.done
        for _ in range(_TRIES):
            missing = min(due, self.room)
            if missing <= 0:
                break
            episodes = Episodes(self.rng, missing, quota.kind.low, quota.kind.high)
            share = low + (high - low) * self.rng.random(len(episodes))
            episodes.start = np.clip(quota.curve.time_at(share), self.begin, self.end - 1)
            kept = self._keep(quota.kind.make(self.rng, episodes))
            due -= kept
            quota.done += kept

    def _keep(self, rows: R) -> int:
        """Adds the rows that lie within the span; returns how many."""
        rows = rows.take((rows.time >= self.begin) & (rows.time < self.scene.end))
        self.made.append(rows)
        self.room -= len(rows)
        return len(rows)
