"""Durations as people write them."""

from __future__ import annotations

_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def duration(seconds: float) -> str:
    """``2 s``, ``1.5 min``, ``−58 d``: one decimal below ten, none from there on."""
    for length, unit in _UNITS:
        units = seconds / length
        if abs(units) >= 1:
            shown = f"{units:,.0f}" if abs(units) >= 9.95 else f"{units:.1f}".removesuffix(".0")
            return f"{shown} {unit}".replace("-", "−")
    return f"{seconds + 0.0:.3g} s".replace("-", "−")
