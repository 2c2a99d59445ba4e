"""The e-commerce scene: which episodes there are, how many, and the file's columns."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from producer.sample import fraud, honest
from producer.sample.episodes import Episodes
from producer.sample.options import Mechanism, SampleOptions
from producer.sample.population import Population
from producer.sample.rows import BROWSERS, SEXES, SOURCES, Purchases
from producer.sample.slices import Kind, Scene
from producer.sample.table import cents, device_ids, names, seconds, user_ids

#: Share of new customers who came in order to buy.
_BUY_AT_ONCE = 0.55

_Maker = Callable[[np.random.Generator, Population, Episodes], Purchases]


class Shop(Scene[Purchases]):
    """Customers of a shop and those who defraud it.

    Args:
        options: what was asked for.
    """

    def __init__(self, options: SampleOptions) -> None:
        people = Population(options, np.random.default_rng([options.seed, 0]))
        self.start, self.end, self.curve = people.start, people.end, people.curve
        self._people = people

        def kind(
            name: Mechanism, make: _Maker, share: float, low: int, high: int
        ) -> Kind[Purchases]:
            return Kind(name, lambda rng, episodes: make(rng, people, episodes), share, low, high)

        self.frauds = (
            kind(Mechanism.RING, fraud.rings, 0.36, 4, 18),
            kind(Mechanism.TAKEOVER, fraud.takeovers, 0.21, 1, 5),
            kind(Mechanism.CARD_TESTING, fraud.card_testing, 0.20, 8, 40),
            kind(Mechanism.SLOW_FRAUD, fraud.slow_fraud, 0.23, 1, 8),
        )
        self.episodes = (
            kind(Mechanism.GIFT_BURST, honest.gift_bursts, 0.035, 3, 8),
            kind(Mechanism.SPREE, honest.sprees, 0.10, 2, 7),
            kind(Mechanism.GROUP_PURCHASE, honest.group_purchases, 0.025, 5, 30),
            kind(Mechanism.SALES_TABLET, honest.sales_tablets, 0.012, 3, 12),
        )

    def ordinary(self, rng: np.random.Generator, low: float, high: float, n: int) -> Purchases:
        """See ``Scene``."""
        return honest.ordinary(rng, self._people, low, high, n)

    def newcomers(
        self, rng: np.random.Generator, begin: int, end: int, most: int
    ) -> list[Purchases]:
        """First purchases of those who sign up between two times."""
        first, last = self._people.signed_up(np.array([begin, end])).tolist()
        user = np.arange(first, last, dtype=np.int64)
        user = user[rng.random(len(user)) < _BUY_AT_ONCE]
        if len(user) > most:
            user = np.sort(rng.choice(user, most, replace=False))
        return [honest.first_purchases(rng, self._people, user)]

    def table(self, rows: Purchases) -> pa.Table:
        """The columns of ``Fraud_Data.csv``, then ``labelled_at``."""
        return pa.table(
            {
                "user_id": user_ids(rows.user),
                "signup_time": seconds(rows.signup),
                "purchase_time": seconds(rows.time),
                "purchase_value": cents(rows.cents),
                "device_id": device_ids(rows.device),
                "source": names(rows.source, SOURCES),
                "browser": names(rows.browser, BROWSERS),
                "sex": names(rows.sex, SEXES),
                "age": rows.age,
                "ip_address": rows.address,
                "class": rows.fraud.astype(np.int8),
                "labelled_at": seconds(rows.labelled),
            }
        )
