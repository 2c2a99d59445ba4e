"""The value of a dead letter for a person's eyes: JSON laid out, text, or bytes in hex.

Promise: the lines hold printable characters only, whatever the bytes are, and their number is
bounded. Of a JSON object nothing is put right: fields given twice stay two, numbers keep their
digits.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

_MAX_LINES = 400
_MAX_TEXT = 2_000
_MAX_HEX = 2_048
_INDENT = "  "


class Line(NamedTuple):
    """A line of the view, and whether it shows the field at fault."""

    text: str
    at_fault: bool = False


class _Fields(list[tuple[str, Any]]):
    """A JSON object as it is written."""


class _Digits(str):
    """A JSON number as it is written."""

    __slots__ = ()


def visible(text: str) -> str:
    """``text`` with an escape for each character that a terminal would obey or not show.

    >>> visible("a\\x1b[31m\\u202eb")
    'a\\\\x1b[31m\\\\u202eb'
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def value_lines(value: bytes | None, field: str | None = None) -> list[Line]:
    """The value, with ``field`` marked where it is a JSON object.

    Args:
        value: any bytes; None is a message without a value.
        field: top-level field at fault; None or "" marks nothing.
    """
    if value is None:
        return [Line("(no value)")]
    if not value:
        return [Line("(empty)")]
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return _hex_lines(value)
    try:
        lines = _json_lines(text, field or "")
    except (ValueError, RecursionError):
        lines = [Line(visible(_shortened(one))) for one in text.split("\n")[: _MAX_LINES + 1]]
    if len(lines) > _MAX_LINES:
        lines[_MAX_LINES:] = [Line("… and more: --raw gives all of it")]
    return lines


def _json_lines(text: str, field: str) -> list[Line]:
    content = json.loads(
        text,
        object_pairs_hook=_Fields,
        parse_int=_Digits,
        parse_float=_Digits,
        parse_constant=_Digits,
    )
    lines: list[Line] = []
    if not isinstance(content, _Fields):
        _write(content, 0, "", "", lambda one: lines.append(Line(one)))
        return lines
    lines.append(Line("{"))
    for position, (name, inner) in enumerate(content):
        at_fault = bool(field) and name == field
        comma = "," if position + 1 < len(content) else ""
        _write(
            inner, 1, f"{_quoted(name)}: ", comma,
            lambda one, at_fault=at_fault: lines.append(Line(one, at_fault)),  # type: ignore[misc]
        )  # fmt: skip
    lines.append(Line("}"))
    if field and all(name != field for name, _ in content):
        lines.append(Line(f"{_quoted(field)} is not there", True))
    return lines


def _write(content: Any, depth: int, before: str, after: str, put: Callable[[str], None]) -> None:
    """One JSON value; ``before`` is its name, ``after`` its comma."""
    margin = _INDENT * depth
    if isinstance(content, list) and content:
        named = isinstance(content, _Fields)
        put(f"{margin}{before}{'{' if named else '['}")
        for position, one in enumerate(content):
            name, inner = (f"{_quoted(one[0])}: ", one[1]) if named else ("", one)
            _write(inner, depth + 1, name, "," if position + 1 < len(content) else "", put)
        put(f"{margin}{'}' if named else ']'}{after}")
        return
    put(f"{margin}{before}{_scalar(content)}{after}")


def _scalar(content: Any) -> str:
    if isinstance(content, _Digits):
        return _shortened(content)
    if isinstance(content, list):
        return "{}" if isinstance(content, _Fields) else "[]"
    return _quoted(content) if isinstance(content, str) else json.dumps(content)


def _quoted(text: str) -> str:
    plain = json.dumps(_shortened(text), ensure_ascii=False)
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in plain)


def _shortened(text: str) -> str:
    rest = len(text) - _MAX_TEXT
    return text if rest <= 0 else f"{text[:_MAX_TEXT]}… ({rest:,} more characters)"


def _escaped(one: str) -> str:
    number = ord(one)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _hex_lines(value: bytes) -> list[Line]:
    lines = []
    for at in range(0, min(len(value), _MAX_HEX), 16):
        part = value[at : at + 16]
        shown = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        lines.append(Line(f"{at:08x}  {part[:8].hex(' '):23}  {part[8:].hex(' '):23}  {shown}"))
    if len(value) > _MAX_HEX:
        lines.append(Line(f"… and {len(value) - _MAX_HEX:,} more bytes: --raw gives all of them"))
    return lines
