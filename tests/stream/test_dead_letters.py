from __future__ import annotations

import dataclasses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import ConfigError, RejectedEvent
from core.names import DLQ_MAX_MESSAGE_BYTES, REPLAYED_FROM, Header
from stream.dead_letters import DeadLetter, LetterFilter, Place, place_of, read_letter
from stream.outcomes import dead_letter
from tests.dlq_letters import Record

NAMES = [*(header.value for header in Header), REPLAYED_FROM]
ANY_HEADERS = st.lists(
    st.tuples(st.sampled_from(NAMES) | st.text(max_size=9), st.none() | st.binary(max_size=40)),
    max_size=14,
)
TOPIC = "t-transactions-dlq"


def letter(*headers: tuple[str, bytes | None], topic: str = TOPIC) -> DeadLetter:
    return read_letter(topic, Place(3, 17), 1_000, b"k", b"v", headers)


@given(
    key=st.none() | st.binary(max_size=9),
    value=st.none() | st.binary(max_size=99),
    code=st.text(max_size=20),
    message=st.text(st.characters(exclude_categories=["Cs"]), max_size=200),
    field=st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    partition=st.integers(0, 2**31 - 1),
    offset=st.integers(0, 2**63 - 1),
    came_from=st.none() | st.text(st.characters(codec="ascii"), max_size=300),
)
def test_what_a_worker_writes_is_read_back(
    key: bytes | None, value: bytes | None, code: str, message: str, field: str,
    partition: int, offset: int, came_from: str | None,
) -> None:  # fmt: skip
    code = code.encode(errors="replace").decode()
    before = () if came_from is None else ((REPLAYED_FROM, came_from.encode()),)
    record = Record("transactions", value, key, partition, offset, before)
    rejected = RejectedEvent(code, message, field)
    body, headers = dead_letter(record, rejected, "2026-01-31T12:00:00.250Z")
    read = read_letter(TOPIC, Place(1, 2), 5, key, body, headers)
    assert (read.key, read.value) == (key, value)
    assert (read.code, read.field) == (code, field)
    assert read.message is not None
    assert message.startswith(read.message.rstrip("�")) or read.message == message
    assert (read.source_topic, read.source_partition, read.source_offset) == (
        "transactions", partition, offset,
    )  # fmt: skip
    assert read.failed_ms == 1_769_860_800_250
    assert (read.truncated, read.sha256, read.others) == (False, None, ())
    assert read.replayed_from == came_from


@given(headers=ANY_HEADERS, value=st.none() | st.binary(max_size=40))
@example(headers=[(Header.FAILED_AT, b"0001-01-01T00:00:00+14:00")], value=None)
@example(headers=[(Header.OFFSET, b"9" * 5_000)], value=b"")
@example(headers=[(Header.OFFSET, "１２".encode())], value=b"")
def test_any_headers_make_a_letter_that_keeps_its_bytes(
    headers: list[tuple[str, bytes | None]], value: bytes | None
) -> None:
    read = read_letter(TOPIC, Place(0, 0), 7, None, value, headers)
    assert read.value == value
    assert read.time_ms == (7 if read.failed_ms is None else read.failed_ms)
    assert [one for one in headers if one[0] not in NAMES] == list(read.others)
    assert read.source is None or read.source.count(":") >= 2
    assert read.came_back_from is None or isinstance(read.came_back_from, Place)
    assert LetterFilter().fits(read)


def test_nothing_said_is_none() -> None:
    read = letter()
    empty = (read.code, read.message, read.field, read.source, read.failed_at, read.failed_ms)
    assert empty == (None,) * 6
    assert not read.truncated


def test_of_a_header_given_twice_the_last_one_counts() -> None:
    assert letter((Header.CODE, b"first"), (Header.CODE, b"last")).code == "last"


def test_a_cut_letter_says_so() -> None:
    whole = b"x" * (DLQ_MAX_MESSAGE_BYTES + 1)
    body, headers = dead_letter(
        Record("transactions", whole), RejectedEvent("too_large", "m"), "now"
    )
    read = read_letter(TOPIC, Place(0, 0), 0, b"k", body, headers)
    assert read.truncated
    assert read.sha256 is not None
    assert len(read.sha256) == 64
    assert letter((Header.TRUNCATED, b"who knows")).truncated


@pytest.mark.parametrize("topic", [TOPIC, "transactions-dlq", "dlq"])
def test_the_mark_of_a_replay_names_the_letter(topic: str) -> None:
    mark = letter(topic=topic).mark
    assert mark == f"{topic}-3-17"
    assert letter((REPLAYED_FROM, mark.encode()), topic=topic).came_back_from == Place(3, 17)


@pytest.mark.parametrize(
    "mark", ["", "x", TOPIC, f"{TOPIC}-3", f"{TOPIC}-3-x", f"{TOPIC}-3-17-4", f"{TOPIC}2-3-17",
             "transactions-dlq-3-17", f"other-{TOPIC}-3-17"],
)  # fmt: skip
def test_other_marks_name_no_letter_of_the_topic(mark: str) -> None:
    assert letter((REPLAYED_FROM, mark.encode())).came_back_from is None


@given(st.integers(0, 10**9 - 1), st.integers(0, 10**18 - 1))
def test_a_place_reads_back(partition: int, offset: int) -> None:
    assert place_of(str(Place(partition, offset))) == Place(partition, offset)


@pytest.mark.parametrize(
    "text", ["", "3", "3:", ":1", "3:-1", "a:b", "3:1:2", "３:1", "1:" + "9" * 30]
)
def test_what_names_no_place_is_wrong_use(text: str) -> None:
    with pytest.raises(ConfigError, match="PARTITION:OFFSET"):
        place_of(text)


def test_filters_take_what_fits_and_times_are_half_open() -> None:
    one = dataclasses.replace(letter(), code="bad_ip", field="", failed_ms=100, source_topic="t")
    for fits in (
        LetterFilter(), LetterFilter(code="bad_ip"), LetterFilter(field=""),
        LetterFilter(since_ms=100), LetterFilter(until_ms=101),
    ):  # fmt: skip
        assert fits.fits(one)
    for misses in (
        LetterFilter(code="bad"), LetterFilter(field="x"), LetterFilter(since_ms=101),
        LetterFilter(until_ms=100), LetterFilter(code="bad_ip", field="x"),
    ):  # fmt: skip
        assert not misses.fits(one)
    assert LetterFilter("t").of_topic(one)
    assert not LetterFilter("u").of_topic(one)
    assert not LetterFilter("t").of_topic(dataclasses.replace(one, source_topic=None))


def test_without_a_time_of_its_own_a_letter_has_that_of_its_storing() -> None:
    unsaid = letter((Header.FAILED_AT, b"yesterday"))
    assert (unsaid.failed_at, unsaid.failed_ms, unsaid.time_ms) == ("yesterday", None, 1_000)
    assert LetterFilter(since_ms=1_000, until_ms=1_001).fits(unsaid)
