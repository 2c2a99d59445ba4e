"""IP addresses as numbers, and what can be said of one without a table of countries.

Addresses that no country can have are those of the IANA special-purpose registries (RFC 6890 and
its updates), of multicast (RFC 5771, RFC 4291), and, for IPv6, everything outside of 2000::/3, the
only block from which addresses are assigned.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Networks behind which people sit without an address of their own: private, shared by carriers,
#: loopback, link-local.
PRIVATE = (
    "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
    "192.168.0.0/16", "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip
#: Addresses that nobody on the internet has.
RESERVED = (
    "0.0.0.0/8", "192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24",
    "203.0.113.0/24", "224.0.0.0/3", "::/128", "2001:db8::/32", "3fff::/20", "100::/64",
    "ff00::/8",
)  # fmt: skip
_ASSIGNED_V6 = ipaddress.IPv6Network("2000::/3")

#: What ``address_kinds`` gives.
PUBLIC_KIND, PRIVATE_KIND, RESERVED_KIND = 0, 1, 2


@dataclass(frozen=True, slots=True, eq=False)
class Packed:
    """Addresses of one IP version.

    Attributes:
        row: where each stood in the list, ascending, shape (k,).
        number: uint32 for IPv4, big-endian bytes (``S16``) for IPv6; both order like the
            addresses, shape (k,).
    """

    row: NDArray[np.int64]
    number: NDArray[Any]


def pack_addresses(addresses: Sequence[str | None]) -> tuple[Packed, Packed]:
    """The IPv4 and the IPv6 addresses among ``addresses``; what is no address is in neither."""
    rows: tuple[list[int], list[int]] = ([], [])
    parts: tuple[list[bytes], list[bytes]] = ([], [])
    for row, address in enumerate(addresses):
        if address is None:
            continue
        six = ":" in address
        try:
            packed = socket.inet_pton(socket.AF_INET6 if six else socket.AF_INET, address)
        except (OSError, ValueError):
            continue
        parts[six].append(packed)
        rows[six].append(row)
    four = np.frombuffer(b"".join(parts[0]), ">u4").astype(np.uint32)
    return (
        Packed(np.array(rows[0], np.int64), four),
        Packed(np.array(rows[1], np.int64), np.frombuffer(b"".join(parts[1]), "S16")),
    )


def address_kinds(addresses: Sequence[str]) -> NDArray[np.int8]:
    """Whether each address is public, private or reserved.

    Args:
        addresses: n addresses, dotted IPv4 or IPv6.

    Returns:
        ``PUBLIC_KIND``, ``PRIVATE_KIND`` or ``RESERVED_KIND``, shape (n,); what is no address is
        reserved.
    """
    kinds = np.full(len(addresses), RESERVED_KIND, np.int8)
    four, six = pack_addresses(addresses)
    kinds[four.row] = _kinds(four.number, _BOUNDS_V4, np.zeros(len(four.row), np.int8))
    low = _number(_ASSIGNED_V6.network_address.packed)
    high = _number(_ASSIGNED_V6.broadcast_address.packed)
    assigned = (six.number >= low) & (six.number <= high)
    outside = np.where(assigned, PUBLIC_KIND, RESERVED_KIND).astype(np.int8)
    kinds[six.row] = _kinds(six.number, _BOUNDS_V6, outside)
    return kinds


def _kinds(
    number: NDArray[Any],
    bounds: Iterable[tuple[NDArray[Any], NDArray[Any], int]],
    kinds: NDArray[np.int8],
) -> NDArray[np.int8]:
    for low, high, kind in bounds:
        kinds[(number >= low) & (number <= high)] = kind
    return kinds


def _bounds(version: int) -> list[tuple[NDArray[Any], NDArray[Any], int]]:
    """First and last address and kind of each special network of one IP version."""
    networks = [
        (ipaddress.ip_network(text), kind)
        for texts, kind in ((RESERVED, RESERVED_KIND), (PRIVATE, PRIVATE_KIND))
        for text in texts
    ]
    return [
        (_number(one.network_address.packed), _number(one.broadcast_address.packed), kind)
        for one, kind in networks
        if one.version == version
    ]


def _number(packed: bytes) -> NDArray[Any]:
    """One address in the form of ``Packed.number``, shape (1,)."""
    if len(packed) == 4:
        return np.frombuffer(packed, ">u4").astype(np.uint32)
    return np.frombuffer(packed, "S16")


_BOUNDS_V4 = _bounds(4)
_BOUNDS_V6 = _bounds(6)
