"""What a person sees of a dead letter: all of it, and nothing that a terminal would obey."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from typing import Any

import pytest
from click import unstyle
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from cli.dlq import latest
from cli.dlq_value import value_lines, visible
from cli.dlq_view import count_lines, letter_as_json, letter_lines, row_of, table_lines
from core.names import REPLAYED_FROM, Header
from stream.dead_letters import DeadLetter, Place, read_letter
from tests.stream.test_dead_letters import ANY_HEADERS

HOSTILE = "\x1b[31m\x9b\u202e\u2028\u0000\x7f\ud800"


def made(value: bytes | None = b"{}", key: bytes | None = b"k", **headers: str) -> DeadLetter:
    names = {"code": Header.CODE, "field": Header.FIELD, "message": Header.MESSAGE}
    given_headers = [(str(names[name]), text.encode()) for name, text in headers.items()]
    return read_letter(
        "transactions-dlq", Place(3, 17), 1_769_860_800_000, key, value, given_headers
    )


def texts(value: bytes | None, field: str = "") -> list[str]:
    return [("> " if line.at_fault else "  ") + line.text for line in value_lines(value, field)]


@given(value=st.none() | st.binary(max_size=300), field=st.text(max_size=5))
def test_bytes_never_reach_the_terminal_raw(value: bytes | None, field: str) -> None:
    assert all(line.text.isprintable() for line in value_lines(value, field))


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(JSONISH)
def test_laid_out_json_is_the_same_json_and_printable(content: Any) -> None:
    raw = json.dumps(content)
    lines = [line.text for line in value_lines(raw.encode())]
    assert all(line.isprintable() for line in lines)
    assert repr(json.loads("\n".join(lines))) == repr(json.loads(raw))


@given(headers=ANY_HEADERS, value=st.binary(max_size=30), key=st.binary(max_size=9))
def test_no_letter_prints_a_control_character(
    headers: list[tuple[str, bytes | None]], value: bytes, key: bytes
) -> None:
    letter = read_letter("dlq", Place(0, 1), 5, key, value, headers)
    rows = [row_of(letter, with_topic=with_topic) for with_topic in (True, False)]
    lines = [*letter_lines(letter), *table_lines(rows, 80), *table_lines(rows, 300)]
    assert all(unstyle(line).isprintable() for line in lines)
    assert json.dumps(letter_as_json(letter)).isascii()


def test_the_field_at_fault_is_marked_also_where_it_is_given_twice() -> None:
    assert texts(b'{"a": 1e400, "b": {"a": []}, "a": 12345678901234567890}', "a") == [
        "  {",
        '>   "a": 1e400,',
        '    "b": {',
        '      "a": []',
        "    },",
        '>   "a": 12345678901234567890',
        "  }",
    ]


def test_a_missing_field_is_marked_as_missing() -> None:
    assert texts(b"{}", "user_id")[-1] == '> "user_id" is not there'


def test_a_field_at_fault_that_holds_lines_is_marked_as_a_whole() -> None:
    assert texts(b'{"a": [1, 2]}', "a")[1:-1] == [
        '>   "a": [', ">     1,", ">     2", ">   ]",
    ]  # fmt: skip


def test_no_json_is_text_with_escapes_and_no_text_is_hex() -> None:
    assert texts(b'{"a\x1b[1m\nb') == ['  {"a\\x1b[1m', "  b"]
    assert texts(b"\xff\x00A") == [f"  00000000  {'ff 00 41':23}  {'':23}  ..A"]
    assert texts(None) == ["  (no value)"]
    assert texts(b"") == ["  (empty)"]


@pytest.mark.parametrize(
    "value", [b"[" * 100_000, b"x" * 2_000_000, b"\xff" * 2_000_000, b"[" + b"1," * 500_000 + b"1]"]
)
def test_huge_and_deep_values_are_cut_with_a_word(value: bytes) -> None:
    lines = value_lines(value)
    assert len(lines) <= 401
    assert sum(len(line.text) for line in lines) < 20_000
    assert "more" in lines[-1].text


def test_visible_escapes_what_a_terminal_would_obey() -> None:
    assert visible(HOSTILE) == "\\x1b[31m\\x9b\\u202e\\u2028\\x00\\x7f\\ud800"
    assert visible("plain é 漢") == "plain é 漢"


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_table_keeps_to_the_width(width: int) -> None:
    rows = [
        row_of(
            made(code="duplicate_conflict", field="purchase_time", message="漢" * 200),
            with_topic=False,
        ),
        row_of(made(b"x" * 1_000_000, message="short"), with_topic=False),
        row_of(made(None), with_topic=False),
    ]
    lines = [unstyle(line) for line in table_lines(rows, width)]
    assert all(cell_len(line) <= width for line in lines)
    assert any("1,000,000" in line for line in lines)
    assert any(line.endswith("…") for line in lines)


def test_without_a_terminal_the_message_is_whole() -> None:
    row = row_of(made(message="m" * 1_024), with_topic=False)
    assert table_lines([row], 100_000)[1].endswith("  " + "m" * 1_024)


def test_a_letter_that_came_back_says_so() -> None:
    again = read_letter(
        "dlq", Place(0, 1), 5, b"k", b"v", [(REPLAYED_FROM, b"dlq-0-0"), (Header.MESSAGE, b"why")]
    )
    assert row_of(again, with_topic=False).message == "(replayed before) why"
    assert any(re.search("replayed from.*dlq-0-0", line) for line in letter_lines(again))


def test_json_holds_text_as_text_and_bytes_as_base64() -> None:
    text = letter_as_json(made("é".encode(), b"\xff"))
    assert (text["value"], text["value_encoding"]) == ("é", "utf-8")
    assert (base64.b64decode(text["key"]), text["key_encoding"]) == (b"\xff", "base64")
    none = letter_as_json(made(None, None))
    assert [none[name] for name in ("value", "value_encoding", "key", "key_encoding", "size")] == (
        [None] * 5
    )


def test_counts_begin_with_the_most_and_name_what_is_not_said() -> None:
    lines = count_lines(
        "field", Counter({"age": 1, "": 2, None: 3}), {"age": 0, "": 1_000, None: 2_000}
    )
    assert [re.split(r"  +", line)[:2] for line in lines[1:]] == [
        ["(not said)", "3"], ["(the message as a whole)", "2"], ["age", "1"],
    ]  # fmt: skip
    assert lines[2].endswith("1970-01-01 00:00:01")


@given(st.permutations(range(30)), st.integers(1, 40))
def test_the_latest_are_those_stored_last_in_that_order(order: list[int], limit: int) -> None:
    letters = [
        read_letter("dlq", Place(number % 3, number), number // 2, None, None, [])
        for number in order
    ]
    kept = latest(letters, limit, lambda letter: (letter.stored_ms, letter.place))
    everything = sorted((letter.stored_ms, letter.place) for letter in letters)
    assert kept == everything[-limit:]
