"""Numbers with the units of Grafana's panels, for pictures."""

from __future__ import annotations

import math

from core.durations import duration

_LARGE = ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K"))
_BYTES = ((1024.0**3, " GiB"), (1024.0**2, " MiB"), (1024.0, " KiB"))
_SUFFIX = {"cps": " c/s", "cpm": " c/m"}


def written(value: float, unit: str) -> str:
    """A value as a panel of that unit shows it; raises ``ValueError`` for an unknown unit."""
    if math.isnan(value):
        return "–"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "bytes":
        return _scaled(value, _BYTES, " B")
    if unit == "s":
        return duration(value)
    if unit == "short" or unit in _SUFFIX:
        return _scaled(value, _LARGE, "") + _SUFFIX.get(unit, "")
    raise ValueError(f"no way to write the unit {unit!r}")


def _scaled(value: float, scales: tuple[tuple[float, str], ...], smallest: str) -> str:
    for scale, name in scales:
        if abs(value) >= scale:
            return f"{value / scale:.3g}{name}"
    return f"{value:.3g}{smallest}"
