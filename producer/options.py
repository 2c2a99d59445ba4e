"""What people write for durations, speeds and moments, as numbers."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

from core.errors import ConfigError

_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_SPEED = re.compile(r"(\d+(?:\.\d+)?)x?")


def duration_ms(text: str, option: str) -> int:
    """Milliseconds of ``30d``, ``12h``, ``15m``, ``90s``, ``500ms`` or a sum such as ``1d12h``.

    Raises:
        ConfigError: names ``option``, the value and what would be accepted.
    """
    compact = text.strip().lower().replace(" ", "")
    if not re.fullmatch(f"(?:{_DURATION.pattern})+", compact):
        raise ConfigError(f"{option} {text!r} is not a duration: write 30d, 12h, 15m, 90s or 1d12h")
    return round(sum(float(n) * _UNIT_MS[unit] for n, unit in _DURATION.findall(compact)))


def speed_factor(text: str) -> float:
    """3600.0 for ``3600x`` (or ``3600``): seconds of event time per second.

    Raises:
        ConfigError: it is not a factor above zero.
    """
    match = _SPEED.fullmatch(text.strip().lower())
    factor = float(match.group(1)) if match else 0.0
    if factor <= 0:
        raise ConfigError(f"--speed {text!r} is not a factor above zero: write 1x or 3600x")
    return factor


def moment_ms(text: str, option: str, zone: tzinfo = UTC) -> int:
    """Milliseconds since 1970 UTC of ``2015-01-08`` or ``2015-01-08T12:30:00Z``.

    Args:
        text: ISO 8601; without an offset it is taken in ``zone``.
        option: for the message.
        zone: zone of texts without one.

    Raises:
        ConfigError: it is not ISO 8601.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ConfigError(
            f"{option} {text!r} is not a time: write 2015-01-08 or 2015-01-08T12:30:00Z"
        ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)
