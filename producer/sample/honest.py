"""Honest purchases: the ordinary ones, and five kinds that look like fraud until one looks twice.

All functions give rows of customers of a ``Population``; times may lie beyond the slice they were
asked for, never before it.
"""

from __future__ import annotations

import numpy as np

from producer.sample.episodes import Episodes
from producer.sample.hashing import Floats, Ints
from producer.sample.labels import clearing_times
from producer.sample.options import Mechanism
from producer.sample.population import Population
from producer.sample.rows import Purchases

#: Where an ordinary purchase is made: at home, over the carrier, at the office, in a hotel
#: abroad, at a public terminal.
_PLACES = (0.55, 0.25, 0.155, 0.025, 0.02)
#: With which device: phone, laptop, the household's tablet.
_DEVICES = (0.64, 0.18, 0.18)
#: What takes days (sprees, slow fraud) takes about this share of the span at most.
SLOW_SHARE = 0.25
#: Cheap digital goods, which card testing hides among.
_CHEAP = 0.08


def ordinary(
    rng: np.random.Generator, people: Population, low: float, high: float, n: int
) -> Purchases:
    """``n`` single purchases between two shares of the customers' curve."""
    time = people.curve.time_at(low + (high - low) * rng.random(n))
    return purchases(rng, people, people.draw(rng, time), time, Mechanism.ORDINARY)


def first_purchases(rng: np.random.Generator, people: Population, user: Ints) -> Purchases:
    """The first purchase of customers who came in order to buy: minutes to hours after sign-up."""
    signup = people.signup(user)
    # Express checkouts create the account with the purchase: seconds, just like a script.
    express = rng.random(len(user)) < 0.15
    delay = np.where(
        express,
        rng.lognormal(np.log(12), 0.9, len(user)),
        rng.lognormal(np.log(900), 1.3, len(user)),
    )
    time = signup + 1 + delay.astype(np.int64)
    return purchases(rng, people, user, time, Mechanism.FIRST_PURCHASE)


def gift_bursts(rng: np.random.Generator, people: Population, episodes: Episodes) -> Purchases:
    """One customer, several presents within minutes, one device."""
    user = people.draw(rng, episodes.start)[episodes.of_row]
    rows = purchases(rng, people, user, episodes.times(rng, 75.0), Mechanism.GIFT_BURST)
    first = episodes.first_row[episodes.of_row]
    rows.device, rows.address = rows.device[first], rows.address[first]
    return rows


def sprees(rng: np.random.Generator, people: Population, episodes: Episodes) -> Purchases:
    """A customer furnishes a flat: some larger purchases within days, new customers too."""
    count, row = len(episodes), episodes.of_row
    there = people.signed_up(episodes.start)
    # Half of them are among the newest twentieth of the customers.
    newest = there - 1 - (rng.random(count) * np.maximum(1, there // 20)).astype(np.int64)
    user = np.where(rng.random(count) < 0.5, newest, people.draw(rng, episodes.start))[row]
    longest = SLOW_SHARE * (people.end - people.start)
    time = episodes.times(rng, np.minimum(rng.uniform(4, 40, count) * 3_600, longest / 4))
    rows = purchases(rng, people, user, time, Mechanism.SPREE)
    rows.cents = cents(rows.cents / 100 * rng.lognormal(0.3, 0.4, count)[row])
    return rows


def group_purchases(rng: np.random.Generator, people: Population, episodes: Episodes) -> Purchases:
    """A fair's visitors buy over its network: many customers, one address, minutes, one offer."""
    n = len(episodes.of_row)
    time = episodes.times(rng, 30.0)
    rows = purchases(rng, people, people.draw(rng, time), time, Mechanism.GROUP_PURCHASE)
    host = people.draw(rng, episodes.start)
    rows.address = people.shared("office", host)[episodes.of_row]
    price = rng.lognormal(3.4, 0.5, len(episodes))[episodes.of_row]
    same = rng.random(n) < 0.7
    rows.cents = np.where(same, cents(price), rows.cents)
    return rows


def sales_tablets(rng: np.random.Generator, people: Population, episodes: Episodes) -> Purchases:
    """A salesperson signs customers up on one tablet, one after the other, often at one price."""
    n = len(episodes.of_row)
    time = episodes.times(rng, 240.0)
    user = people.outsiders(n) + np.arange(n, dtype=np.int64)
    rows = purchases(rng, people, user, time, Mechanism.SALES_TABLET)
    seller = people.draw(rng, episodes.start)[episodes.of_row]
    # Half of the tablets were bought for the occasion and have no past.
    new = (rng.random(len(episodes)) < 0.5)[episodes.of_row]
    rows.device = np.where(
        new, people.laptop(user)[episodes.first_row][episodes.of_row], people.tablet(seller)
    )
    rows.address = people.shared("carrier", seller)
    rows.signup = time - rng.lognormal(np.log(45), 0.9, n).astype(np.int64) - 1
    price = rng.lognormal(3.5, 0.5, len(episodes))[episodes.of_row]
    rows.cents = np.where(rng.random(n) < 0.6, cents(price), rows.cents)
    return rows


def purchases(
    rng: np.random.Generator, people: Population, user: Ints, time: Ints, mechanism: Mechanism
) -> Purchases:
    """One purchase for each (user, time) with a device, place and value as people have them."""
    n = len(user)
    source, sex, age = people.traits(user)
    place = np.searchsorted(np.cumsum(_PLACES)[:-1], rng.random(n), side="right")
    address = people.home(user, time)
    for index, name in ((1, "carrier"), (2, "office")):
        there = place == index
        address[there] = people.shared(name, user[there])
    abroad = place == 3
    address[abroad] = people.hotel(rng, int(abroad.sum()))
    owned = np.searchsorted(np.cumsum(_DEVICES)[:-1], rng.random(n), side="right")
    device = people.phone(user, time)
    device[owned == 1] = people.laptop(user[owned == 1])
    # The tablet stays in the house.
    tablet = (owned == 2) & (place == 0)
    device[tablet] = people.tablet(user[tablet])
    public = place == 4
    device[public], address[public] = people.terminal(user[public])
    level = people.spend_level(user) + 0.6 * rng.standard_normal(n)
    cheap = rng.random(n) < _CHEAP
    value = np.where(cheap, rng.lognormal(1.1, 0.6, n), np.exp(level))
    return Purchases(
        time=time,
        user=user,
        signup=np.minimum(people.signup(user), time),
        cents=cents(value),
        device=device,
        address=address,
        source=source,
        browser=people.browser(user, owned),
        sex=sex,
        age=age,
        labelled=clearing_times(rng, time),
        mechanism=np.full(n, mechanism, np.int8),
    )


def cents(value: Floats) -> Ints:
    """Currency units as 1/100, at least half a unit, at most 2,500."""
    return np.clip(np.rint(value * 100), 50, 250_000).astype(np.int64)
