"""The bounds within which a sample is worth training on: neither given away nor hopeless."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from producer.sample.options import DEFAULT_ROWS, DEFAULT_SEED
from tests.producer.sample_difficulty import ROWS, Difficulty, measure

SEEDS = (DEFAULT_SEED, 1)
EVERY = [(profile, seed) for profile in ("ecommerce", "banking") for seed in SEEDS]


@pytest.fixture(scope="module")
def difficulty(tmp_path_factory: pytest.TempPathFactory) -> object:
    folder: Path = tmp_path_factory.mktemp("difficulty")

    @cache
    def measured(profile: str, seed: int) -> Difficulty:
        return measure(profile, seed, folder)

    return measured


def test_the_measured_size_is_the_default_size() -> None:
    assert ROWS == DEFAULT_ROWS


@pytest.mark.parametrize(("profile", "seed"), EVERY)
def test_no_single_feature_gives_fraud_away(difficulty, profile: str, seed: int) -> None:  # type: ignore[no-untyped-def]
    single = difficulty(profile, seed).single
    assert len(single) > 30
    assert {name: value for name, value in single.items() if value >= 0.6} == {}


@pytest.mark.parametrize(("profile", "seed"), EVERY)
def test_a_first_model_is_useful_in_time_order_but_not_perfect(  # type: ignore[no-untyped-def]
    difficulty, profile: str, seed: int
) -> None:
    in_time = difficulty(profile, seed).in_time
    assert all(0.5 < value < 0.9 for value in in_time.values()), in_time


@pytest.mark.parametrize("seed", SEEDS)
def test_alerts_can_be_mostly_right_and_find_most_fraud(difficulty, seed: int) -> None:  # type: ignore[no-untyped-def]
    assert difficulty("ecommerce", seed).recall >= 0.5
