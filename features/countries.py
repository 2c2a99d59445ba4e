"""From IP addresses to countries.

Promise: the same table and addresses give the same codes offline and online, and ``digest`` tells
two tables apart exactly when they may give other codes; it is part of the feature hash. What no
range holds is ``unknown``, which is a category like any other.
"""

from __future__ import annotations

import hashlib
import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import iptocc
import numpy as np
from numpy.typing import NDArray

from features.addresses import pack_addresses
from features.country_names import country_name
from features.csv_source.ip_ranges import IpRange, read_ip_ranges
from features.declared import COUNTRIES, UNKNOWN

__all__ = ["CountryTable", "country_name", "load_country_table"]

_CODES = {alpha2: code for code, alpha2 in enumerate(COUNTRIES)}
_UNKNOWN_CODE = _CODES[UNKNOWN]
_log = logging.getLogger(__name__)


class CountryTable(ABC):
    """Gives each address its country.

    Attributes:
        digest: hex; equal for tables that give the same codes.
        source: what the table is, for people, with its licence.
    """

    digest: str
    source: str

    @abstractmethod
    def codes(self, addresses: Sequence[str | None]) -> NDArray[np.int16]:
        """The country of each address.

        Args:
            addresses: n canonical addresses (dotted IPv4 or IPv6), None where unknown.

        Returns:
            Indices into ``features.declared.COUNTRIES``, shape (n,); 0 is unknown.
        """


def load_country_table(path: Path | None) -> CountryTable:
    """The table at ``path``, or the built-in one.

    Args:
        path: a CSV file of ranges (``features.csv_source.read_ip_ranges``); None for the
            allocations of the five regional internet registries that come with ``iptocc``.

    Raises:
        ConfigError: there is no such file.
        DataError: it is no table of IP ranges, or no line of it is usable.
    """
    return _RegistryTable() if path is None else _RangeTable(path)


class _RegistryTable(CountryTable):
    """Allocations of the regional internet registries, from the ``iptocc`` wheel."""

    def __init__(self) -> None:
        release = version("iptocc")
        self.digest = hashlib.sha256(f"iptocc {release}".encode()).hexdigest()
        self.source = (
            f"allocations of the regional internet registries, from iptocc {release} "
            "(MIT or Apache-2.0)"
        )

    def codes(self, addresses: Sequence[str | None]) -> NDArray[np.int16]:
        """See ``CountryTable``."""
        found = iptocc.country_code([address or "" for address in addresses])
        return np.fromiter(
            (_CODES.get(alpha2 or UNKNOWN, _UNKNOWN_CODE) for alpha2 in found),
            np.int16,
            len(addresses),
        )


class _RangeTable(CountryTable):
    """Ranges of a file of the user's.

    Addresses are compared as big-endian bytes, which order like the numbers they are.
    """

    def __init__(self, path: Path) -> None:
        read = read_ip_ranges(path)
        report = read.report
        self.source = f"{path}: {report.accepted:,} ranges (your own table, under its own licence)"
        if report.rejected or report.repairs:
            _log.warning(
                "%s: %d ranges, %d values repaired, %d lines rejected; "
                "`fraudstream data check` lists them",
                path,
                report.accepted,
                sum(report.repairs.values()),
                report.rejected,
            )
        ranges = _merged(read.ranges)
        self.digest = _digest(ranges)
        self._v4 = _Intervals(ranges, 4)
        self._v6 = _Intervals(ranges, 6)

    def codes(self, addresses: Sequence[str | None]) -> NDArray[np.int16]:
        """See ``CountryTable``."""
        result = np.full(len(addresses), _UNKNOWN_CODE, np.int16)
        four, six = pack_addresses(addresses)
        result[four.row] = self._v4.codes(four.number)
        result[six.row] = self._v6.codes(six.number)
        return result


class _Intervals:
    """Ranges of one IP version, for binary search."""

    def __init__(self, ranges: Iterable[IpRange], ip_version: int) -> None:
        mine = [one for one in ranges if one.version == ip_version]
        width = 4 if ip_version == 4 else 16
        self._dtype = np.dtype(">u4") if ip_version == 4 else np.dtype("S16")
        self._lower = self._array(b"".join(one.lower.to_bytes(width, "big") for one in mine))
        self._upper = self._array(b"".join(one.upper.to_bytes(width, "big") for one in mine))
        self._code = np.array([_CODES[one.country] for one in mine], np.int16)

    def codes(self, address: NDArray[Any]) -> NDArray[np.int16]:
        """Codes of addresses given as in ``features.addresses.Packed``."""
        if not len(self._code):
            return np.full(len(address), _UNKNOWN_CODE, np.int16)
        at = np.searchsorted(self._lower, address, side="right") - 1
        inside = (at >= 0) & (address <= self._upper[at])
        return np.where(inside, self._code[at], _UNKNOWN_CODE).astype(np.int16)

    def _array(self, packed: bytes) -> NDArray[Any]:
        array = np.frombuffer(packed, self._dtype)
        # Native byte order is what searching is fast in.
        return array.astype(np.uint32) if self._dtype.kind == "u" else array


def _merged(ranges: Iterable[IpRange]) -> list[IpRange]:
    """The same function of the address in as few ranges as possible; unknown needs none."""
    merged: list[IpRange] = []
    for one in ranges:
        if one.country == UNKNOWN:
            continue
        last = merged[-1] if merged else None
        if last is not None and (last.version, last.upper + 1, last.country) == (
            one.version,
            one.lower,
            one.country,
        ):
            merged[-1] = last._replace(upper=one.upper)
        else:
            merged.append(one)
    return merged


def _digest(ranges: Iterable[IpRange]) -> str:
    """SHA-256 (hex) of the ranges as text."""
    lines = (f"{one.version} {one.lower} {one.upper} {one.country}\n" for one in ranges)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
