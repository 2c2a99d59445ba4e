"""Every declared feature has a sentence for every value, and the sentence is English."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.durations import duration
from core.names import PROFILES
from features.declared import CAP, COUNTRIES, Feature, declared_features
from features.formulas import KINDS
from model.figures import money, multiple, number, times
from model.wording import describe

FEATURES = [feature for profile in PROFILES for feature in declared_features(profile)]
IDS = [
    f"{profile}-{feature.name}" for profile in PROFILES for feature in declared_features(profile)
]
#: What is left where a template was not filled, a value leaked or two templates did not fit.
REST = re.compile(
    r"[{}_]|\bNone\b|\bnan\b|\binf\b|e[+-]\d|  | ,|-0\b|\b(\w+) \1\b"
    r"|\b1 (users|devices|countries|purchases|times)\b|\bthe (the|what|whether|how)\b|% its"
)
SENTENCE = re.compile(r"\S.* \(usual: .+\)")


def named(name: str) -> Feature:
    return next(feature for feature in FEATURES if feature.name == name)


def possible(feature: Feature) -> list[float | None]:
    """Unknown, 0, 1, some fraction and the largest value that the feature can take."""
    if feature.categories:
        return [None, *sorted({0.0, 1.0, float(len(feature.categories) - 1)})]
    whole = {"hour": 23.0, "weekday": 6.0, "log_amount": 20.7, "log_since_signup": 22.0}
    if feature.kind in whole:
        return [None, 0.0, 1.0, whole[feature.kind]]
    if feature.unit in ("events", "users", "devices", "countries"):
        return [None, 0.0, 1.0, 2.0, float(CAP)]
    return [None, 0.0, 1.0, 0.03125, 7.25, 123_456.789, 5.12e11]


@pytest.mark.parametrize("feature", FEATURES, ids=IDS)
def test_every_feature_has_a_sentence_for_every_value(feature: Feature) -> None:
    for value, usual in product(possible(feature), repeat=2):
        for amount in (None, 32.0):
            text = describe(feature, value, usual, amount)
            assert SENTENCE.fullmatch(text), text
            assert not REST.search(text), text


@pytest.mark.parametrize("feature", FEATURES, ids=IDS)
def test_a_value_that_differs_reads_differently(feature: Feature) -> None:
    texts = [describe(feature, value, 0.0) for value in possible(feature)]
    if feature.categories:  # the code of an unknown category and no value at all are the same news
        texts = texts[1:]
    assert len(set(texts)) == len(texts)


def test_features_of_the_same_kind_are_told_apart_by_their_sentences() -> None:
    for profile in PROFILES:
        readable = [one for one in declared_features(profile) if not one.form_of]
        texts = [describe(one, 1.0, 1.0) for one in readable]
        assert len(set(texts)) == len(texts)


def test_every_kind_is_declared_somewhere_and_so_seen_above() -> None:
    assert {feature.kind for feature in FEATURES} == set(KINDS)


@pytest.mark.parametrize(
    ("name", "value", "usual", "text"),
    [
        (
            "device_users_1m",
            4,
            0,
            "4 users bought from this device in the minute before (usual: 0)",
        ),
        ("device_users_1h", 1, 0, "1 user bought from this device in the hour before (usual: 0)"),
        ("ip_users_24h", 0, 1, "no user bought from this IP address in the 24 hours before"),
        ("user_devices_7d", 1, 0, "this user bought from 1 device in the 7 days before"),
        ("user_countries_30d", 3, 1, "this user bought from 3 countries in the 30 days before"),
        ("seconds_since_signup", 1, 5e6, "bought 1 s after signing up (usual: 58 d)"),
        ("seconds_since_signup", -180, 5e6, "bought 3 min before signing up (usual: 58 d)"),
        ("seconds_since_signup", 0, None, "bought at the very moment of signing up"),
        ("log_seconds_since_signup", 0.6931472, 9, "bought 1 s after signing up (usual: 2.3 h)"),
        ("log_seconds_since_signup", -0.6931472, 9, "bought 1 s before signing up (usual: 2.3 h)"),
        ("log_amount", 4.6151204, 3, "the amount is 100.00 (usual: 19.09)"),
        ("user_count_1h", 0, 1, "this user did not buy in the hour before (usual: 1)"),
        ("card_count_1h", 14, 0, "this card was used 14 times in the hour before (usual: 0)"),
        ("card_count_1h", 1, 0, "this card was used once in the hour before (usual: 0)"),
        ("card_count_1h", CAP, 0, "this card was used at least 512 times in the hour before"),
        ("vector_count_24h", 2, 0, "the same v1…v28 came twice in the 24 hours before (usual: 0)"),
        (
            "device_spend_1h",
            1234.5,
            0,
            "the purchases from this device in the hour before add up to 1,234.50 (usual: 0.00)",
        ),
        (
            "device_mean_1h",
            32,
            None,
            "the purchases from this device in the hour before were 32.00 on average (usual: none)",
        ),
        (
            "card_mean_7d",
            None,
            20,
            "there are no known payments with this card in the 7 days before "
            "to take an average of (usual: 20.00)",
        ),
        (
            "device_value_ratio_1h",
            1,
            1.5,
            "the amount is what the purchases from this device in the "
            "hour before were on average (usual: 1.5 times)",
        ),
        (
            "card_value_ratio_1h",
            0.25,
            1,
            "the amount is 25 % of what the payments with this card in "
            "the hour before were on average (usual: the same)",
        ),
        (
            "user_rate_ratio_1h",
            24,
            1,
            "in the hour before, this user bought at 24 times its average "
            "pace of the 24 hours before (usual: the same)",
        ),
        (
            "user_rate_ratio_1h",
            0,
            1,
            "this user did not buy in the hour before, but earlier in the "
            "24 hours before (usual: the same)",
        ),
        (
            "device_seconds_since_previous",
            3,
            None,
            "this device was last used 3 s before (usual: none before)",
        ),
        (
            "user_seconds_since_previous",
            None,
            3,
            "there are no known purchases of this user in the 180 days before (usual: 3 s)",
        ),
        (
            "ip_age_seconds",
            90,
            7200,
            "the first remembered purchase from this IP address was 1.5 min before (usual: 2 h)",
        ),
        (
            "ip_count_1h",
            None,
            0,
            "the event names no IP address, so nothing is known of its use in "
            "the hour before (usual: 0)",
        ),
        (
            "device_same_amount_1m",
            4,
            0,
            "4 purchases from this device in the minute before had the same amount (usual: 0)",
        ),
        (
            "country",
            0,
            COUNTRIES.index("US"),
            "the country of the IP address is unknown (usual: United States (US))",
        ),
        ("country", None, 0, "the country of the IP address is unknown (usual: unknown)"),
        ("ip_class", 4, 1, "the IP address is reserved: no customer has it (usual: in a range"),
        ("browser", 2, 1, "the browser is FireFox (usual: Chrome)"),
        ("browser", 6, 1, "the browser is one that the model does not know (usual: Chrome)"),
        ("hour", 3, 14.5, "the time of day is 03:00 to 03:59 UTC (usual: 14:00 to 14:59)"),
        ("weekday", 6, 2.5, "the day is a Sunday (UTC) (usual: Wednesday)"),
        ("purchase_value", 0.5, 32.25, "the amount is 0.50 (usual: 32.25)"),
        ("age", None, 33, "the age the user gave is unknown (usual: 33)"),
        ("v14", -18.52719, 0.051, "component v14 of the transaction is -18.53 (usual: 0.051)"),
    ],
)
def test_a_value_is_said_like_this(
    name: str, value: float | None, usual: float | None, text: str
) -> None:
    assert describe(named(name), value, usual).startswith(text)


def test_a_ratio_names_the_amount_where_it_is_told() -> None:
    text = describe(named("device_value_ratio_1h"), 1.0, None, 32.0)
    assert text == (
        "the amount, 32.00, is what the purchases from this device in the hour before were on "
        "average (usual: none to compare with)"
    )


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (number(1_234_567.0), "1,234,567"), (number(-0.0), "0"), (number(0.05129), "0.05129"),
        (number(123_456.7), "123,457"), (money(0.0), "0.00"), (money(0.0004), "0.0004"),
        (money(1e9), "1,000,000,000.00"), (times(1), "once"), (times(2), "twice"),
        (times(1.5), "1.5 times"), (multiple(1e6), "1,000,000 times"),
        (multiple(4.24), "4.24 times"), (multiple(0.25), "25 % of"),
        (multiple(1e-9), "next to nothing of"),
        (duration(0.25), "0.25 s"), (duration(59), "59 s"), (duration(60), "1 min"),
        (duration(5_400), "1.5 h"), (duration(35_900), "10 h"), (duration(86_400 * 57.9), "58 d"),
    ],
)  # fmt: skip
def test_figures_are_written_like_this(shown: str, text: str) -> None:
    assert shown == text


@given(st.floats(1e-3, 1e9), st.floats(1e-3, 1e9))
def test_a_longer_time_is_never_written_as_a_shorter_one(one: float, two: float) -> None:
    def seconds(text: str) -> float:
        figure, unit = text.replace(",", "").split()
        return float(figure) * {"s": 1, "min": 60, "h": 3_600, "d": 86_400}[unit]

    short, long = sorted((one, two))
    assert seconds(duration(short)) <= seconds(duration(long))
    assert seconds(duration(long)) == pytest.approx(long, rel=0.06)
