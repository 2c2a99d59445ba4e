"""Addresses and ranges of addresses on one list, asked of whole batches.

Single addresses are members like any other text; ranges are few beside them and become two arrays
of bounds, one for each IP version, in which overlapping ranges are one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import Any

import numpy as np
from numpy.typing import NDArray

from features.addresses import pack_addresses
from features.coded import Coded
from model.lists.members import FOREVER, Members, Span


@dataclass(frozen=True, slots=True, eq=False)
class AddressMembers:
    """Single addresses and ranges.

    Attributes:
        single: the addresses.
        networks: the ranges as they were given, in canonical form.
        bounds: of IPv4 and IPv6: first and last addresses of disjoint ranges, ascending, each of
            shape (k,), in the form of ``features.addresses.Packed.number``.
    """

    single: Members = field(default_factory=Members)
    networks: frozenset[str] = frozenset()
    bounds: tuple[tuple[NDArray[Any], NDArray[Any]], ...] = ()

    @classmethod
    def of(cls, entries: Mapping[str, Span]) -> AddressMembers:
        """Exactly these entries; a range counts for ever."""
        networks = frozenset(text for text in entries if "/" in text)
        single = {text: span for text, span in entries.items() if "/" not in text}
        return cls(Members.of(single), networks, _bounds(networks))

    def __len__(self) -> int:
        return len(self.single) + len(self.networks)

    def with_changes(self, changes: Iterable[tuple[str, Span | None]]) -> AddressMembers:
        """The same after some were put on or taken off (None), in this order."""
        networks = set(self.networks)
        single = []
        for text, span in changes:
            if "/" not in text:
                single.append((text, span))
            elif span is None:
                networks.discard(text)
            else:
                networks.add(text)
        same = networks == self.networks
        return AddressMembers(
            self.single.with_changes(single) if single else self.single,
            frozenset(networks),
            self.bounds if same else _bounds(networks),
        )

    def entries(self) -> dict[str, Span]:
        """All of it: text → span."""
        return {**self.single.entries(), **dict.fromkeys(self.networks, FOREVER)}

    def span(self, text: str) -> Span | None:
        """When an address or range counts; None where it is not given as such."""
        return FOREVER if text in self.networks else self.single.span(text)

    def holds(self, column: Coded, time_ms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of n events have their address here; arguments as ``Members.holds``."""
        found = self.single.holds(column, time_ms) if len(self.single) else None
        if not self.networks:
            return np.zeros(len(time_ms), np.bool_) if found is None else found
        inside = np.zeros(len(column), np.bool_)
        packed = pack_addresses(column.distinct)
        for (first, last), addresses in zip(self.bounds, packed, strict=True):
            if len(first):
                at = np.searchsorted(first, addresses.number, side="right") - 1
                inside[addresses.row] = (at >= 0) & (addresses.number <= last[at])
        where = column.spread(inside, False)
        return where if found is None else found | where


def _bounds(networks: Iterable[str]) -> tuple[tuple[NDArray[Any], NDArray[Any]], ...]:
    parsed = [ip_network(text) for text in networks]
    four = collapse_addresses([one for one in parsed if isinstance(one, IPv4Network)])
    six = collapse_addresses([one for one in parsed if isinstance(one, IPv6Network)])
    return (_arrays(list(four), 4), _arrays(list(six), 6))


def _arrays(networks: list[Any], version: int) -> tuple[NDArray[Any], NDArray[Any]]:
    def array(packed: list[bytes]) -> NDArray[Any]:
        if version == 4:
            return np.frombuffer(b"".join(packed), ">u4").astype(np.uint32)
        return np.frombuffer(b"".join(packed), "S16")

    return (
        array([one.network_address.packed for one in networks]),
        array([one.broadcast_address.packed for one in networks]),
    )
