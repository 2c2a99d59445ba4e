"""Numbers, times and names as the page writes them; English, UTC."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from features.batch import AMOUNT_SCALE
from features.country_names import country_name
from features.declared import UNKNOWN
from views.periods import Bucket

NONE = "–"
_SEXES = {"M": "Male", "F": "Female", UNKNOWN: "Unknown"}
_SECOND_MS, _DAY_MS = 1000, 86_400_000


def count(value: int) -> str:
    """``12,345``."""
    return f"{value:,}"


def amount(units: int, currency: str, decimals: int = 0) -> str:
    """An amount in units of 10⁻⁴, with the currency where one is set."""
    return money(units / AMOUNT_SCALE, currency, decimals)


def money(value: float, currency: str, decimals: int = 2) -> str:
    """An amount in the currency."""
    return f"{value:,.{decimals}f} {currency}".rstrip()


def share(part: int, whole: int) -> str:
    """A percentage; a dash where there is nothing to divide by."""
    return NONE if whole == 0 else percent(part / whole)


def percent(value: float) -> str:
    """``9.5 %``; what is not 0 or 100 % is not written as such."""
    for decimals in (1, 2, 3):
        text = f"{100 * value:.{decimals}f}"
        if float(text) not in {0.0, 100.0} or value in {0.0, 1.0}:
            break
    return f"{text} %"


def relative_change(now: float, before: float) -> str:
    """How much more than before, in percent; "" where there is nothing to compare with."""
    if before == 0:
        return _signed(0, "%") if now == 0 else ""
    return _signed(100 * (now / before - 1), "%")


def point_change(now: float | None, before: float | None) -> str:
    """Difference of two shares, in percentage points; "" where one is missing."""
    return "" if now is None or before is None else _signed(100 * (now - before), "pp")


def _signed(value: float, unit: str) -> str:
    if not math.isfinite(value):
        return ""
    text = f"{abs(value):,.1f}" if abs(value) < 1000 else f"{abs(value):,.0f}"
    sign = "±" if float(text.replace(",", "")) == 0 else "+" if value > 0 else "−"
    return f"{sign}{text} {unit}"


def moment(time_ms: int) -> datetime:
    """A time in milliseconds since 1970."""
    return datetime.fromtimestamp(time_ms // _SECOND_MS, UTC)


def date(time_ms: int) -> str:
    """``31 Jan 2015``."""
    at = moment(time_ms)
    return f"{at.day} {at:%b %Y}"


def minute(time_ms: int) -> str:
    """``31 Jan 2015, 12:05``."""
    return f"{date(time_ms)}, {moment(time_ms):%H:%M}"


def second(time_ms: int) -> str:
    """``31 Jan 2015, 12:05:09``."""
    return f"{date(time_ms)}, {moment(time_ms):%H:%M:%S}"


def period(from_ms: int, to_ms: int) -> str:
    """From a moment, inclusive, to one, exclusive; whole days without their hours."""
    if from_ms % _DAY_MS == 0 and to_ms % _DAY_MS == 0:
        last = to_ms - _DAY_MS
        return date(from_ms) if last == from_ms else f"{date(from_ms)} – {date(last)}"
    return f"{minute(from_ms)} – {minute(to_ms)}"


def bucket(start_ms: int, length: Bucket) -> str:
    """A bucket by its beginning."""
    if length is Bucket.HOUR:
        return minute(start_ms)
    if length is Bucket.MONTH:
        return f"{moment(start_ms):%B %Y}"
    return date(start_ms) if length is Bucket.DAY else f"week from {date(start_ms)}"


def country(code: str | None) -> str:
    """Name of a country, by its ISO 3166-1 alpha-2 code."""
    if code is None or code == UNKNOWN:
        return "Unknown country"
    return country_name(code)


def sex(code: str) -> str:
    """``F`` and ``M`` in words; others as they came."""
    return _SEXES.get(code, code)


def value(text: str | None) -> str:
    """A text of an event as it came, or that it is unknown."""
    return "Unknown" if text is None or text == UNKNOWN else text


def for_plotly(text: str) -> str:
    """Plotly reads some HTML in its labels; a text of an event is none."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
