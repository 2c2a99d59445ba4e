"""The shop's customers: who they are, what they own, where they are when they buy.

Nobody is stored: every property is a function of the seed and the customer's number
(``hashing.Oracle``), so ten million purchases need no more memory than ten thousand. The one thing
counted is how many accounts others (fraudsters, sales tablets) have opened.

- Customers are numbered by sign-up. Two thirds signed up in the two years before the span.
- Activity is heavy-tailed (``activity``): a few buy every day, most a few times in the span.
- Households share a tablet and a line; the line's address changes with its lease. Carriers,
  offices and hotels put many customers behind one address; a public terminal is one device for
  many. Phones are replaced, people travel: all of it honest, and like fraud to look at.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from producer.sample.activity import draw_active
from producer.sample.addresses import AddressPool
from producer.sample.hashing import Floats, Ints, Oracle, Words, pick
from producer.sample.options import DAY_S, SampleOptions
from producer.sample.rows import Codes
from producer.sample.seasons import Curve, customer_curve

#: Share of customers who signed up before the span, and how long before at most.
_KNOWN = 0.65
_BEFORE_S = 730 * DAY_S
#: Purchases of the average customer per day.
_PER_DAY = 0.06
_HOUSEHOLD = 1.5
#: Customers behind one address of a carrier, of an office or campus; to one public terminal.
_CARRIER, _OFFICE, _TERMINAL = 600, 300, 250
_PHONE_LIFE_S = 300 * DAY_S

SEX_SHARES = (0.58, 0.42)
SOURCE_SHARES = (0.40, 0.39, 0.21)
BROWSER_SHARES = (0.41, 0.24, 0.16, 0.16, 0.03)


class _Topic(IntEnum):
    SEX, AGE, AGE_2, SOURCE, BROWSER, LEVEL, JITTER, RANK = range(8)
    HOUSEHOLD, COUNTRY, LEASE, LINE = range(10, 14)
    CARRIER, OFFICE, HOTEL, TERMINAL = range(20, 24)
    CARRIER_IP, OFFICE_IP, HOTEL_IP, TERMINAL_IP = range(30, 34)
    PHONE, PHONE_AGE, LAPTOP, TABLET, TERMINAL_DEVICE = range(40, 45)


class Population:
    """The customers of one sample.

    Args:
        options: what was asked for.
        rng: source of the address pool.
    """

    def __init__(self, options: SampleOptions, rng: np.random.Generator) -> None:
        self.start, self.end = options.start_s, options.end_s
        self.pool = AddressPool(rng, options.rows)
        self.curve: Curve = customer_curve(self.start, self.end, options.seasonality)
        self._oracle = Oracle(options.seed)
        per_customer = min(max(_PER_DAY * options.span_days, 0.5), 20.0)
        self.size = max(40, round(options.rows / per_customer))
        self._known = round(_KNOWN * self.size)
        self._households = max(1, round(self.size / _HOUSEHOLD))
        self._next_outsider = self.size

    # -- who -------------------------------------------------------------------------------

    def signup(self, user: Ints) -> Ints:
        """When each customer signed up, seconds since 1970 UTC; grows with the number."""
        jitter = self._oracle.uniform(_Topic.JITTER, user)
        back = 1.0 - (user + jitter) / self._known
        before = self.start - 1 - (np.maximum(back, 0.0) ** 1.4 * _BEFORE_S)
        new = (user - self._known + jitter) / (self.size - self._known)
        during = self.curve.time_at(np.clip(new, 0.0, 1.0))
        return np.where(user < self._known, before.astype(np.int64), during)

    def signed_up(self, time: Ints | Floats) -> Ints:
        """How many customers have surely signed up by each time: the numbers below this one."""
        share = self.curve.share_before(time)
        return self._known + np.floor(share * (self.size - self._known)).astype(np.int64)

    def draw(self, rng: np.random.Generator, time: Ints) -> Ints:
        """An active customer for each time."""
        return draw_active(rng, self._oracle, _Topic.RANK, self.signed_up(time))

    def outsiders(self, count: int) -> int:
        """First of ``count`` fresh account numbers beyond the customers'."""
        first = self._next_outsider
        self._next_outsider += count
        return first

    def traits(self, user: Ints) -> tuple[Codes, Codes, Codes]:
        """Source, sex and age of each customer."""
        ask = self._oracle
        age = 33.0 + 9.5 * ask.normal(_Topic.AGE, user) + 4.0 * ask.uniform(_Topic.AGE_2, user)
        return (
            pick(SOURCE_SHARES, ask.uniform(_Topic.SOURCE, user)),
            pick(SEX_SHARES, ask.uniform(_Topic.SEX, user)),
            np.clip(age, 18, 76).astype(np.int8),
        )

    def browser(self, user: Ints, owned: Ints) -> Codes:
        """Browser of each customer on the device with that number (0 is the phone)."""
        return pick(BROWSER_SHARES, self._oracle.uniform(_Topic.BROWSER, user, owned))

    def spend_level(self, user: Ints) -> Floats:
        """Natural logarithm of what the customer usually pays, in currency units."""
        return 3.45 + 0.45 * self._oracle.normal(_Topic.LEVEL, user)

    def household(self, user: Ints) -> Ints:
        """Number of the household each customer lives in; 1.5 customers share one on average."""
        return self._oracle.below(self._households, _Topic.HOUSEHOLD, user)

    def country(self, user: Ints) -> Ints:
        """Number of the country the customer's household is in."""
        return self.pool.country_of(self._oracle.words(_Topic.COUNTRY, self.household(user)))

    # -- what they own -----------------------------------------------------------------------

    def phone(self, user: Ints, time: Ints) -> Words:
        """The customer's own device at that time; replaced every 300 days."""
        age = (self._oracle.uniform(_Topic.PHONE_AGE, user) * _PHONE_LIFE_S).astype(np.int64)
        return self._oracle.words(_Topic.PHONE, user, (time + age) // _PHONE_LIFE_S)

    def laptop(self, user: Ints) -> Words:
        """The customer's second device."""
        return self._oracle.words(_Topic.LAPTOP, user)

    def tablet(self, user: Ints) -> Words:
        """The device that everybody in the household uses."""
        return self._oracle.words(_Topic.TABLET, self.household(user))

    # -- where they are ------------------------------------------------------------------------

    def home(self, user: Ints, time: Ints) -> Ints:
        """Address of the household's line; the lease lasts from 3 to 60 days."""
        house = self.household(user)
        lease = ((3 + 57 * self._oracle.uniform(_Topic.LEASE, house)) * DAY_S).astype(np.int64)
        return self.pool.in_country(
            self.country(user), self._oracle.words(_Topic.LINE, house, time // lease)
        )

    def shared(self, place: str, user: Ints) -> Ints:
        """Address of the customer's ``carrier`` or ``office``, which hundreds share."""
        topic, address, size = {
            "carrier": (_Topic.CARRIER, _Topic.CARRIER_IP, _CARRIER),
            "office": (_Topic.OFFICE, _Topic.OFFICE_IP, _OFFICE),
        }[place]
        country = self.country(user)
        branch = self._oracle.below(self._branches(country, size), topic, user)
        return self.pool.in_country(country, self._oracle.words(address, country, branch))

    def hotel(self, rng: np.random.Generator, count: int) -> Ints:
        """Addresses abroad, each of which many travellers use."""
        hotel = rng.integers(0, max(1, self.size // 500), count)
        country = self.pool.country_of(self._oracle.words(_Topic.HOTEL, hotel))
        return self.pool.in_country(country, self._oracle.words(_Topic.HOTEL_IP, hotel))

    def terminal(self, user: Ints) -> tuple[Words, Ints]:
        """Device and address of the public terminal (library, shop) near the customer."""
        country = self.country(user)
        which = self._oracle.below(self._branches(country, _TERMINAL), _Topic.TERMINAL, user)
        ask = self._oracle.words
        address = self.pool.in_country(country, ask(_Topic.TERMINAL_IP, country, which))
        return ask(_Topic.TERMINAL_DEVICE, country, which), address

    def _branches(self, country: Ints, customers_each: int) -> Ints:
        customers = self.pool.share[country] * self.size
        return np.maximum(1, np.ceil(customers / customers_each)).astype(np.int64)
