"""Reasons name what is farthest from usual, in words."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from core.errors import ModelError
from features.declared import COUNTRIES, declared_features, feature_names
from model.deviation import TOP, DeviationReasons
from model.fitting.reference import reference_of
from model.registry import ModelVersion

FEATURES = declared_features("ecommerce")
NAMES = feature_names("ecommerce")
AT = {name: column for column, name in enumerate(NAMES)}
US, RU = COUNTRIES.index("US"), COUNTRIES.index("RU")


def honest_rows(size: int = 400) -> np.ndarray:
    """Ordinary events: nothing before them, amounts around 30, mostly from the US."""
    rng = np.random.default_rng(1)
    matrix = np.zeros((size, len(NAMES)), np.float32)
    matrix[:, AT["purchase_value"]] = rng.normal(30, 5, size)
    matrix[:, AT["age"]] = rng.normal(40, 10, size)
    matrix[:, AT["sex"]] = rng.integers(1, 3, size)
    matrix[:, AT["seconds_since_signup"]] = rng.uniform(20 * 86_400, 100 * 86_400, size)
    matrix[:, AT["hour"]] = rng.integers(8, 20, size)
    matrix[:, AT["country"]] = np.where(rng.random(size) < 0.9, US, RU)
    return matrix


@pytest.fixture(scope="module")
def version(trained: ModelVersion) -> ModelVersion:
    """The trained version, with the ordinary events as its reference."""
    reference = reference_of(FEATURES, honest_rows())
    metadata = msgspec.structs.replace(trained.metadata, reference=reference)
    return ModelVersion(trained.path, metadata, trained.digests)


@pytest.fixture
def reasons(version: ModelVersion) -> DeviationReasons:
    return DeviationReasons(version)


def typical() -> np.ndarray:
    """One event at the median of everything."""
    reference = reference_of(FEATURES, honest_rows())
    return np.array([[one.median for one in reference]], np.float32)


def test_a_usual_event_has_no_reason(reasons: DeviationReasons) -> None:
    assert reasons.explain(typical()) == [[]]


def test_the_farthest_feature_comes_first_and_three_are_enough(
    reasons: DeviationReasons,
) -> None:
    row = typical()
    row[0, AT["device_count_1h"]] = 7
    row[0, AT["purchase_value"]] = 55
    row[0, AT["user_count_24h"]] = 2
    row[0, AT["hour"]] = 15
    (found,) = reasons.explain(row)
    assert [one.feature for one in found] == ["device_count_1h", "purchase_value", "user_count_24h"]
    assert len(found) == TOP
    assert found[0].code == "deviation"
    assert found[0].value == 7.0
    assert found[0].contribution == 7.0
    assert found[0].text == "this device was used 7 times in the hour before (usual: 0)"


def test_windows_of_one_quantity_are_one_reason_of_the_shortest_among_equals(
    reasons: DeviationReasons,
) -> None:
    row = typical()
    for window in ("1m", "1h", "24h", "7d", "30d"):
        row[0, AT[f"device_count_{window}"]] = 9
    (found,) = reasons.explain(row)
    assert [one.feature for one in found] == ["device_count_1m"]


def test_other_forms_of_a_feature_are_no_reasons(reasons: DeviationReasons) -> None:
    row = typical()
    for name in ("hour_sin", "weekday_cos", "log_seconds_since_signup", "country_known"):
        row[0, AT[name]] = 1
    assert reasons.explain(row) == [[]]


def test_below_the_median_counts_as_far_as_above(reasons: DeviationReasons) -> None:
    row = typical()
    row[0, AT["purchase_value"]] = 1
    (found,) = reasons.explain(row)
    assert found[0].feature == "purchase_value"
    assert (found[0].contribution or 0) < -4


def test_a_rare_category_is_named_and_measured_by_its_rarity(
    version: ModelVersion, reasons: DeviationReasons
) -> None:
    row = typical()
    row[0, AT["country"]] = RU
    (found,) = reasons.explain(row)
    text = "the country of the IP address is Russian Federation (RU) (usual: United States (US))"
    assert found[0].text == text
    shares = version.metadata.reference[AT["country"]].shares
    expected = math.sqrt(2 * math.log(shares[US] / shares[RU]))
    assert found[0].contribution == pytest.approx(expected, abs=1e-4)


def test_an_unknown_value_is_a_reason_without_a_value(reasons: DeviationReasons) -> None:
    row = typical()
    row[0, AT["age"]] = np.nan
    (found,) = reasons.explain(row)
    assert (found[0].feature, found[0].value) == ("age", None)
    assert found[0].text.startswith("the age the user gave is unknown (usual: ")


def test_a_feature_that_was_never_known_is_a_reason_only_when_it_is(
    trained: ModelVersion,
) -> None:
    rows = honest_rows()
    rows[:, AT["age"]] = np.nan
    metadata = msgspec.structs.replace(trained.metadata, reference=reference_of(FEATURES, rows))
    reasons = DeviationReasons(ModelVersion(trained.path, metadata, trained.digests))
    row = typical()
    row[0, AT["age"]] = np.nan
    assert reasons.explain(row) == [[]]
    row[0, AT["age"]] = 40
    ((found,),) = reasons.explain(row)
    assert found.text == "the age the user gave is 40 (usual: unknown)"


def test_values_are_shortest_round_trip_float32(reasons: DeviationReasons) -> None:
    row = typical()
    row[0, AT["purchase_value"]] = 99.1
    (found,) = reasons.explain(row)
    assert found[0].value == 99.1


def test_rows_are_explained_as_if_alone(reasons: DeviationReasons, version: ModelVersion) -> None:
    rows = honest_rows(50)
    rows[::7, AT["ip_spend_24h"]] = 900
    rows[::5, AT["country"]] = 0
    assert reasons.explain(rows) == [reasons.explain(rows[i : i + 1])[0] for i in range(len(rows))]
    assert DeviationReasons(version).explain(rows[:0]) == []


def test_a_reference_of_other_features_is_refused(trained: ModelVersion) -> None:
    metadata = msgspec.structs.replace(trained.metadata, reference=trained.metadata.reference[1:])
    with pytest.raises(ModelError, match="made for other features"):
        DeviationReasons(ModelVersion(trained.path, metadata, trained.digests))


@pytest.mark.parametrize("fill", [0.0, 5.0, np.nan])
def test_a_constant_feature_has_a_scale_and_shares_above_zero(fill: float) -> None:
    matrix = np.full((30, len(FEATURES)), fill, np.float32)
    matrix[:, AT["purchase_value"]] = 30.0  # every event has an amount
    for one in reference_of(FEATURES, matrix):
        assert one.scale > 0
        assert 0 < one.unknown_share < 1
        assert all(share > 0 for share in one.shares)
