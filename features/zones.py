"""Time zones by name."""

from __future__ import annotations

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.errors import ConfigError


def zone_named(name: str) -> ZoneInfo:
    """The time zone called ``name`` in the IANA database.

    Raises:
        ConfigError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            f"--tz {name!r} is not a known time zone: write UTC, Europe/Berlin, America/New_York"
        ) from None
