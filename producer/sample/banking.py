"""The banking scene: cards, vectors v1…v28, and fraud that lies partly among the honest.

Vectors: standard deviations fall from v1 to v28 as those of principal components do; each card has
a centre of its own; two common factors tie some components together and to the amount; one
heavy-tailed factor per transaction scales all of them, so that extreme values come together.

Fraud: stolen cards (shifted along one direction, in quick succession), clone bursts (the identical
vector again and again), quiet fraud (hardly shifted). Honest transactions reach the same direction
now and then, and honest retries repeat vectors too.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import pyarrow as pa

from features.profiles import BANKING_EPOCH_MS
from producer.sample.activity import draw_active
from producer.sample.episodes import Episodes
from producer.sample.hashing import Floats, Ints, Oracle
from producer.sample.labels import chargeback_times, clearing_times
from producer.sample.options import Mechanism, SampleOptions
from producer.sample.rows import Payments
from producer.sample.seasons import customer_curve
from producer.sample.slices import Kind, Scene
from producer.sample.table import cents, seconds, user_ids

_SIZE = 28
_SPREAD = 1.9 * np.exp(-np.linspace(0.0, 1.8, _SIZE))
#: Where fraud lies, in standard deviations of each component (index 0 is v1).
_SHIFT = np.zeros(_SIZE)
_SHIFT[[1, 2, 3, 6, 8, 9, 10, 11, 13, 15, 16]] = (
    0.5, -0.9, 1.0, -0.6, -0.6, -1.0, 1.0, -1.1, -1.3, -0.7, -0.9,
)  # fmt: skip
#: How the components follow the two common factors.
_LOADING = np.zeros((2, _SIZE))
_LOADING[0, [0, 4, 7, 18, 19, 24]] = (0.5, 0.4, -0.4, 0.3, 0.6, -0.3)
_LOADING[1, [1, 5, 12, 20, 22, 26]] = (-0.5, 0.4, 0.5, 0.3, -0.4, 0.3)
#: Weight of the card's own centre in a vector.
_HABIT = 0.5
#: Degrees of freedom of the common scale (Student's t).
_FREEDOM = 5.0
#: Share of honest payments that are unusual, and how far they reach along the shift.
_UNUSUAL, _REACH = 0.006, 0.9
_PER_CARD_AND_DAY = 0.4


class _Topic(IntEnum):
    RANK, CENTRE, LEVEL = range(100, 103)


class Bank(Scene[Payments]):
    """Cards of a bank and those who misuse them.

    Args:
        options: what was asked for.
    """

    def __init__(self, options: SampleOptions) -> None:
        self.start, self.end = options.start_s, options.end_s
        self.curve = customer_curve(self.start, self.end, options.seasonality)
        self._oracle = Oracle(options.seed)
        per_card = min(max(_PER_CARD_AND_DAY * options.span_days, 0.5), 40.0)
        self._cards = max(20, round(options.rows / per_card))
        self.frauds = (
            Kind(Mechanism.STOLEN_CARD, self._stolen, 0.50, 2, 8),
            Kind(Mechanism.CLONE_BURST, self._clones, 0.32, 3, 12),
            Kind(Mechanism.QUIET_FRAUD, self._quiet, 0.18, 1, 3),
        )
        self.episodes = (Kind(Mechanism.RETRY, self._retries, 0.003, 2, 4),)

    def ordinary(self, rng: np.random.Generator, low: float, high: float, n: int) -> Payments:
        """See ``Scene``."""
        time = self.curve.time_at(low + (high - low) * rng.random(n))
        return self._honest(rng, self._draw(rng, n), time, Mechanism.ORDINARY)

    def table(self, rows: Payments) -> pa.Table:
        """The columns of ``creditcard.csv`` (``Time`` from 2013-09-01), then two more."""
        vector = np.round(rows.vector, 6)
        return pa.table(
            {
                "Time": rows.time - BANKING_EPOCH_MS // 1000,
                **{f"V{i + 1}": vector[:, i] for i in range(_SIZE)},
                "Amount": cents(rows.cents),
                "Class": rows.fraud.astype(np.int8),
                "card_id": user_ids(rows.card),
                "labelled_at": seconds(rows.labelled),
            }
        )

    def _draw(self, rng: np.random.Generator, n: int) -> Ints:
        return draw_active(rng, self._oracle, _Topic.RANK, np.full(n, self._cards, np.int64))

    def _honest(
        self, rng: np.random.Generator, card: Ints, time: Ints, mechanism: Mechanism
    ) -> Payments:
        n = len(card)
        unusual = rng.random(n) < _UNUSUAL
        shift = np.where(unusual, _REACH * np.abs(rng.standard_normal(n)), 0.0)
        vector, value = self._draw_vectors(rng, card, shift)
        return Payments(
            time=time,
            cents=_cents(value),
            labelled=clearing_times(rng, time),
            mechanism=np.full(n, mechanism, np.int8),
            card=card,
            vector=vector,
        )

    def _retries(self, rng: np.random.Generator, episodes: Episodes) -> Payments:
        """A terminal sends the same payment again."""
        card = self._draw(rng, len(episodes))[episodes.of_row]
        rows = self._honest(rng, card, episodes.times(rng, 40.0), Mechanism.RETRY)
        first = episodes.first_row[episodes.of_row]
        rows.vector, rows.cents = rows.vector[first], rows.cents[first]
        return rows

    def _stolen(self, rng: np.random.Generator, episodes: Episodes) -> Payments:
        """One card, several payments within an hour or so: first small, then what it yields."""
        gap = rng.lognormal(np.log(500), 1.0, len(episodes))
        shift = np.maximum(0.0, rng.normal(1.5, 0.6, len(episodes)))[episodes.of_row]
        rows = self._fraud(rng, episodes, gap, shift, Mechanism.STOLEN_CARD)
        probe = (episodes.position == 0) & (rng.random(len(rows)) < 0.5)
        factor = np.where(probe, 0.1, rng.lognormal(0.5, 0.7, len(rows)))
        rows.cents = _cents(rows.cents / 100 * factor)
        return rows

    def _clones(self, rng: np.random.Generator, episodes: Episodes) -> Payments:
        """A recorded payment is played back, with one card or with several."""
        gap = rng.lognormal(np.log(45), 1.3, len(episodes))
        shift = np.maximum(0.0, rng.normal(1.2, 0.5, len(episodes)))[episodes.of_row]
        rows = self._fraud(rng, episodes, gap, shift, Mechanism.CLONE_BURST)
        first = episodes.first_row[episodes.of_row]
        rows.vector = rows.vector[first]
        same = (rng.random(len(episodes)) < 0.7)[episodes.of_row]
        rows.cents = np.where(same, rows.cents[first], rows.cents)
        several = (rng.random(len(episodes)) < 0.4)[episodes.of_row]
        rows.card = np.where(several, self._draw(rng, len(rows)), rows.card)
        return rows

    def _quiet(self, rng: np.random.Generator, episodes: Episodes) -> Payments:
        """A payment or three within a day, hardly unusual."""
        gap = np.full(len(episodes), min(4 * 3_600.0, (self.end - self.start) / 8))
        shift = np.abs(rng.normal(0.3, 0.4, len(episodes.of_row)))
        return self._fraud(rng, episodes, gap, shift, Mechanism.QUIET_FRAUD)

    def _fraud(
        self,
        rng: np.random.Generator,
        episodes: Episodes,
        gap: Floats,
        shift: Floats,
        mechanism: Mechanism,
    ) -> Payments:
        card = self._draw(rng, len(episodes))[episodes.of_row]
        time = episodes.times(rng, gap)
        vector, value = self._draw_vectors(rng, card, shift)
        return Payments(
            time=time,
            cents=_cents(value),
            labelled=chargeback_times(rng, time, episodes.of_row),
            mechanism=np.full(len(card), mechanism, np.int8),
            card=card,
            vector=vector,
        )

    def _draw_vectors(
        self, rng: np.random.Generator, card: Ints, shift: Floats
    ) -> tuple[Floats, Floats]:
        """v1…v28 and the amount in currency units of a payment with each card."""
        n = len(card)
        component = np.arange(_SIZE, dtype=np.int64)[None, :]
        centre = self._oracle.normal(_Topic.CENTRE, card[:, None], component)
        common = rng.standard_normal((n, 2))
        noise = rng.standard_normal((n, _SIZE))
        scale = np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, n))[:, None]
        shape = _HABIT * centre + np.sqrt(1 - _HABIT**2) * noise + common @ _LOADING
        vector = _SPREAD * (scale * shape + 2.6 * shift[:, None] * _SHIFT)
        level = 2.9 + 0.7 * self._oracle.normal(_Topic.LEVEL, card)
        return vector, np.exp(level + 0.7 * common[:, 0] + 0.9 * rng.standard_normal(n))


def _cents(value: Floats) -> Ints:
    """Currency units as 1/100, from 0 to 25,000 units."""
    return np.clip(np.rint(value * 100), 0, 2_500_000).astype(np.int64)
