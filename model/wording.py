"""A feature's value in words an analyst reads without a manual."""

from __future__ import annotations

from features.declared import Feature

_SINGULAR = {"events": "event", "users": "user", "devices": "device", "countries": "country"}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DURATIONS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def describe(feature: Feature, value: float | None, typical: float | None) -> str:
    """One line: what it is, how much, and what is usual.

    Args:
        feature: the declared feature.
        value: of the event, None where unknown.
        typical: of honest events, None where it is usually unknown.

    Returns:
        For example ``7 earlier events of the device within 1h (typical: 0)``.
    """
    usual = f"(typical: {_worded(feature, typical)})"
    shown = _worded(feature, value)
    if value is None or feature.unit not in _SINGULAR:
        return f"{feature.meaning}: {shown} {usual}"
    meaning = feature.meaning
    if value == 1:
        meaning = meaning.replace(feature.unit, _SINGULAR[feature.unit], 1)
    return f"{shown} {meaning} {usual}"


def _worded(feature: Feature, value: float | None) -> str:
    if value is None:
        return "unknown"
    if feature.categories:
        return feature.categories[int(value)]
    if feature.kind == "weekday":
        return _WEEKDAYS[int(value)]
    if feature.unit == "seconds":
        return _duration(value)
    if feature.unit == "currency units":
        return f"{value:,.2f}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def _duration(seconds: float) -> str:
    for length, unit in _DURATIONS:
        if abs(seconds) >= length:
            return f"{seconds / length:,.1f}".removesuffix(".0") + f" {unit}"
    return f"{seconds:,.3g} s"
