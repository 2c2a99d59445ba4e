"""What honest customers and fraudsters do in a sample of the default size and seed."""

from __future__ import annotations

import iptocc
import numpy as np
import pytest

from producer.sample import Mechanism, SampleOptions
from producer.sample.addresses import dotted
from producer.sample.banking import Bank
from producer.sample.ecommerce import Shop
from producer.sample.rows import Payments, Purchases, concat
from producer.sample.slices import generate
from producer.sample.table import user_ids

DAY_S = 86_400


def shop(**options: float) -> Purchases:
    chosen = SampleOptions(**options)  # type: ignore[arg-type]
    return concat(list(generate(Shop(chosen), chosen)))


@pytest.fixture(scope="module")
def rows() -> Purchases:
    return shop()


@pytest.fixture(scope="module")
def honest(rows: Purchases) -> Purchases:
    return rows.take(~rows.fraud)


@pytest.fixture(scope="module")
def payments() -> Payments:
    options = SampleOptions(profile="banking")
    return concat(list(generate(Bank(options), options)))


def of(rows: Purchases, mechanism: Mechanism) -> Purchases:
    return rows.take(rows.mechanism == mechanism)


def users_by(key: np.ndarray, user: np.ndarray) -> np.ndarray:
    """Number of distinct users for each distinct key."""
    pairs = np.unique(np.column_stack([key.astype(np.int64), user]), axis=0)
    return np.unique(pairs[:, 0], return_counts=True)[1]


def test_honest_customers_return_some_far_more_than_others(honest: Purchases) -> None:
    _, visits = np.unique(honest.user, return_counts=True)
    assert (visits > 1).mean() > 0.4
    busiest = np.sort(visits)[-len(visits) // 100 :]
    assert busiest.sum() > 0.06 * visits.sum()
    assert visits.max() > 15 * np.median(visits)


def test_families_share_devices(honest: Purchases) -> None:
    sharing = users_by(honest.device, honest.user)
    assert (sharing == 2).sum() > 300
    assert ((sharing >= 3) & (sharing <= 8)).sum() > 50


def test_hundreds_of_honest_customers_stand_behind_one_address(honest: Purchases) -> None:
    behind = users_by(honest.address, honest.user)
    assert (behind >= 100).sum() >= 10
    assert behind.max() < 5_000


def test_gift_bursts_are_several_purchases_of_one_honest_customer_within_minutes(
    honest: Purchases,
) -> None:
    gifts = of(honest, Mechanism.GIFT_BURST)
    order = np.lexsort((gifts.time, gifts.user))
    same = gifts.user[order][1:] == gifts.user[order][:-1]
    gaps = np.diff(gifts.time[order])[same]
    assert len(gifts) > 1_500
    assert np.median(gaps) < 120
    assert (gifts.device[order][1:] == gifts.device[order][:-1])[same].mean() > 0.95


def test_new_honest_customers_buy_soon_after_signing_up_some_within_seconds(
    honest: Purchases,
) -> None:
    lag = honest.time - honest.signup
    assert (lag < 3_600).mean() > 0.03
    assert (lag < 30).sum() > 200


def test_an_account_has_one_signup_one_sex_and_one_age(rows: Purchases) -> None:
    users = len(np.unique(rows.user))
    for column in (rows.signup, rows.sex, rows.age):
        assert len(np.unique(np.column_stack([rows.user, column]), axis=0)) == users
    assert len(np.unique(user_ids(rows.user))) == users


def test_rings_are_clones_on_one_device_at_all_paces(rows: Purchases) -> None:
    rings = of(rows, Mechanism.RING)
    assert len(np.unique(rings.user)) == len(rings)
    _, size = np.unique(rings.device, return_counts=True)
    assert (size >= 4).sum() >= 20
    order = np.lexsort((rings.time, rings.device.astype(np.int64)))
    same = rings.device[order][1:] == rings.device[order][:-1]
    gaps = np.diff(rings.time[order])[same]
    assert (gaps < 60).mean() > 0.3
    assert (gaps > 600).mean() > 0.1
    lag = rings.time - rings.signup
    assert (lag <= 30).mean() > 0.2
    assert (lag > DAY_S).mean() > 0.1
    assert len(np.unique(rings.cents)) > len(rings) / 4


def test_takeovers_buy_more_elsewhere_with_an_account_that_customers_own(
    rows: Purchases, honest: Purchases
) -> None:
    stolen = of(rows, Mechanism.TAKEOVER)
    assert np.isin(stolen.user, honest.user).mean() > 0.8
    assert np.median(stolen.cents) > 1.5 * np.median(honest.cents)
    pairs = set(zip(honest.user.tolist(), honest.device.tolist(), strict=True))
    known = [
        pair in pairs for pair in zip(stolen.user.tolist(), stolen.device.tolist(), strict=True)
    ]
    assert 0.02 < np.mean(known) < 0.4


def test_card_testing_makes_many_small_purchases_quickly(
    rows: Purchases, honest: Purchases
) -> None:
    tests = of(rows, Mechanism.CARD_TESTING)
    assert np.median(tests.cents) < np.median(honest.cents) / 5
    _, at_address = np.unique(tests.address, return_counts=True)
    assert (at_address >= 8).sum() >= 5
    assert users_by(tests.address, tests.user).max() > 3


def test_slow_fraud_is_a_few_purchases_a_day_at_most(rows: Purchases) -> None:
    slow = of(rows, Mechanism.SLOW_FRAUD)
    order = np.lexsort((slow.time, slow.user))
    gaps = np.diff(slow.time[order])[slow.user[order][1:] == slow.user[order][:-1]]
    assert np.median(gaps) > 6 * 3_600


def test_fraud_fills_the_whole_span_and_comes_in_waves(rows: Purchases) -> None:
    day = (rows.time[rows.fraud] - rows.time[0]) // DAY_S
    per_day = np.bincount(day, minlength=60)
    assert (per_day > 0).all()
    assert per_day.max() > 2 * np.median(per_day)
    assert per_day[:30].sum() == pytest.approx(per_day[30:].sum(), rel=0.5)


def test_seasonality_makes_the_hours_differ_and_zero_makes_them_equal(rows: Purchases) -> None:
    def spread(some: Purchases) -> float:
        ordinary = of(some, Mechanism.ORDINARY)
        hours = np.bincount(ordinary.time // 3_600 % 24, minlength=24)
        return float(hours.max() / hours.min())

    assert spread(rows) > 3
    assert spread(shop(seasonality=0.0)) < 1.2


def test_countries_come_out_as_in_the_address_space(rows: Purchases) -> None:
    names, counts = np.unique(
        [name or "" for name in iptocc.country_code(dotted(rows.address))], return_counts=True
    )
    share = dict(zip(names.tolist(), (counts / len(rows)).tolist(), strict=True))
    assert 0.3 < share["US"] < 0.42
    assert 0.1 < share[""] < 0.18
    assert 100 < len(names) < 200


def test_fraud_is_known_weeks_later_and_some_within_hours(
    rows: Purchases, honest: Purchases
) -> None:
    fraud = rows.take(rows.fraud)
    days = (fraud.labelled - fraud.time) / DAY_S
    assert 7 < np.median(days) < 30
    assert 0.15 < (days < 2).mean() < 0.45
    assert np.median(honest.labelled - honest.time) >= 60 * DAY_S


def test_banking_fraud_repeats_vectors_and_so_do_honest_retries(payments: Payments) -> None:
    _, first, count = np.unique(payments.vector, axis=0, return_index=True, return_counts=True)
    repeated = payments.mechanism[first[count > 1]]
    assert set(np.unique(repeated).tolist()) == {Mechanism.CLONE_BURST, Mechanism.RETRY}
    assert (repeated == Mechanism.CLONE_BURST).sum() >= 8
    assert (repeated == Mechanism.RETRY).sum() >= 8


def test_banking_vectors_have_heavy_tails_and_correlate(payments: Payments) -> None:
    honest = payments.vector[~payments.fraud]
    scaled = (honest - honest.mean(axis=0)) / honest.std(axis=0)
    kurtosis = (scaled**4).mean(axis=0)
    assert (kurtosis > 4).all()
    assert abs(np.corrcoef(honest[:, 0], honest[:, 4])[0, 1]) > 0.05
    spread = honest.std(axis=0)
    assert spread[0] > 3 * spread[27]


def test_banking_fraud_is_shifted_but_overlaps(payments: Payments) -> None:
    component = payments.vector[:, 13]
    fraud, honest = component[payments.fraud], component[~payments.fraud]
    assert np.median(fraud) < np.median(honest) - 0.5 * honest.std()
    # Whoever alerts on the half of fraud that lies farthest out accuses more honest payments.
    assert (honest < np.median(fraud)).sum() > (fraud < np.median(fraud)).sum()


def test_stolen_cards_are_used_in_quick_succession(payments: Payments) -> None:
    stolen = payments.take(payments.mechanism == Mechanism.STOLEN_CARD)
    order = np.lexsort((stolen.time, stolen.card))
    gaps = np.diff(stolen.time[order])[stolen.card[order][1:] == stolen.card[order][:-1]]
    assert np.median(gaps) < 3_600
