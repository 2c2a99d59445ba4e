"""What is refused, one by one: the code, the field, and a message that names value and remedy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.errors import RejectedEvent
from core.names import MAX_MESSAGE_BYTES, RejectCode
from features.profiles import VECTOR
from features.validation import decode, to_batch
from features.validation_one import MAX_DEPTH, Accepted
from tests.features.written_events import BANKING, BROKER_MS, ECOMMERCE, MAX_FUTURE_MS, SAMPLES

MISSING = object()
BIG = 2**53 + 1


def judge(profile: str, value: bytes | None) -> Accepted | RejectedEvent:
    result = decode(profile, [value], [BROKER_MS], MAX_FUTURE_MS)
    event = result.event[0]
    return result.rejected[0] if event is None else event


def refusal(profile: str, value: bytes | None) -> RejectedEvent:
    found = judge(profile, value)
    assert isinstance(found, RejectedEvent), "it was accepted"
    return found


def event(profile: str, value: bytes | None) -> Accepted:
    found = judge(profile, value)
    assert isinstance(found, Accepted), found
    return found


def with_field(profile: str, name: str, value: Any) -> bytes:
    fields = {key: old for key, old in SAMPLES[profile].items() if key != name}
    if value is not MISSING:
        fields[name] = value
    return json.dumps(fields).encode()


def sample(profile: str) -> bytes:
    return json.dumps(SAMPLES[profile]).encode()


@pytest.mark.parametrize("value", [None, b""])
def test_a_message_without_a_value_is_empty(value: bytes | None) -> None:
    found = refusal("ecommerce", value)
    assert (found.code, found.field) == (RejectCode.EMPTY, "")


WHOLE = sample("ecommerce")


def test_a_message_beyond_the_limit_is_too_large() -> None:
    fits = WHOLE + b" " * (MAX_MESSAGE_BYTES - len(WHOLE))
    event("ecommerce", fits)
    found = refusal("ecommerce", fits + b" ")
    assert (found.code, found.field) == (RejectCode.TOO_LARGE, "")
    assert str(MAX_MESSAGE_BYTES + 1) in found.message


@pytest.mark.parametrize(
    "value",
    [
        b" ",
        b"\x00",
        b"{",
        b"not json",
        b"null",
        b"[]",
        b'"text"',
        b"7",
        b"[" + WHOLE + b"]",
        WHOLE[:-1],
        WHOLE + WHOLE,
        WHOLE + b",",
        WHOLE[:-1] + b",}",
        WHOLE.replace(b'"SEO"', b"'SEO'"),
        WHOLE.replace(b'"SEO"', b"NaN"),
        WHOLE.replace(b"34.5", b"NaN"),
        WHOLE.replace(b"34.5", b"Infinity"),
        WHOLE.replace(b"34.5", b"-Infinity"),
        WHOLE.replace(b"34.5", b"034.5"),
        WHOLE[:-1] + b', "unknown": NaN}',
        WHOLE.replace(b"SEO", b"S\xffO"),
        WHOLE.replace(b"SEO", b"S\x01O"),
        WHOLE.replace(b"SEO", b"S\xed\xa0\x80O"),
        WHOLE[:-1] + b', "unknown": "\xff"}',
        WHOLE[:-1] + b', "\xff": 1}',
        WHOLE.replace(b"SEO", b"S\\xO"),
        b"\xef\xbb\xbf" + WHOLE,
        WHOLE.decode().encode("utf-16"),
        b"[" * 1_000_000,
        b'{"a":' * 200_000,
        b'"' + b'\\"' * 500_000,
        WHOLE[:-1] + b', "unknown": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    ],
    ids=lambda value: repr(value[-30:]),
)
def test_what_is_not_one_json_object_is_malformed(value: bytes) -> None:
    found = refusal("ecommerce", value)
    assert (found.code, found.field) == (RejectCode.MALFORMED_JSON, "")
    assert len(found.message) < 300


def test_nesting_in_unknown_fields_is_allowed_up_to_the_limit() -> None:
    depth = MAX_DEPTH - 1
    event("ecommerce", WHOLE[:-1] + b', "unknown": ' + b"[" * depth + b"]" * depth + b"}")
    event("ecommerce", WHOLE[:-1] + b', "unknown": "' + b"[" * 500 + b'"}')
    event("ecommerce", WHOLE[:-1] + b', "unknown": [' + b"[]," * 500 + b"[]]}")


@pytest.mark.parametrize(
    "more",
    [
        '"user_id": "other"',
        '"user_id": "22058"',
        '"user_id" : 1',
        '"\\u0075ser_id": "other"',
        '"\\u0075\\u0073er_id": null',
        '"x": 1, "user_id": "other"',
        '"x": "\\"", "user_id": "other"',
        '"x": {"y": [1, "user_id"]}, "user_id": "other"',
    ],
)
def test_a_field_given_twice_is_refused_however_it_is_spelt(more: str) -> None:
    for value in (f"{{{more}, {WHOLE.decode()[1:]}", f"{WHOLE.decode()[:-1]}, {more}}}"):
        found = refusal("ecommerce", value.encode())
        assert (found.code, found.field) == (RejectCode.DUPLICATE_KEY, "user_id")


def test_repeats_among_unknown_fields_are_nobodys_business() -> None:
    event("ecommerce", WHOLE[:-1] + b', "x": 1, "x": 2, "y": {"user_id": 1, "user_id": 2}}')


ECOMMERCE_REQUIRED = (
    "event_id", "user_id", "signup_time", "purchase_time", "purchase_value", "device_id",
)  # fmt: skip


@pytest.mark.parametrize("value", [MISSING, None], ids=["missing", "null"])
@pytest.mark.parametrize(
    ("profile", "name"),
    [("ecommerce", name) for name in ECOMMERCE_REQUIRED]
    + [("banking", name) for name in ("event_id", "time", *VECTOR, "amount")],
)
def test_required_fields_must_be_there(profile: str, name: str, value: object) -> None:
    found = refusal(profile, with_field(profile, name, value))
    assert (found.code, found.field) == (RejectCode.MISSING_FIELD, name)
    assert name in found.message


@pytest.mark.parametrize("value", [MISSING, None], ids=["missing", "null"])
@pytest.mark.parametrize("name", ["source", "browser", "sex", "age", "ip_address"])
def test_the_other_fields_may_be_unknown(name: str, value: object) -> None:
    batch = to_batch("ecommerce", [event("ecommerce", with_field("ecommerce", name, value))])
    found: Any = batch.number["age"][0] if name == "age" else batch.text[name][0]
    assert found is None or found != found  # noqa: PLR0124  # NaN


@pytest.mark.parametrize(
    ("profile", "name", "values"),
    [
        ("ecommerce", "event_id", [7, 7.5, True, [], {}]),
        ("ecommerce", "user_id", [7.5, 7.0, 1e3, True, False, [], {}, ["x"]]),
        ("ecommerce", "device_id", [7.5, True, [], {"id": 1}]),
        ("ecommerce", "signup_time", [1_424_818_549, 1.5, True, []]),
        ("ecommerce", "purchase_time", [1_424_818_549, 1.5, True, {}]),
        ("ecommerce", "purchase_value", ["34", "", True, [], {}]),
        ("ecommerce", "source", [1, 1.5, True, [], {}]),
        ("ecommerce", "browser", [1, False, []]),
        ("ecommerce", "sex", [1, True, []]),
        ("ecommerce", "age", ["39", True, [], {}]),
        ("ecommerce", "ip_address", [732758368.79972, True, [], {}]),
        ("ecommerce", "schema", ["1", 1.0, True, None, [], {}]),
        ("banking", "event_id", [7]),
        ("banking", "time", [True, [], {}]),
        ("banking", "v1", ["1", True, []]),
        ("banking", "v28", ["1", True, {}]),
        ("banking", "amount", ["1", True, []]),
        ("banking", "card_id", [1.5, True, []]),
        ("banking", "schema", ["1", None]),
    ],
)
def test_values_of_another_type_are_refused(profile: str, name: str, values: list[Any]) -> None:
    for value in values:
        found = refusal(profile, with_field(profile, name, value))
        assert (found.code, found.field) == (RejectCode.WRONG_TYPE, name)
        assert repr(value) in found.message


@pytest.mark.parametrize(
    ("profile", "name", "values"),
    [
        ("ecommerce", "purchase_value", [-0.01, -1, 1_000_000_000.0001, 1e12, 1e300, BIG, 10**30]),
        ("ecommerce", "purchase_value", [0.00001, 9.99999, 1e-9, 999_999_999.00005]),
        ("ecommerce", "user_id", [BIG, -BIG, 10**30]),
        ("ecommerce", "device_id", [BIG, -BIG, 2**64]),
        ("ecommerce", "age", [-1, -0.5, 150.5, 151, 1e300, BIG]),
        ("ecommerce", "ip_address", [-1, 2**32, BIG, 10**30]),
        ("ecommerce", "schema", [0, -1, BIG]),
        ("banking", "time", [BIG, -BIG, 10**30]),
        ("banking", "v1", [1e15, -1e15, 1e300, 10**15, BIG, 10**30]),
        ("banking", "v28", [1e15, -1e15]),
        ("banking", "amount", [-0.01, 1_000_000_001, 0.00001]),
        ("banking", "card_id", [BIG, -BIG]),
    ],
)
def test_numbers_out_of_range_are_refused(profile: str, name: str, values: list[Any]) -> None:
    for value in values:
        found = refusal(profile, with_field(profile, name, value))
        assert (found.code, found.field) == (RejectCode.OUT_OF_RANGE, name)
        assert repr(value) in found.message


@pytest.mark.parametrize("number", ["1e999", "-1e999", "9" * 5000, "1" + "0" * 400])
@pytest.mark.parametrize(
    ("profile", "name"), [("ecommerce", "purchase_value"), ("ecommerce", "age"), ("banking", "v7")]
)
def test_numbers_that_no_float_holds_are_out_of_range(profile: str, name: str, number: str) -> None:
    text = json.dumps(SAMPLES[profile] | {name: "@"}).replace('"@"', number)
    found = refusal(profile, text.encode())
    assert (found.code, found.field) == (RejectCode.OUT_OF_RANGE, name)
    assert len(found.message) < 200


@pytest.mark.parametrize(
    ("profile", "name", "value", "units"),
    [
        ("ecommerce", "purchase_value", 0, 0),
        ("ecommerce", "purchase_value", -0.0, 0),
        ("ecommerce", "purchase_value", 0.0001, 1),
        ("ecommerce", "purchase_value", 0.29, 2_900),
        ("ecommerce", "purchase_value", 1.1, 11_000),
        ("ecommerce", "purchase_value", 1_000_000_000, 10**13),
        ("ecommerce", "purchase_value", 999_999_999.9999, 10**13 - 1),
        ("banking", "amount", 25691.16, 256_911_600),
    ],
)
def test_amounts_are_exact(profile: str, name: str, value: float, units: int) -> None:
    assert event(profile, with_field(profile, name, value)).amount == units


@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        "a\udfffb",
        "\x00",
        "a\x00",
        "a\nb",
        "\t",
        "\x1f",
        "\x7f",
        "\x80",
        "\x9f",
        "a" * 257,
    ],
    ids=ascii,
)
@pytest.mark.parametrize(
    ("profile", "name"),
    [
        *[("ecommerce", name) for name in ("event_id", "user_id", "device_id", "source", "sex")],
        ("banking", "event_id"),
        ("banking", "card_id"),
    ],
)
@pytest.mark.parametrize("escaped", [True, False])
def test_text_that_is_unfit_is_refused(profile: str, name: str, value: str, escaped: bool) -> None:
    if escaped:
        text = json.dumps(SAMPLES[profile] | {name: value})
    else:
        text = json.dumps(SAMPLES[profile] | {name: "@"}).replace("@", value)
        if any(ord(letter) < 0x20 or 0xD800 <= ord(letter) < 0xE000 for letter in value):
            found = refusal(profile, text.encode(errors="surrogatepass"))
            assert found.code == RejectCode.MALFORMED_JSON
            return
    found = refusal(profile, text.encode())
    assert (found.code, found.field) == (RejectCode.BAD_TEXT, name)
    found.message.encode()  # can be a header


@pytest.mark.parametrize(
    ("profile", "name"),
    [("ecommerce", "event_id"), ("ecommerce", "user_id"), ("ecommerce", "device_id"),
     ("banking", "event_id"), ("banking", "card_id")],
)  # fmt: skip
def test_empty_ids_are_refused(profile: str, name: str) -> None:
    found = refusal(profile, with_field(profile, name, ""))
    assert (found.code, found.field) == (RejectCode.BAD_TEXT, name)


@pytest.mark.parametrize(
    "text", ["a" * 256, "é", "日本", "😀", "a b", " ", "\u00a0", "\u200b", '"\\/']
)
def test_other_text_is_kept_as_it_is(text: str) -> None:
    for escaped in (True, False):
        value = json.dumps(ECOMMERCE | {"user_id": text, "source": text}, ensure_ascii=escaped)
        batch = to_batch("ecommerce", [event("ecommerce", value.encode())])
        assert batch.text["user_id"] == batch.text["source"] == [text]


@pytest.mark.parametrize(("number", "text"), [(0, "0"), (-7, "-7"), (2**53, "9007199254740992")])
def test_numeric_ids_become_their_digits(number: int, text: str) -> None:
    value = with_field("ecommerce", "user_id", number)
    assert to_batch("ecommerce", [event("ecommerce", value)]).text["user_id"] == [text]


def test_unknown_categories_are_kept_for_the_other_class() -> None:
    value = with_field("ecommerce", "browser", "Lynx")
    assert to_batch("ecommerce", [event("ecommerce", value)]).text["browser"] == ["Lynx"]


def test_signing_up_after_the_purchase_is_allowed() -> None:
    event("ecommerce", with_field("ecommerce", "signup_time", "2199-12-31T23:59:59.999Z"))


@pytest.mark.parametrize("schema", [1, 2, 99, MISSING])
def test_later_schemas_are_read(schema: object) -> None:
    event("ecommerce", with_field("ecommerce", "schema", schema))


def test_messages_show_long_values_shortened() -> None:
    found = refusal("ecommerce", with_field("ecommerce", "user_id", "x" * 100_000))
    assert "x" * 60 in found.message
    assert "x" * 81 not in found.message
    assert "100000" in found.message


def test_an_event_from_the_future_is_refused_and_says_by_how_much() -> None:
    value = with_field("banking", "time", "2100-01-01T00:05:00.001Z")
    found = refusal("banking", value)
    assert (found.code, found.field) == (RejectCode.FUTURE_TIME, "time")
    assert "0.001 s" in found.message
    event("banking", with_field("banking", "time", "2100-01-01T00:05:00.000Z"))


def test_the_samples_themselves_are_accepted() -> None:
    for fields in (ECOMMERCE, BANKING):
        profile = str(fields["event_id"]).split("-")[0]
        assert event(profile, json.dumps(fields).encode()).event_id == fields["event_id"]
