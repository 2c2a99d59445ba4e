from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from core.errors import ConfigError
from features.zones import zone_named
from producer.options import duration_ms, moment_ms, speed_factor


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30d", 2_592_000_000),
        ("12h", 43_200_000),
        ("15m", 900_000),
        ("90s", 90_000),
        ("500ms", 500),
        ("1d12h", 129_600_000),
        ("1.5h", 5_400_000),
        ("0s", 0),
    ],
)
def test_durations(text: str, expected: int) -> None:
    assert duration_ms(text, "--x") == expected


@pytest.mark.parametrize("text", ["", "30", "d", "-1d", "1y", "1d 2", "abc"])
def test_what_is_no_duration_is_refused_with_its_option(text: str) -> None:
    with pytest.raises(ConfigError, match="--labels-after"):
        duration_ms(text, "--labels-after")


@pytest.mark.parametrize(("text", "expected"), [("3600x", 3600.0), ("1", 1.0), ("0.5x", 0.5)])
def test_speeds(text: str, expected: float) -> None:
    assert speed_factor(text) == expected


@pytest.mark.parametrize("text", ["0x", "x", "-1x", "fast", ""])
def test_what_is_no_speed_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--speed"):
        speed_factor(text)


def test_moments_take_the_zone_only_where_they_have_none() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    assert moment_ms("2015-01-01", "--start") == 1_420_070_400_000
    assert moment_ms("2015-01-01T09:00", "--start", tokyo) == 1_420_070_400_000
    assert moment_ms("2015-01-01T00:00:00Z", "--start", tokyo) == 1_420_070_400_000


def test_what_is_no_moment_is_refused() -> None:
    with pytest.raises(ConfigError, match="--end 'soon'"):
        moment_ms("soon", "--end")


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc", "/etc/localtime"])
def test_unknown_zones_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="--tz"):
        zone_named(name)
