"""IPv4 addresses whose countries come out as they do in the real address space.

Addresses are drawn evenly from the whole space and looked up in the open table that the wheel
``iptocc`` ships: about 35 % are then American, some 14 % match no country (most of them 224.0.0.0
and above, as in the original file), and a long tail of countries follows. Nothing is looked up on
a network.
"""

from __future__ import annotations

import iptocc
import numpy as np

from producer.sample.hashing import Ints, Words

_FEWEST = 1 << 16
_MOST = 1 << 19


class AddressPool:
    """Candidate addresses grouped by country.

    Args:
        rng: source of the addresses.
        rows: how large the sample is; a larger one draws from more addresses.

    Attributes:
        size: number of candidates.
        share: share of each country's candidates; countries are numbered, 0 is "no country".
    """

    def __init__(self, rng: np.random.Generator, rows: int) -> None:
        self.size = min(max(rows, _FEWEST), _MOST)
        # Not below 1.0.0.0: 0.x.x.x is no address anyone has.
        drawn = rng.integers(1 << 24, 1 << 32, self.size, dtype=np.int64)
        names = [name or "" for name in iptocc.country_code(dotted(drawn))]
        # The empty name sorts first, so that "no country" is 0 even where no address lacks one.
        code = np.unique(np.array(["", *names]), return_inverse=True)[1][1:]
        order = np.argsort(code, kind="stable")
        self._address = drawn[order]
        self._country = code[order].astype(np.int64)
        counts = np.bincount(code)
        self._count = counts.astype(np.int64)
        self._start = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.int64)
        self.share = counts / self.size

    def country_of(self, words: Words) -> Ints:
        """A country for each word, with the pool's shares."""
        return self._country[(words % np.uint64(self.size)).astype(np.int64)]

    def in_country(self, country: Ints, words: Words) -> Ints:
        """An address of the given country (as ``country_of`` gives them) for each word."""
        count = self._count[country].astype(np.uint64)
        return self._address[self._start[country] + (words % count).astype(np.int64)]

    def anywhere(self, words: Words) -> Ints:
        """Any address for each word."""
        return self._address[(words % np.uint64(self.size)).astype(np.int64)]


def dotted(addresses: Ints) -> list[str]:
    """Integer IPv4 addresses as dotted text."""
    octets = np.asarray(addresses, np.int64).astype(">u4").view(np.uint8).reshape(-1, 4).tolist()
    return [f"{a}.{b}.{c}.{d}" for a, b, c, d in octets]
