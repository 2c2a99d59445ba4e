"""``fraudstream dlq list|show|replay``: what the workers set aside, and how to send it again."""

from __future__ import annotations

import heapq
import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Annotated, TypeVar

import typer

from cli import dlq_view as view
from cli.dlq_feed import letter_at, letters, stretch_of
from cli.dlq_options import (
    AllProfiles,
    Code,
    Field,
    Json,
    Namespace,
    Profile,
    Since,
    Until,
    filter_of,
    refuse_both,
)
from cli.dlq_replay import replay
from cli.replay_view import say
from core.errors import ConfigError
from core.settings import load_settings
from stream.dead_letters import DeadLetter, LetterFilter, place_of

T = TypeVar("T")

app = typer.Typer(help="Dead letters: look at them, send them again.", no_args_is_help=True)
_LIMIT = 50


class By(StrEnum):
    """What letters are counted by."""

    CODE = "code"
    FIELD = "field"
    SOURCE = "source"

    def of(self, letter: DeadLetter) -> str | None:
        """The letter's own value; for the source its topic and partition."""
        if self is By.CODE:
            return letter.code
        if self is By.FIELD:
            return letter.field
        return letter.source and letter.source.rpartition(":")[0]


@app.command("list")
def list_letters(
    *,
    code: Code = None,
    field: Field = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", "-n", help="Only the latest so many.", min=1, show_default="50"),
    ] = None,
    by: Annotated[By | None, typer.Option(help="Count all of them by this instead.")] = None,
    profile: Profile = None,
    all_profiles: AllProfiles = False,
    namespace: Namespace = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="One letter per line, with all it holds; counts as one object."
        ),
    ] = False,
) -> None:
    """List dead letters in the order they were stored, the newest last.

    The first column, PARTITION:OFFSET in the dead-letter topic, names a letter for `dlq show` and
    `dlq replay`. Reads without a consumer group, so it takes nothing away from anybody.

    Examples:

        fraudstream dlq list --since 2h

        fraudstream dlq list --by code

        fraudstream dlq list --code future_time --json
    """
    refuse_both(profile, all_profiles)
    if by is not None and limit is not None:
        raise ConfigError("--by counts every letter: leave --limit out")
    settings = load_settings(profile=profile, namespace=namespace)
    chosen = filter_of(
        settings, time.time_ns() // 1_000_000, code=code, field=field, since=since, until=until,
        all_profiles=all_profiles,
    )  # fmt: skip
    stretch = stretch_of(settings, since_ms=chosen.since_ms)
    there = _Chosen(chosen, letters(settings, stretch))
    if by is not None:
        _count(there, by, as_json)
    elif as_json:
        for letter in latest(there, limit or _LIMIT, lambda letter: letter):
            typer.echo(json.dumps(view.letter_as_json(letter)))
    else:
        rows = latest(
            there, limit or _LIMIT, lambda letter: view.row_of(letter, with_topic=all_profiles)
        )
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else view.UNLIMITED
        for line in view.table_lines(rows, width) if rows else ():
            typer.echo(line)
        if len(rows) < there.count:
            say(f"the latest {len(rows):,} of {there.count:,}; --limit shows more")
    if not there.count:
        what = "no dead letters" if chosen == LetterFilter(chosen.source_topic) else "none such"
        of = "" if all_profiles else f" from {chosen.source_topic}"
        say(f"{what}{of} in topic {stretch.topic}")
    if there.elsewhere:
        say(f"{there.elsewhere:,} came from other topics: --all-profiles shows them too")


@app.command()
def show(
    letter: Annotated[str, typer.Argument(metavar="PARTITION:OFFSET", help="As `dlq list` shows.")],
    *,
    raw: Annotated[
        bool, typer.Option("--raw", help="Only the value, byte for byte, for a file or a program.")
    ] = False,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Show everything about one dead letter; in a JSON value the field at fault is marked.

    What is not printable is shown escaped or in hex. --raw writes the bytes as they are, so not to
    a terminal.

    Examples:

        fraudstream dlq show 3:17

        fraudstream dlq show 3:17 --raw > event.json
    """
    place = place_of(letter)
    if raw and as_json:
        raise ConfigError("--raw and --json exclude each other: leave one out")
    if raw and sys.stdout.isatty():
        raise ConfigError("--raw would send any bytes to the terminal: add > FILE")
    found = letter_at(load_settings(namespace=namespace), place)
    if raw:
        sys.stdout.buffer.write(found.value or b"")
        sys.stdout.buffer.flush()
        if found.value is None:
            say(f"dead letter {place} has no value")
        if found.truncated:
            say(f"the value is cut; the SHA-256 of the whole is {view.plain(found.sha256)}")
    elif as_json:
        typer.echo(json.dumps(view.letter_as_json(found)))
    else:
        for line in view.letter_lines(found):
            typer.echo(line)


app.command()(replay)


def latest(there: Iterable[DeadLetter], limit: int, kept: Callable[[DeadLetter], T]) -> list[T]:
    """What ``kept`` makes of the ``limit`` letters stored last, in that order.

    No more than those are held, in whatever order partitions are read.
    """
    heap: list[tuple[int, int, int, T]] = []
    for letter in there:
        rank = (letter.stored_ms, letter.place.partition, letter.place.offset)
        if len(heap) < limit:
            heapq.heappush(heap, (*rank, kept(letter)))
        elif rank > heap[0][:3]:
            heapq.heapreplace(heap, (*rank, kept(letter)))
    return [one[3] for one in sorted(heap, key=lambda one: one[:3])]


class _Chosen:
    """The letters that fit, and how many there were, and how many from other topics."""

    def __init__(self, chosen: LetterFilter, there: Iterable[DeadLetter]) -> None:
        self.count = 0
        self.elsewhere = 0
        self._chosen = chosen
        self._there = iter(there)

    def __iter__(self) -> _Chosen:
        return self

    def __next__(self) -> DeadLetter:
        for letter in self._there:
            if not self._chosen.of_topic(letter):
                self.elsewhere += 1
            elif self._chosen.fits(letter):
                self.count += 1
                return letter
        raise StopIteration


def _count(there: Iterable[DeadLetter], by: By, as_json: bool) -> None:
    counts: Counter[str | None] = Counter()
    newest: dict[str | None, int] = {}
    for letter in there:
        name = by.of(letter)
        counts[name] += 1
        newest[name] = max(letter.time_ms, newest.get(name, letter.time_ms))
    if as_json:
        typer.echo(json.dumps(view.counts_as_json(by, counts, newest)))
    elif counts:
        for line in view.count_lines(by, counts, newest):
            typer.echo(line)
