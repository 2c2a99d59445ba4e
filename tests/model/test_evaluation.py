"""The protocol: what is trained on, what is tested on, and that neither leaks into the other."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model.fitting.baselines import BASE_RATE, RULE, baselines
from model.fitting.dataset import Dataset
from model.fitting.evaluation import Evaluated, evaluate
from model.fitting.splits import ATTACK_END_MS, ATTACK_FROM_MS, splits_of
from model.results import decode_evaluation, encode_evaluation
from tests.model.conftest import QUICK


def silent(done: int, total: int) -> None:
    """No progress wanted."""


@pytest.fixture(scope="module")
def evaluated(dataset: Dataset) -> Evaluated:
    return evaluate(dataset, QUICK, silent, resamples=50)


def test_random_folds_are_stratified_and_cover_every_row_once(dataset: Dataset) -> None:
    splits, _ = splits_of(dataset)
    folds = splits[0].parts
    assert splits[0].name == "random"
    assert len(folds) == 5
    tested = np.concatenate([part.test for part in folds])
    assert sorted(tested.tolist()) == list(range(len(dataset)))
    for part in folds:
        assert not set(part.train.tolist()) & set(part.test.tolist())
        assert abs(dataset.fraud[part.test].mean() - dataset.fraud.mean()) < 0.005


def test_time_trains_on_the_first_seventy_percent_of_events(dataset: Dataset) -> None:
    (part,) = splits_of(dataset)[0][1].parts
    assert len(part.train) == int(0.7 * len(dataset))
    assert dataset.time_ms[part.train].max() <= dataset.time_ms[part.test].min()
    assert len(part.train) + len(part.test) == len(dataset)


def test_attack_divides_at_its_dates(dataset: Dataset) -> None:
    (part,) = splits_of(dataset)[0][2].parts
    times = dataset.time_ms
    assert times[part.train].max() < ATTACK_FROM_MS <= times[part.test].min()
    assert times[part.test].max() < ATTACK_END_MS <= times[part.test.max() + 1]
    assert np.datetime64(ATTACK_FROM_MS, "ms") == np.datetime64("2015-01-08")
    assert np.datetime64(ATTACK_END_MS, "ms") == np.datetime64("2015-02-01")


def test_attack_is_for_ecommerce_that_covers_it(dataset: Dataset) -> None:
    names = [split.name for split in splits_of(replace(dataset, profile="banking"))[0]]
    assert names == ["random", "time"]
    later, left_out = splits_of(replace(dataset, time_ms=dataset.time_ms + 365 * 86_400_000))
    assert [split.name for split in later] == ["random", "time"]
    assert "training part has 0 fraud and 0 honest events" in left_out["attack"]


def test_same_data_and_seed_give_the_same_bytes(dataset: Dataset, evaluated: Evaluated) -> None:
    again = evaluate(dataset, QUICK, silent, resamples=50)
    raw = encode_evaluation(evaluated.evaluation)
    assert encode_evaluation(again.evaluation) == raw
    assert decode_evaluation(raw, "evaluation.json") == evaluated.evaluation
    assert again.final.booster.save_raw() == evaluated.final.booster.save_raw()


def test_the_bursts_are_found(evaluated: Evaluated) -> None:
    random = evaluated.evaluation.splits["random"]
    base = evaluated.evaluation.baselines["random"][BASE_RATE]
    assert random["average_precision"].low is not None
    assert base["average_precision"].high is not None
    assert random["average_precision"].low > 2 * base["average_precision"].high


def test_shuffled_labels_are_not_learnt(dataset: Dataset) -> None:
    fraud = np.random.default_rng(8).permutation(dataset.fraud)
    found = evaluate(replace(dataset, fraud=fraud), QUICK, silent, resamples=200).evaluation
    for figures in (found.splits["random"], found.splits["time"]):
        auc = figures["roc_auc"]
        assert auc.low is not None
        assert auc.high is not None
        assert auc.low < 0.56
        assert auc.high > 0.44


def test_without_sign_up_lag_and_velocity_bursts_are_not_found(
    dataset: Dataset, evaluated: Evaluated
) -> None:
    """There is no other way to know them: what is found then would be a leak."""
    blind = without(dataset, "since_signup", "device_", "ip_", "user_")
    found = evaluate(blind, QUICK, silent, resamples=1).evaluation
    f1, before = (one.splits["random"]["f1"].value for one in (found, evaluated.evaluation))
    assert before is not None
    assert before > 0.5
    assert f1 is not None
    assert f1 < 0.3


def without(data: Dataset, *parts: str) -> Dataset:
    """Nobody knows the features whose names contain one of these."""
    matrix = data.matrix.copy()
    hidden = [at for at, name in enumerate(data.names) if any(part in name for part in parts)]
    matrix[:, hidden] = np.nan
    return replace(data, matrix=matrix)


def test_test_rows_change_no_choice(dataset: Dataset, evaluated: Evaluated) -> None:
    cut = int(0.7 * len(dataset))
    fraud, matrix = dataset.fraud.copy(), dataset.matrix.copy()
    fraud[cut:] = np.roll(fraud[cut:], 3)
    matrix[cut:] = 0
    other = evaluate(replace(dataset, fraud=fraud, matrix=matrix), QUICK, silent, resamples=1)
    (before,), (after,) = evaluated.evaluation.parts["time"], other.evaluation.parts["time"]
    assert (after.review, after.block) == (before.review, before.block)
    assert other.evaluation.splits["time"] != evaluated.evaluation.splits["time"]


def test_every_part_is_described(dataset: Dataset, evaluated: Evaluated) -> None:
    parts = evaluated.evaluation.parts
    assert [len(parts[name]) for name in ("random", "time", "attack")] == [5, 1, 1]
    for part in parts["random"]:
        assert part.train_rows + part.test_rows == len(dataset)
        assert part.train_fraud + part.test_fraud == dataset.fraud.sum()
        assert 0 < part.review <= part.block


def test_progress_counts_every_fitted_model(dataset: Dataset) -> None:
    seen: list[tuple[int, int]] = []
    evaluate(dataset, QUICK, lambda done, total: seen.append((done, total)), resamples=1)
    total = QUICK.steps * (5 + 1 + 1 + 1)
    assert sorted(seen) == [(done, total) for done in range(1, total + 1)]


def test_an_error_while_fitting_ends_the_rest(dataset: Dataset) -> None:
    seen: list[int] = []

    def failing(done: int, total: int) -> None:
        seen.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(dataset, QUICK, failing, resamples=1)
    assert len(seen) <= 3


def test_the_rule_flags_purchases_within_a_minute_of_signing_up(dataset: Dataset) -> None:
    (split, *_) = splits_of(dataset)[0]
    found = baselines(dataset, split)
    rows = np.concatenate([part.test for part in split.parts])
    lag = dataset.column("seconds_since_signup")[rows]
    assert np.array_equal(found[RULE].flagged, lag <= 60)
    assert found[RULE].flagged.any()
    assert not found[BASE_RATE].flagged.any()
    assert found[BASE_RATE].score.mean() == pytest.approx(dataset.fraud.mean(), abs=0.002)


def test_banking_has_no_rule(dataset: Dataset) -> None:
    names = tuple("other" if name == "seconds_since_signup" else name for name in dataset.names)
    (split, *_) = splits_of(dataset)[0]
    assert set(baselines(replace(dataset, names=names), split)) == {BASE_RATE}
