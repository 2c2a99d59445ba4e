"""Feature values from columns and quantities."""

from __future__ import annotations

import numpy as np
import pytest

from features.countries import load_country_table
from features.declared import declared_features, feature_hash, feature_names
from features.formulas import KINDS
from features.offline import compute_features
from tests.features.events import START, make_batch


def features_of(*rows: tuple[str, int, int, str, str, str | None]) -> list[dict[str, float]]:
    ids, time, amount, users, devices, addresses = zip(*rows, strict=True)
    batch = make_batch(ids, time, amount, users, devices, addresses)
    table = compute_features(batch, load_country_table(None))
    return [dict(zip(table.names, row.tolist(), strict=True)) for row in table.matrix]


def test_worked_example_of_the_documentation() -> None:
    minute = 60_000
    a, b, c = features_of(
        ("a", START, 100_000, "u1", "d", None),
        ("b", START, 200_000, "u2", "d", None),
        ("c", START + minute, 50_000, "u3", "d", None),
    )
    names = ("device_count_1m", "device_spend_1m", "device_count_1h")
    assert [a[name] for name in names] == [0, 0, 0]
    assert [b[name] for name in names] == [1, 10, 1]
    assert [c[name] for name in names] == [0, 0, 2]
    assert c["device_users_24h"] == 2


def test_means_ratios_and_times_of_a_device() -> None:
    second = 1000
    first, same, dearer, later = features_of(
        ("a", START, 100_000, "u1", "d", None),
        ("b", START + 10 * second, 100_000, "u2", "d", None),
        ("c", START + 20 * second, 400_000, "u1", "d", None),
        ("e", START + 7200 * second, 50_000, "u1", "d", None),
    )
    for name in ("mean_1h", "value_ratio_1h", "rate_ratio_1h", "seconds_since_previous"):
        assert np.isnan(first[f"device_{name}"]), name
    assert np.isnan(first["device_age_seconds"])
    assert (same["device_mean_1m"], same["device_value_ratio_1m"]) == (10, 1)
    assert (same["device_same_amount_1m"], dearer["device_same_amount_1m"]) == (1, 0)
    assert dearer["device_value_ratio_1h"] == 4
    assert (dearer["device_seconds_since_previous"], dearer["device_age_seconds"]) == (10, 20)
    assert (dearer["device_users_1m"], dearer["user_devices_1m"]) == (2, 1)
    assert dearer["device_rate_ratio_1h"] == 24  # all of the last day's events in the last hour
    assert later["device_rate_ratio_1h"] == 0
    assert later["device_mean_24h"] == 20
    assert later["device_value_ratio_24h"] == 0.25
    assert np.isnan(later["device_mean_1h"])


def test_ratio_to_a_mean_of_nothing_is_unknown() -> None:
    _, second = features_of(
        ("a", START, 0, "u", "d", None), ("b", START + 1, 100_000, "u", "d", None)
    )
    assert second["device_mean_1m"] == 0
    assert np.isnan(second["device_value_ratio_1m"])


def test_hours_and_weekdays_go_round() -> None:
    midnight = 1_704_067_200_000  # Monday, 2024-01-01
    hour = 3_600_000
    rows = features_of(
        *((f"{i:03d}", midnight + i * hour, 10_000, f"u{i}", f"d{i}", None) for i in range(24 * 7))
    )
    for name, length in (("hour", 24), ("weekday", 7)):
        points = {(row[f"{name}_sin"], row[f"{name}_cos"]) for row in rows}
        assert len(points) == length
        for row in rows:
            angle = 2 * np.pi * row[name] / length
            assert row[f"{name}_sin"] == pytest.approx(np.sin(angle), abs=1e-6)
            assert row[f"{name}_cos"] == pytest.approx(np.cos(angle), abs=1e-6)


def test_time_since_signup_keeps_its_sign_on_the_log_scale() -> None:
    (only,) = features_of(("a", START - 9000, 10_000, "u", "d", None))  # signed up 4 s later
    assert only["seconds_since_signup"] == -4
    assert only["log_seconds_since_signup"] == pytest.approx(-np.log(5))


def test_an_event_by_itself_gives_the_same_bits_as_among_others() -> None:
    rng = np.random.default_rng(11)
    n = 3000
    batch = make_batch(
        [f"{i:05d}" for i in range(n)],
        (START + rng.integers(0, 10**8, n)).tolist(),
        rng.integers(0, 10**9, n).tolist(),
        [f"u{i}" for i in range(n)],
        [f"d{i}" for i in range(n)],
        [None] * n,
    )
    countries = load_country_table(None)
    together = compute_features(batch, countries).matrix
    for row in range(0, n, 37):
        alone = compute_features(batch.take([row]), countries).matrix
        np.testing.assert_array_equal(alone[0], together[row])


def test_event_without_an_address_has_no_address_features() -> None:
    (only,) = features_of(("a", START, 100_000, "u", "d", None))
    address = {name: value for name, value in only.items() if name.startswith("ip_")}
    assert address.pop("ip_class") == 0
    assert all(np.isnan(value) for value in address.values())
    assert only["country"] == 0
    assert only["device_count_24h"] == 0


def test_weekday_and_hour_are_utc() -> None:
    monday_noon = 1_704_110_400_000  # 2024-01-01T12:00:00Z
    (only,) = features_of(("a", monday_noon, 100_000, "u", "d", None))
    assert (only["weekday"], only["hour"]) == (0, 12)


@pytest.mark.parametrize("profile", ["ecommerce", "banking"])
def test_every_declared_feature_has_a_formula_and_a_name_of_its_own(profile: str) -> None:
    features = declared_features(profile)
    assert {feature.kind for feature in features} <= KINDS.keys()
    assert len(set(feature_names(profile))) == len(features)


def test_feature_hash_hangs_on_the_ip_table_where_there_are_addresses() -> None:
    assert feature_hash("ecommerce", "one") != feature_hash("ecommerce", "two")
    assert feature_hash("banking", "one") == feature_hash("banking", "two")
