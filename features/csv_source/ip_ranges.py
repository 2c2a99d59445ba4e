"""IP ranges and their countries from a CSV file, in whatever state of repair.

Promise: every data line is a range or a reject with its reason; the ranges ascend and do not
overlap. Bounds are numbers (IPv4), dotted or IPv6; countries are names or ISO codes. Steps:

1. bounds become integers; a lower bound that a spreadsheet has rounded (``1.54E+09``) is the
   previous line's upper bound + 1, where rounding that gives what is written;
2. names become ISO 3166-1 alpha-2 codes; a name that is no single country stays as unknown;
3. ranges are sorted, and one that overlaps an earlier one is set aside.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from core.errors import RejectedEvent
from core.messages import MAX_IPV4
from core.names import RejectCode
from features.country_names import country_code
from features.csv_source import cells
from features.csv_source.findings import Findings, LineCode, Repair
from features.csv_source.header import COUNTRY, IP_TABLE, LOWER, UPPER, Header
from features.csv_source.lines import Lines, Progress
from features.csv_source.records import open_records
from features.csv_source.report import (
    CsvReport,
    check_rejects_path,
    finished_report,
)
from features.declared import UNKNOWN
from features.rules_of_fields import refused


class IpRange(NamedTuple):
    """Addresses ``lower`` to ``upper``, both included, as integers of their IP ``version``."""

    version: int
    lower: int
    upper: int
    country: str  #: alpha-2, or ``unknown``


@dataclass(frozen=True, slots=True)
class IpRanges:
    """The usable lines of a table.

    Attributes:
        ranges: ascending by (version, lower), without overlaps.
        report: what was found out, repaired and set aside.
        no_country: names that are no single country → number of their ranges.
    """

    ranges: tuple[IpRange, ...]
    report: CsvReport
    no_country: dict[str, int]


#: A number with more significant digits was not rounded by a spreadsheet.
_ROUNDED_DIGITS = 6
#: What is left of an address with an exponent is a multiple of this.
_ROUNDED_UNIT = 10**6
_ADDRESS = {4: ipaddress.IPv4Address, 6: ipaddress.IPv6Address}


class _Rounded(Exception):  # noqa: N818 - found and dealt with in this file
    """A bound that a spreadsheet has rounded."""


def read_ip_ranges(
    path: Path, rejects: Path | None = None, progress: Progress | None = None
) -> IpRanges:
    """Read a table of IP ranges, plain or gzip.

    Args:
        path: the file, with the columns ``lower_bound_ip_address``, ``upper_bound_ip_address``
            and ``country``.
        rejects: where to write the lines that are set aside; None writes them nowhere.
        progress: called with (bytes read, bytes of the file).

    Raises:
        ConfigError: there is no such file.
        DataError: it is another kind of file, or no line of it is usable.
    """
    if rejects is not None:
        check_rejects_path(path, rejects)
    findings = Findings()
    source = Lines(path, findings, progress)
    header, records = open_records(source, findings, IP_TABLE)
    table = _Table(header, findings)
    for page in records:
        for line, row in zip(page.line, page.rows, strict=True):
            table.add(line, row)
    ranges = _ascending(table.found, findings)
    if table.no_country:
        names = ", ".join(repr(name) for name in table.no_country)
        findings.warnings.append(f"no single country, kept as unknown: {names}")
    report = finished_report(source, header, findings, len(ranges), rejects)
    return IpRanges(ranges, report, dict(table.no_country.most_common()))


class _Table:
    """Takes rows one by one, since a bound may depend on the line before."""

    def __init__(self, header: Header, findings: Findings) -> None:
        self._at = tuple(header.at[name] for name in (LOWER, UPPER, COUNTRY))
        self._findings = findings
        self._previous_upper: int | None = None
        self._codes: dict[str, str] = {}
        self.found: list[tuple[IpRange, int]] = []
        self.no_country: Counter[str] = Counter()

    def add(self, line: int, row: list[str]) -> None:
        """Take a row, or set it aside."""
        lower, upper, name = (row[i].strip() for i in self._at)
        previous, self._previous_upper = self._previous_upper, None
        texts = {LOWER: lower, UPPER: upper, COUNTRY: name}
        try:
            version, last = self._bound(UPPER, upper)
            self._previous_upper = last
            first = self._lower(lower, version, last, previous)
            country = self._country(name)
        except _Rounded:
            refusal = refused(
                RejectCode.BAD_IP, UPPER, upper, "has lost digits", "export it without exponent"
            )
            self._findings.reject_event(line, upper, refusal)
        except RejectedEvent as refusal:
            self._findings.reject_event(line, texts[refusal.field], refusal)
        else:
            if country == UNKNOWN:
                self.no_country[name] += 1
                self._findings.repaired(Repair.NO_COUNTRY)
            self.found.append((IpRange(version, first, last, country), line))

    def _lower(self, text: str, version: int, last: int, previous: int | None) -> int:
        """The lower bound of a range whose upper bound is known."""
        try:
            first_version, first = self._bound(LOWER, text)
        except _Rounded:
            restored = _restored(text, previous)
            if restored is None:
                raise refused(
                    RejectCode.BAD_IP,
                    LOWER,
                    text,
                    "has lost digits that the previous line does not give back",
                    "take the line from the original table",
                ) from None
            first_version, first = version, restored
            self._findings.repaired(Repair.LOWER_BOUND)
        misplaced = first > last or first <= (-1 if previous is None else previous)
        if first_version == version == 4 and misplaced and first % _ROUNDED_UNIT == 0:
            # 1.54E+09 may since have been written out, as 1540000000.
            restored = _restored(text, previous)
            if restored is not None:
                first = restored
                self._findings.repaired(Repair.LOWER_BOUND)
        if first_version != version or first > last:
            raise RejectedEvent(
                LineCode.BAD_RANGE,
                f"the range does not end at or after {text!r}: correct its bounds",
                UPPER,
            )
        return first

    def _bound(self, field: str, text: str) -> tuple[int, int]:
        """IP version and integer of a bound."""
        if text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= MAX_IPV4:
            return 4, int(text)
        if not text:
            raise RejectedEvent(RejectCode.MISSING_FIELD, f"{field}='' is empty: give it", field)
        if not cells.is_number(text):
            try:
                address = ipaddress.ip_address(text)
            except ValueError:
                raise refused(
                    RejectCode.BAD_IP,
                    field,
                    text,
                    "is no IP address",
                    "write a number, dotted IPv4 or IPv6",
                ) from None
            return address.version, int(address)
        value = cells.decimal(field, text)
        if "e" in text.casefold() and _digits_missing(value):
            raise _Rounded
        if not 0 <= value <= MAX_IPV4 or value != int(value):
            raise refused(
                RejectCode.OUT_OF_RANGE, field, text, "is no IPv4 address", "0 to 2^32 - 1 are"
            )
        self._findings.repaired(Repair.BOUND_FLOAT)
        return 4, int(value)

    def _country(self, name: str) -> str:
        code = self._codes.get(name)
        if code is not None:
            return code
        if not name:
            raise RejectedEvent(
                RejectCode.MISSING_FIELD, f"{COUNTRY}='' is empty: name the country", COUNTRY
            )
        code = country_code(name)
        if code is None:
            raise RejectedEvent(
                LineCode.NO_COUNTRY,
                f"{COUNTRY}={name[:80]!r} is no country's name: write the ISO name or code",
                COUNTRY,
            )
        self._codes[name] = code
        return code


def _digits_missing(value: Decimal) -> bool:
    """Whether digits before the decimal point are missing: in 1.54E+09 seven are."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent > 0


def _restored(text: str, previous_upper: int | None) -> int | None:
    """The address after ``previous_upper``, if ``text`` is what rounding leaves of it."""
    if previous_upper is None or not cells.is_number(text):
        return None
    lower = previous_upper + 1
    written = Decimal(text)
    digits = len(written.normalize().as_tuple().digits)
    if digits > _ROUNDED_DIGITS:
        return None
    return lower if Decimal(f"{lower:.{digits - 1}E}") == written else None


def _ascending(found: Iterable[tuple[IpRange, int]], findings: Findings) -> tuple[IpRange, ...]:
    """The ranges in order; of two that overlap, the one on the later line is set aside."""
    listed = list(found)
    ordered = sorted(listed)
    findings.repaired(
        Repair.OUT_OF_ORDER,
        sum(b < a for (a, _), (b, _) in pairwise(listed)),
    )
    kept: list[tuple[IpRange, int]] = []
    for one, line in ordered:
        ahead = kept[-1] if kept else None
        if ahead is None or ahead[0].version != one.version or ahead[0].upper < one.lower:
            kept.append((one, line))
            continue
        first, second = sorted((ahead[1], line))
        if second == ahead[1]:
            kept[-1] = (one, line)
        findings.reject(
            second,
            LineCode.OVERLAP,
            f"the range overlaps that of line {first}: correct one of them",
            LOWER,
            str(_ADDRESS[one.version](one.lower)),
        )
    return tuple(one for one, _ in kept)
