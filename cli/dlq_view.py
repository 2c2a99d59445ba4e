"""How dead letters are printed: a table, counts, one letter in full, or JSON.

Promise: whatever a letter holds, only printable characters go out.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import typer
from rich.cells import cell_len, set_cell_size

from cli.dlq_value import value_lines, visible
from features.iso_times import iso_time
from stream.dead_letters import DeadLetter

#: Below this many columns for the message, it gets a line of its own.
_LEAST_MESSAGE = 30
_WIDEST_CELL = 40
_NUMBERS = ("size",)
#: Without a terminal lines may be long; a message is at most 1,024 bytes.
UNLIMITED = 100_000


class Row(NamedTuple):
    """A letter in the table."""

    letter: str
    failed_at: str
    code: str
    field: str
    source: str
    size: str
    message: str


_TITLES = Row("letter", "failed at (UTC)", "code", "field", "source", "size", "message")


def row_of(letter: DeadLetter, *, with_topic: bool) -> Row:
    """The row of a letter; ``with_topic`` puts the topic before the source's partition."""
    source = letter.source or "-"
    if letter.source_topic is not None and not with_topic:
        source = source[len(letter.source_topic) + 1 :]
    before = "" if letter.replayed_from is None else "(replayed before) "
    if letter.truncated:
        before += "(cut) "
    return Row(
        str(letter.place),
        "-" if letter.failed_ms is None else plain_time(letter.failed_ms),
        _cell(letter.code),
        _cell(letter.field),
        _cell(source),
        "-" if letter.value is None else f"{len(letter.value):,}",
        before + visible(letter.message or "-"),
    )


def plain_time(time_ms: int) -> str:
    """``2026-01-31 12:00:05``."""
    return iso_time(time_ms)[:19].replace("T", " ")


def table_lines(rows: Sequence[Row], width: int) -> list[str]:
    """The rows below a header; where the message has no room it gets a second line."""
    cells = [row[:-1] for row in (_TITLES, *rows)]
    widths = [max(cell_len(one) for one in column) for column in zip(*cells, strict=True)]
    used = sum(widths) + 2 * len(widths)
    below = width - used < _LEAST_MESSAGE
    lines = []
    for number, row in enumerate((_TITLES, *rows)):
        columns = zip(_TITLES[:-1], row[:-1], widths, strict=True)
        line = "  ".join(
            one.rjust(room) if title in _NUMBERS else one + " " * (room - cell_len(one))
            for title, one, room in columns
        )
        if not below:
            line = f"{line}  {_fitting(row.message, width - used)}"
        lines.append(typer.style(line.rstrip(), bold=True) if number == 0 else line.rstrip())
        if below and number:
            lines.append(f"    {_fitting(row.message, width - 4)}")
    return lines


def count_lines(by: str, counts: Counter[str | None], latest: dict[str | None, int]) -> list[str]:
    """Counts, the largest first, each with the time of the latest letter."""
    named = [(_count_name(by, name), name, count) for name, count in _ordered(counts)]
    room = max([len(by), *(cell_len(text) for text, _, _ in named)])
    lines = [typer.style(f"{by:{room}}  {'letters':>9}  latest (UTC)", bold=True)]
    for text, name, count in named:
        pad = " " * (room - cell_len(text))
        lines.append(f"{text}{pad}  {count:>9,}  {plain_time(latest[name])}")
    return lines


def counts_as_json(
    by: str, counts: Counter[str | None], latest: dict[str | None, int]
) -> dict[str, Any]:
    """The same for programs."""
    return {
        "by": by,
        "letters": counts.total(),
        "counts": [
            {by: name, "letters": count, "latest": iso_time(latest[name])}
            for name, count in _ordered(counts)
        ],
    }


def letter_lines(letter: DeadLetter) -> list[str]:
    """Everything about one letter."""
    facts: list[tuple[str, str | None]] = [
        ("letter", f"{letter.place} in {letter.topic}"),
        ("stored at", iso_time(letter.stored_ms)),
        ("failed at", letter.failed_at),
        ("code", letter.code),
        ("field", "(the message as a whole)" if letter.field == "" else letter.field),
        ("message", letter.message),
        ("source", letter.source),
        ("replayed from", letter.replayed_from),
        ("key", _bytes_text(letter.key)),
        *((name, _bytes_text(content)) for name, content in letter.others),
        ("size", None if letter.value is None else f"{len(letter.value):,} bytes"),
    ]
    if letter.truncated:
        facts.append(("truncated", f"the original was longer; its SHA-256 is {letter.sha256}"))
    optional = {"replayed from"}
    shown = [
        (visible(n), visible(t or "-")) for n, t in facts if t is not None or n not in optional
    ]
    room = max(len(name) for name, _ in shown)
    lines = [f"{typer.style(f'{name:{room}}', bold=True)}  {text}" for name, text in shown]
    lines.append("")
    for line in value_lines(letter.value, letter.field):
        marked = typer.style(f"> {line.text}", fg="red", bold=True)
        lines.append(marked if line.at_fault else f"  {line.text}")
    return lines


def letter_as_json(letter: DeadLetter) -> dict[str, Any]:
    """A letter as JSON types; bytes are text where they are UTF-8, else base64."""
    key, key_encoding = _encoded(letter.key)
    value, value_encoding = _encoded(letter.value)
    others = [(name, *_encoded(content)) for name, content in letter.others]
    return {
        "letter": str(letter.place),
        "topic": letter.topic,
        "partition": letter.place.partition,
        "offset": letter.place.offset,
        "stored_at": iso_time(letter.stored_ms),
        "failed_at": letter.failed_at,
        "code": letter.code,
        "message": letter.message,
        "field": letter.field,
        "source": {
            "topic": letter.source_topic,
            "partition": letter.source_partition,
            "offset": letter.source_offset,
        },
        "replayed_from": letter.replayed_from,
        "truncated": letter.truncated,
        "sha256": letter.sha256,
        "other_headers": [
            {"name": name, "value": content, "encoding": encoding}
            for name, content, encoding in others
        ],
        "key": key,
        "key_encoding": key_encoding,
        "size": None if letter.value is None else len(letter.value),
        "value": value,
        "value_encoding": value_encoding,
    }


def _encoded(content: bytes | None) -> tuple[str | None, str | None]:
    if content is None:
        return None, None
    try:
        return content.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(content).decode(), "base64"


def plain(text: str | None) -> str:
    """Text for one line of a terminal; a dash for None."""
    return "-" if text is None else visible(text)


def _bytes_text(content: bytes | None) -> str | None:
    """Text where it is UTF-8, else hex; None stays."""
    if content is None:
        return None
    try:
        text = content.decode("utf-8") or "(empty)"
    except UnicodeDecodeError:
        text = f"hex {content.hex()}"
    return _fitting(text, 500)


def _ordered(counts: Counter[str | None]) -> Iterable[tuple[str | None, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0] or ""))


def _count_name(by: str, name: str | None) -> str:
    if name == "" and by == "field":
        return "(the message as a whole)"
    return "(not said)" if name is None else _fitting(visible(name), 60)


def _cell(text: str | None) -> str:
    return _fitting(visible(text or "-"), _WIDEST_CELL)


def _fitting(text: str, width: int) -> str:
    """``text`` in at most ``width`` columns of a terminal."""
    if len(text) * 2 <= width or cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + "…"
