"""Four kinds of e-commerce fraud, each with a part that hides among honest purchases.

All take the episodes with their starts, and give one row for each event.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from producer.sample import honest
from producer.sample.episodes import Episodes
from producer.sample.hashing import Floats, Ints, Words, pick
from producer.sample.labels import chargeback_times
from producer.sample.options import DAY_S, Mechanism
from producer.sample.population import BROWSER_SHARES, SEX_SHARES, SOURCE_SHARES, Population
from producer.sample.rows import Purchases


def rings(rng: np.random.Generator, people: Population, episodes: Episodes) -> Purchases:
    """Cloned accounts, 4 to 18, on one device and address (or a few), within a minute or slower."""
    count, row = len(episodes), episodes.of_row
    n = len(row)
    gap = np.array([4.0, 240.0, 5_400.0])[pick((0.50, 0.27, 0.23), rng.random(count))]
    time = episodes.times(rng, gap)
    # One device for the whole ring or up to six in turn; the same for addresses.
    devices = np.where(rng.random(count) < 0.6, 1, rng.integers(2, 7, count))
    addresses = np.where(rng.random(count) < 0.6, 1, rng.integers(2, 7, count))
    owner = people.draw(rng, episodes.start)
    hijacked = (rng.random(count) < 0.25)[row] & (devices == 1)[row]
    device = _fresh(rng, count, 6)[row, episodes.position % devices[row]]
    device = np.where(hijacked, people.phone(owner, episodes.start)[row], device)
    address = people.pool.anywhere(_fresh(rng, count, 6).ravel()).reshape(-1, 6)
    address = address[row, episodes.position % addresses[row]]
    value = rng.lognormal(3.75, 0.5, count)[row]
    varied = (rng.random(count) < 0.6)[row]
    value = np.where(varied, value * rng.lognormal(0.0, 0.35, n), value)
    # Opened seconds before, minutes before, or weeks before and left to ripen.
    kind = pick((0.40, 0.30, 0.30), rng.random(count))[row]
    ripened = (rng.uniform(2, 90, count) * DAY_S)[row] + rng.uniform(0, DAY_S, n)
    minutes = rng.lognormal(np.log(700), 1.1, n)
    lag = np.select([kind == 0, kind == 1], [rng.integers(1, 30, n), minutes], ripened)
    user = people.outsiders(n) + np.arange(n, dtype=np.int64)
    return _rows(
        rng,
        people,
        episodes,
        Mechanism.RING,
        time=time,
        user=user,
        signup=time - 1 - lag.astype(np.int64),
        value=value,
        device=device,
        address=address,
        cloned=rng.random(count) < 0.6,
    )


def takeovers(rng: np.random.Generator, people: Population, episodes: Episodes) -> Purchases:
    """A customer's account in other hands: mostly another device, address, country; larger."""
    count, row = len(episodes), episodes.of_row
    n = len(row)
    victim = people.draw(rng, episodes.start)
    time = episodes.times(rng, rng.lognormal(np.log(900), 1.2, count))
    own = rng.random(count) < 0.2
    device = np.where(own, people.phone(victim, episodes.start), _fresh(rng, count, 1)[:, 0])
    near = people.pool.in_country(people.country(victim), _fresh(rng, count, 1)[:, 0])
    far = people.pool.anywhere(_fresh(rng, count, 1)[:, 0])
    address = np.where(rng.random(count) < 0.35, near, far)
    value = np.exp(people.spend_level(victim))[row] * rng.lognormal(np.log(2.2), 0.6, n)
    rows = _rows(
        rng,
        people,
        episodes,
        Mechanism.TAKEOVER,
        time=time,
        user=victim[row],
        signup=people.signup(victim)[row],
        value=value,
        device=device[row],
        address=address[row],
    )
    other = pick(BROWSER_SHARES, rng.random(count))
    rows.browser = np.where(own[row], rows.browser, other[row])
    return rows


def card_testing(rng: np.random.Generator, people: Population, episodes: Episodes) -> Purchases:
    """Many small purchases in quick succession, from one device or behind one address."""
    count, row = len(episodes), episodes.of_row
    n = len(row)
    time = episodes.times(rng, rng.lognormal(np.log(25), 1.0, count))
    one_device = (rng.random(count) < 0.5)[row]
    device = np.where(one_device, _fresh(rng, count, 1)[row, 0], _fresh(rng, n, 1)[:, 0])
    spread = np.where(rng.random(count) < 0.7, 1, 6)[row]
    address = people.pool.anywhere(_fresh(rng, count, 6).ravel()).reshape(-1, 6)
    address = address[row, episodes.position % spread]
    # A few stolen or invented accounts for the whole episode, used in turn.
    handful = episodes.position % rng.integers(2, 12, count)[row]
    invented = people.outsiders(12 * count) + 12 * row + handful
    seeds = people.draw(rng, np.repeat(episodes.start, 12)).reshape(-1, 12)
    stolen = rng.random(count) < 0.5
    user = np.where(stolen[row], seeds[row, handful], invented)
    opened = episodes.start - rng.lognormal(np.log(2 * 3_600), 2.0, count).astype(np.int64) - 60
    known_since = people.signup(seeds.ravel()).reshape(-1, 12)
    signup = np.where(stolen[row], known_since[row, handful], opened[row] + handful)
    value = rng.lognormal(0.9, 0.7, n)
    return _rows(
        rng,
        people,
        episodes,
        Mechanism.CARD_TESTING,
        time=time,
        user=user,
        signup=signup,
        value=value,
        device=device,
        address=address,
        cloned=(rng.random(count) < 0.5) & ~stolen,
    )


def slow_fraud(rng: np.random.Generator, people: Population, episodes: Episodes) -> Purchases:
    """One or a few purchases a day from own devices and places: like a customer, only dearer."""
    count, row = len(episodes), episodes.of_row
    longest = honest.SLOW_SHARE * (people.end - people.start)
    time = episodes.times(rng, np.minimum(rng.uniform(6, 40, count) * 3_600, longest / 4))
    user = people.outsiders(count) + row
    rows = honest.purchases(rng, people, user, time, Mechanism.SLOW_FRAUD)
    proxied = rng.random(len(row)) < 0.15
    proxies = people.pool.anywhere(_fresh(rng, len(row), 1)[:, 0])
    rows.address = np.where(proxied, proxies, rows.address)
    ripened = rng.lognormal(np.log(12 * DAY_S), 1.4, count).astype(np.int64)
    rows.signup = (episodes.start - 300 - ripened)[row]
    value = np.exp(rng.normal(3.9, 0.5, count))[row] * rng.lognormal(0.0, 0.4, len(row))
    rows.cents = honest.cents(value)
    rows.labelled = chargeback_times(rng, time, row)
    return rows


def _fresh(rng: np.random.Generator, count: int, each: int) -> Words:
    return rng.integers(0, 1 << 64, (count, each), dtype=np.uint64)


def _rows(
    rng: np.random.Generator,
    people: Population,
    episodes: Episodes,
    mechanism: Mechanism,
    *,
    time: Ints,
    user: Ints,
    signup: Ints,
    value: Floats,
    device: Words,
    address: Ints,
    cloned: NDArray[np.bool_] | None = None,
) -> Purchases:
    """Rows of these columns; identities are the accounts' own, or one for each cloned episode."""
    n = len(time)
    source, sex, age = people.traits(user)
    browser = people.browser(user, np.zeros(n, np.int64))
    if cloned is not None:
        count, same = len(episodes), cloned[episodes.of_row]
        one = episodes.of_row
        source = np.where(same, pick(SOURCE_SHARES, rng.random(count))[one], source)
        browser = np.where(same, pick(BROWSER_SHARES, rng.random(count))[one], browser)
        sex = np.where(same, pick(SEX_SHARES, rng.random(count))[one], sex)
        age = np.where(same, rng.integers(18, 60, count).astype(np.int8)[one], age)
    return Purchases(
        time=time,
        user=user,
        signup=np.minimum(signup, time),
        cents=honest.cents(value),
        device=device,
        address=address,
        source=source,
        browser=browser,
        sex=sex,
        age=age,
        labelled=chargeback_times(rng, time, episodes.of_row),
        mechanism=np.full(n, mechanism, np.int8),
    )
