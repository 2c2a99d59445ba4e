"""A dead letter as a value: what a message of the dead-letter topic says, whoever wrote it.

Promise: ``read_letter`` gives a letter for every message and never an exception. Anybody may write
to the topic, so every header may be missing, given twice (the last one counts) or be no text; what
does not say what it should is None. Key and value stay the bytes that they are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.errors import ConfigError
from core.names import REPLAYED_FROM, Header

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
#: Digits of ASCII only, and no more than an offset can have.
_NUMBER = re.compile(r"[0-9]{1,19}")
_PLACE = re.compile(r"([0-9]{1,9}):([0-9]{1,18})")
_OURS = frozenset({*(header.value for header in Header), REPLAYED_FROM})


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a dead letter lies in its topic; written ``3:17``, it is the letter's id."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter.

    Attributes:
        topic: the dead-letter topic.
        place: where it lies there.
        stored_ms: when the broker stored it, milliseconds since 1970 UTC.
        key: the original key.
        value: the original value; cut if ``truncated``.
        code: why it is here, as a word.
        message: the same for people.
        field: the field at fault; "" where it is the message as a whole.
        source_topic: where the original was read.
        source_partition: its partition.
        source_offset: its offset.
        failed_at: when it was set aside, as written.
        failed_ms: the same in milliseconds since 1970 UTC.
        truncated: whether the value may be less than the original.
        sha256: of the whole value, where it was cut.
        replayed_from: the earlier letter that this one was replayed from, as written.
        others: further headers.
    """

    topic: str
    place: Place
    stored_ms: int
    key: bytes | None
    value: bytes | None
    code: str | None
    message: str | None
    field: str | None
    source_topic: str | None
    source_partition: int | None
    source_offset: int | None
    failed_at: str | None
    failed_ms: int | None
    truncated: bool
    sha256: str | None
    replayed_from: str | None
    others: tuple[tuple[str, bytes | None], ...]

    @property
    def time_ms(self) -> int:
        """When it was set aside; where the letter does not say, when it was stored."""
        return self.stored_ms if self.failed_ms is None else self.failed_ms

    @property
    def source(self) -> str | None:
        """``topic:partition:offset`` of the original; a dash for what is unknown."""
        parts = (self.source_topic, self.source_partition, self.source_offset)
        if all(part is None for part in parts):
            return None
        return ":".join("-" if part is None else str(part) for part in parts)

    @property
    def mark(self) -> str:
        """What ``dlq.replayed.from`` says of an event that is sent again from this letter."""
        return f"{self.topic}-{self.place.partition}-{self.place.offset}"

    @property
    def came_back_from(self) -> Place | None:
        """The earlier letter of this topic whose replay ended here; None if it is the first."""
        if self.replayed_from is None:
            return None
        topic, _, place = self.replayed_from.removeprefix(self.topic).partition("-")
        found = _PLACE.fullmatch(place.replace("-", ":"))
        if topic or found is None or not self.replayed_from.startswith(self.topic):
            return None
        return Place(int(found.group(1)), int(found.group(2)))


def read_letter(
    topic: str,
    place: Place,
    stored_ms: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes | None]],
) -> DeadLetter:
    """The letter that a message of the dead-letter topic is."""
    given = dict(headers)

    def text(name: str) -> str | None:
        content = given.get(name)
        return None if content is None else content.decode("utf-8", errors="replace")

    failed_at = text(Header.FAILED_AT)
    return DeadLetter(
        topic=topic,
        place=place,
        stored_ms=stored_ms,
        key=key,
        value=value,
        code=text(Header.CODE),
        message=text(Header.MESSAGE),
        field=text(Header.FIELD),
        source_topic=text(Header.TOPIC),
        source_partition=_number(text(Header.PARTITION)),
        source_offset=_number(text(Header.OFFSET)),
        failed_at=failed_at,
        failed_ms=None if failed_at is None else _moment_ms(failed_at),
        # Whatever it holds: half an event must not be taken for a whole one.
        truncated=Header.TRUNCATED in given,
        sha256=text(Header.SHA256),
        replayed_from=text(REPLAYED_FROM),
        others=tuple((name, content) for name, content in headers if name not in _OURS),
    )


def place_of(text: str) -> Place:
    """The place that ``3:17`` names.

    Raises:
        ConfigError: it is not written so.
    """
    found = _PLACE.fullmatch(text.strip())
    if found is None:
        raise ConfigError(
            f"{text!r} names no dead letter: write PARTITION:OFFSET as "
            "`fraudstream dlq list` shows it, such as 3:17"
        )
    return Place(int(found.group(1)), int(found.group(2)))


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """Which letters are meant; what is None does not matter.

    Attributes:
        source_topic: only those read from this topic.
        code: only with this code.
        field: only with this field at fault.
        since_ms: only those set aside at or after this time.
        until_ms: only those set aside before this time.
    """

    source_topic: str | None = None
    code: str | None = None
    field: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    def of_topic(self, letter: DeadLetter) -> bool:
        """Whether the letter was read from the topic meant."""
        return self.source_topic is None or letter.source_topic == self.source_topic

    def fits(self, letter: DeadLetter) -> bool:
        """Whether all else fits."""
        return (
            (self.code is None or letter.code == self.code)
            and (self.field is None or letter.field == self.field)
            and (self.since_ms is None or letter.time_ms >= self.since_ms)
            and (self.until_ms is None or letter.time_ms < self.until_ms)
        )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and _NUMBER.fullmatch(text) else None


def _moment_ms(text: str) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _EPOCH) // _MILLISECOND
    except (ValueError, OverflowError):  # no time, or one that UTC has no year for
        return None
