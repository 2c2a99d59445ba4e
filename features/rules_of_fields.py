"""What the value of a field must be: the rules shared by Kafka messages and CSV files.

Each rule takes the field's name and its value, and returns the value in the form that an
``EventBatch`` holds, or raises ``RejectedEvent`` with a stable code and a message that names
field, value and remedy. Times have a module of their own, ``features.rules_of_times``.
"""

from __future__ import annotations

import ipaddress
import math
import re
import socket
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.errors import RejectedEvent
from core.messages import (
    COMPONENT_BOUND,
    MAX_AGE,
    MAX_INTEGER,
    MAX_IPV4,
    MAX_TEXT,
)
from core.names import RejectCode
from features.batch import AMOUNT_SCALE, MAX_AMOUNT

#: Control characters (C0, DEL, C1) and halves of surrogate pairs.
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_DOTTED = rf"{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}"
_ONE_DOTTED = re.compile(_DOTTED)
_DOTTED_LIST = re.compile(rf"(?:{_DOTTED},)*")
_SHOWN = 80


def shown(value: object) -> str:
    """``value`` as it appears in a message: printable and at most 80 characters long."""
    text = repr(value[:_SHOWN] if isinstance(value, str) else value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def refused(code: RejectCode, field: str, value: object, why: str, remedy: str) -> RejectedEvent:
    """The error for one bad value: ``field=value why: remedy``."""
    return RejectedEvent(code, f"{field}={shown(value)} {why}: {remedy}", field)


def identifier(field: str, value: str | int) -> str:
    """An id as text; an integer becomes its decimal digits.

    Raises:
        RejectedEvent: BAD_TEXT when empty, too long or with unfit characters, OUT_OF_RANGE for
            an integer beyond ±2^53.
    """
    if not isinstance(value, str):
        return str(whole_number(field, value))
    if not value:
        raise refused(RejectCode.BAD_TEXT, field, value, "is empty", "give every event this id")
    return _fit(field, value)


def category(field: str, value: str | None) -> str | None:
    """A text from an open set (source, browser, sex); None and the empty text mean unknown.

    Raises:
        RejectedEvent: BAD_TEXT when too long or with unfit characters.
    """
    return _fit(field, value) if value else None


def _fit(field: str, value: str) -> str:
    if len(value) > MAX_TEXT:
        raise refused(
            RejectCode.BAD_TEXT,
            field,
            value,
            f"has {len(value)} characters",
            f"send at most {MAX_TEXT}",
        )
    # Most texts are printable, which is far cheaper to find out.
    if not value.isprintable() and (found := _UNFIT.search(value)):
        raise refused(
            RejectCode.BAD_TEXT,
            field,
            value,
            f"holds the character U+{ord(found.group()):04X}",
            "send text without control characters and lone surrogates",
        )
    return value


def whole_number(field: str, value: int) -> int:
    """An integer that every JSON reader reads alike.

    Raises:
        RejectedEvent: OUT_OF_RANGE beyond ±2^53.
    """
    if not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise refused(
            RejectCode.OUT_OF_RANGE, field, value, "is beyond 2^53", "send long ids as text"
        )
    return value


def amount_in_units(field: str, value: float) -> int:
    """An amount of currency units as a whole number of 10⁻⁴ units.

    Raises:
        RejectedEvent: OUT_OF_RANGE when negative, not finite, above ``MAX_AMOUNT`` or with more
            than four decimals.
    """
    if not 0 <= value <= MAX_AMOUNT:
        raise refused(
            RejectCode.OUT_OF_RANGE,
            field,
            value,
            "is no possible amount",
            f"send 0 to {MAX_AMOUNT} currency units",
        )
    units = round(value * AMOUNT_SCALE)
    if units / AMOUNT_SCALE != value:
        raise refused(
            RejectCode.OUT_OF_RANGE,
            field,
            value,
            "has more than 4 decimals",
            "round it before it is sent",
        )
    return units


def amounts_in_units(
    values: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """``amount_in_units`` of a column: units (0 where refused) and which values are accepted."""
    # NaN compares false, so it is refused without a warning.
    fits = (values >= 0) & (values <= MAX_AMOUNT)
    inside = np.where(fits, values, 0.0)
    units = np.rint(inside * AMOUNT_SCALE)
    fits &= units / AMOUNT_SCALE == inside
    return np.where(fits, units, 0.0).astype(np.int64), fits


def age_in_years(field: str, value: float | None) -> float:
    """An age; None means unknown and becomes NaN.

    Raises:
        RejectedEvent: OUT_OF_RANGE when not between 0 and ``MAX_AGE``.
    """
    if value is None:
        return math.nan
    if not 0 <= value <= MAX_AGE:
        raise refused(
            RejectCode.OUT_OF_RANGE,
            field,
            value,
            "is no possible age",
            f"send 0 to {MAX_AGE}, or nothing where it is unknown",
        )
    return float(value)


def component(field: str, value: float) -> float:
    """One of v1 … v28.

    Raises:
        RejectedEvent: OUT_OF_RANGE when not finite or not strictly between ±``COMPONENT_BOUND``.
    """
    if not -COMPONENT_BOUND < value < COMPONENT_BOUND:
        raise refused(
            RejectCode.OUT_OF_RANGE,
            field,
            value,
            "is no possible component",
            f"send a finite number between ±{COMPONENT_BOUND:.0e}",
        )
    return float(value)


def ip_text(field: str, value: str | int | None) -> str | None:
    """An address as canonical text: dotted IPv4 or compressed IPv6; unknown stays None.

    Integers are IPv4; an IPv4-mapped IPv6 address is the IPv4 address in it. The empty text means
    unknown.

    Raises:
        RejectedEvent: BAD_IP, or OUT_OF_RANGE for an integer outside 0 … 2^32 − 1.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        if not 0 <= value <= MAX_IPV4:
            raise refused(
                RejectCode.OUT_OF_RANGE, field, value, "is no IPv4 address", "send 0 to 2^32 - 1"
            )
        return socket.inet_ntoa(value.to_bytes(4, "big"))
    # Most addresses are this, which is far cheaper to find out.
    if _ONE_DOTTED.fullmatch(value):
        return value
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise _no_address(field, value) from None
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise _no_address(field, value)
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
    return str(address)


def all_dotted_ipv4(values: Sequence[str]) -> bool:
    """Whether every text is an IPv4 address in its canonical form."""
    listed = ",".join(values) + ","
    # A comma inside a text would make two addresses of one.
    return listed.count(",") == len(values) and _DOTTED_LIST.fullmatch(listed) is not None


def _no_address(field: str, value: str) -> RejectedEvent:
    return refused(
        RejectCode.BAD_IP,
        field,
        value,
        "is no IP address",
        "send dotted IPv4, an integer or IPv6, or nothing where it is unknown",
    )
