"""``fraudstream lists``: who is denied, allowed, or not to be alerted about for a while."""

from __future__ import annotations

import json
import time
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from cli.csv_options import AsJson
from cli.stream_options import Namespace, StreamProfile
from core.errors import ConfigError, DataError
from core.settings import load_settings

if TYPE_CHECKING:
    from model.lists.entry import Entry

app = typer.Typer(
    help="Lists beside the model: deny, allow, and suppress for a while.", no_args_is_help=True
)
Which = Annotated[str, typer.Argument(help="deny, allow or suppress.", metavar="LIST")]
Kind = Annotated[str, typer.Argument(help="user, card, device, ip or country.")]
Values = Annotated[list[str], typer.Argument(help="Ids, codes, addresses or ranges.")]
From = Annotated[str | None, typer.Option("--from", help="First event time at which it counts.")]
Until = Annotated[str | None, typer.Option(help="First event time at which it counts no more.")]
For = Annotated[str | None, typer.Option("--for", help="So long from now on, such as 7d.")]
Who = Annotated[str, typer.Option(help="Who says so.")]
Why = Annotated[str, typer.Option(help="For those who look later.")]


@app.command("add")
def add(
    which: Which,
    kind: Kind,
    values: Values,
    *,
    from_: From = None,
    until: Until = None,
    for_: For = None,
    who: Who = "",
    why: Why = "",
    profile: StreamProfile = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Put something on a list; workers heed it within a second.

    deny blocks, allow allows whatever else is said, suppress turns reviews into allow until its
    end (a block stays). Times are event times, so a backtest decides as workers did.

    Examples:

        fraudstream lists add deny device d-77 d-78 --why "stolen"

        fraudstream lists add suppress user u-1001 --for 7d --who Ada
    """
    from model.lists.entry import checked
    from model.lists.store import ListStore

    settings = load_settings(profile=profile, namespace=namespace)
    span = _span(from_, until, for_)
    entries = [
        checked(_entry(which, kind, value, span, who, why), settings.profile) for value in values
    ]
    changed = ListStore(settings).put(entries)
    _say({"list": which, "kind": kind, "put": changed}, f"{changed:,} put on {which}", as_json)


@app.command("remove")
def remove(
    which: Which,
    kind: Kind,
    values: Values,
    *,
    profile: StreamProfile = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Take something off a list.

    Example:

        fraudstream lists remove deny device d-77
    """
    from model.lists.entry import Entry, canonical
    from model.lists.store import ListStore

    settings = load_settings(profile=profile, namespace=namespace)
    asked = [
        canonical(Entry(list=which, kind=kind, value=value), settings.profile) for value in values
    ]
    gone = ListStore(settings).remove(asked)
    _say({"list": which, "kind": kind, "removed": gone}, f"{gone:,} taken off {which}", as_json)
    if not gone:
        raise DataError(f"nothing of that is on {which}: `fraudstream lists show {which}`")


@app.command("show")
def show(
    which: Annotated[str, typer.Argument(help="Only this list.", metavar="[LIST]")] = "",
    kind: Annotated[str, typer.Argument(help="Only this kind.")] = "",
    *,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1)] = 100,
    profile: StreamProfile = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """What is on the lists, and who put it there.

    Example:

        fraudstream lists show deny device --limit 20
    """
    from model.lists import entry as entries
    from model.lists.store import ListStore

    settings = load_settings(profile=profile, namespace=namespace)
    if which:
        entries.which(which)
    if kind:
        entries.kind(kind, settings.profile)
    found = sorted(
        ListStore(settings).entries(which, kind), key=lambda one: (one.list, one.kind, one.value)
    )
    shown = [_as_json(one) for one in found[:limit]]
    if as_json:
        typer.echo(json.dumps({"total": len(found), "entries": shown}, ensure_ascii=False))
        return
    _show(shown, len(found))


@app.command("import")
def import_(
    which: Which,
    kind: Kind,
    file: Annotated[Path, typer.Argument(help="One value a line; what is behind # is left out.")],
    *,
    from_: From = None,
    until: Until = None,
    for_: For = None,
    who: Who = "",
    why: Why = "",
    rejects: Annotated[
        Path | None,
        typer.Option(help="Write lines that cannot be used here.", show_default="NAME.rejects.csv"),
    ] = None,
    profile: StreamProfile = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Put a file of values on a list, a million if need be.

    Example:

        fraudstream lists import deny device stolen.txt --why "list of the bank"
    """
    from cli.list_file import read_values
    from cli.step_bars import step_bars
    from model.lists.store import ListStore

    settings = load_settings(profile=profile, namespace=namespace)
    span = _span(from_, until, for_)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    found = read_values(
        file,
        lambda value: _entry(which, kind, value, span, who, why),
        settings.profile,
        rejects or Path(f"{file.stem}.rejects.csv"),
    )
    with step_bars(console, transient=True, hidden=as_json) as bar:
        task = bar.add_task(f"putting on {which}", total=len(found.entries))
        changed = ListStore(settings).put(
            found.entries, lambda done: bar.update(task, completed=done)
        )
    if found.rejected:
        console.print(f"rejected: {found.rejected:,} lines, see {found.rejects_file}", markup=False)
    result = {
        "list": which, "kind": kind, "lines": found.lines, "put": changed,
        "rejected": found.rejected,
        "rejects_file": None if found.rejects_file is None else str(found.rejects_file),
    }  # fmt: skip
    _say(result, f"{changed:,} of {found.lines:,} put on {which}", as_json)


@app.command("clear")
def clear(
    which: Which,
    kind: Kind,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it they are counted.")] = False,
    profile: StreamProfile = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Take everything of a kind off a list.

    Example:

        fraudstream lists clear deny device --yes
    """
    from model.lists import entry as entries
    from model.lists.store import ListStore

    settings = load_settings(profile=profile, namespace=namespace)
    store = ListStore(settings)
    found = list(store.entries(entries.which(which), entries.kind(kind, settings.profile)))
    if not yes:
        raise ConfigError(f"{len(found):,} entries would be taken off {which}: say --yes")
    gone = store.remove(found)
    _say({"list": which, "kind": kind, "removed": gone}, f"{gone:,} taken off {which}", as_json)


def _span(from_: str | None, until: str | None, for_: str | None) -> tuple[int, int]:
    from model.rules.rule import ALWAYS_MS, NEVER_MS
    from producer.options import duration_ms, moment_ms

    if until is not None and for_ is not None:
        raise ConfigError("--until and --for say the same thing: leave one of them out")
    begin = ALWAYS_MS if from_ is None else moment_ms(from_, "--from", UTC)
    if for_ is not None:
        return begin, _now_ms() + duration_ms(for_, "--for")
    return begin, NEVER_MS if until is None else moment_ms(until, "--until", UTC)


def _entry(which: str, kind: str, value: str, span: tuple[int, int], who: str, why: str) -> Entry:
    from model.lists.entry import Entry

    return Entry(
        list=which, kind=kind, value=value, from_ms=span[0], until_ms=span[1], who=who,
        at_ms=_now_ms(), why=why,
    )  # fmt: skip


def _as_json(entry: Entry) -> dict[str, Any]:
    from features.iso_times import iso_time
    from model.rules.rule import ALWAYS_MS, NEVER_MS

    return {
        "list": entry.list,
        "kind": entry.kind,
        "value": entry.value,
        "from": None if entry.from_ms == ALWAYS_MS else iso_time(entry.from_ms),
        "until": None if entry.until_ms == NEVER_MS else iso_time(entry.until_ms),
        "who": entry.who,
        "at": iso_time(entry.at_ms),
        "why": entry.why,
    }


def _show(entries: list[dict[str, Any]], total: int) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=f"{total:,} entries", title_justify="left")
    heads = ("list", "kind", "value", "from", "until", "who", "at", "why")
    for head in heads:
        table.add_column(head)
    for one in entries:
        table.add_row(*(escape(str(one[head] or "")) for head in heads))
    Console(highlight=False).print(table)
    if total > len(entries):
        typer.echo(f"and {total - len(entries):,} more; --limit shows more of them")


def _say(result: dict[str, Any], text: str, as_json: bool) -> None:
    typer.echo(json.dumps(result) if as_json else text)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
