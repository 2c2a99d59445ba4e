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


def test_event_without_an_address_has_no_address_features() -> None:
    (only,) = features_of(("a", START, 100_000, "u", "d", None))
    assert np.isnan(only["ip_count_24h"])
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
