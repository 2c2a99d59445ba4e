"""``fraudstream dlq replay``: dead letters once more through the worker."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from cli import dlq_view as view
from cli.dlq_feed import Stretch, stretch_of
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
from cli.dlq_resend import Choice, Resent, Survey, resend, sendable, survey
from cli.replay_view import say
from cli.stopping import stop_on_signals
from core.errors import ConfigError
from core.settings import Settings, load_settings
from stream.dead_letters import LetterFilter, place_of

_SHOWN = 20
_HOW = (
    "name letters (fraudstream dlq replay 3:17), or choose by --code, --field, --since or --until, "
    "or give --all"
)


def replay(
    chosen: Annotated[
        list[str] | None,
        typer.Argument(metavar="PARTITION:OFFSET", help="Letters, as `dlq list` shows them."),
    ] = None,
    *,
    code: Code = None,
    field: Field = None,
    since: Since = None,
    until: Until = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the profile.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be sent.")
    ] = False,
    profile: Profile = None,
    all_profiles: AllProfiles = False,
    namespace: Namespace = None,
    as_json: Json = False,
) -> None:
    """Send dead letters again to the topics they came from, after the reason is mended.

    Key and bytes are the original ones; the header dlq.replayed.from is added, and a letter that
    comes back has it too. Of an event that came back, only the latest chosen letter is sent. It is
    sent without a question: look with --dry-run first.

    Repeating is harmless: an event that has been scored is known by its event_id, and coming again
    it is a redelivery that changes nothing. Letters stay in the dead-letter topic until their
    retention ends.

    A letter that was cut cannot be sent, nor one that comes from no input topic of the namespace:
    the others are sent, and the exit code is 1.

    Examples:

        fraudstream dlq replay --code future_time --since 2h --dry-run

        fraudstream dlq replay 3:17 5:2
    """
    settings, choice = _choice(
        chosen or [], code, field, since, until, everything, profile, all_profiles, namespace
    )
    stretch = stretch_of(settings, since_ms=choice.filter.since_ms, places=choice.places)
    with stop_on_signals() as stopping:
        found = survey(settings, stretch, choice, stopping)
        if found is None:
            say("stopped before anything was sent")
            raise typer.Exit(1)
        if dry_run:
            done = _pretend(settings, stretch, choice, found, stopping, quiet=as_json)
        else:
            with _ResendView(found.candidates) as shown:
                done = resend(
                    settings,
                    sendable(settings, stretch, choice, found),
                    found.candidates,
                    show=shown.show,
                    notice=shown.notice,
                    stopping=stopping,
                )
    _report(stretch, found, done, dry_run=dry_run, as_json=as_json)
    _conclude(stretch, choice, found, done, dry_run=dry_run)


def _choice(
    names: list[str],
    code: str | None,
    field: str | None,
    since: str | None,
    until: str | None,
    everything: bool,
    profile: str | None,
    all_profiles: bool,
    namespace: str | None,
) -> tuple[Settings, Choice]:
    """What the options mean; refuses those that leave it open.

    Raises:
        ConfigError: nothing is chosen, or in two ways at once.
    """
    filters = [one for one in (code, field, since, until) if one is not None]
    if not (names or filters or everything):
        raise ConfigError(f"dlq replay does not know which letters: {_HOW}")
    if bool(names) + bool(filters) + everything > 1:
        raise ConfigError(f"dlq replay takes one way of choosing letters: {_HOW}")
    if names and (profile is not None or all_profiles):
        raise ConfigError(
            "letters that are named need no --profile or --all-profiles: leave it out"
        )
    refuse_both(profile, all_profiles)
    settings = load_settings(profile=profile, namespace=namespace)
    if names:
        return settings, Choice(LetterFilter(), frozenset(place_of(name) for name in names))
    now_ms = time.time_ns() // 1_000_000
    return settings, Choice(
        filter_of(
            settings, now_ms, code=code, field=field, since=since, until=until,
            all_profiles=all_profiles,
        )
    )  # fmt: skip


def _pretend(
    settings: Settings,
    stretch: Stretch,
    choice: Choice,
    found: Survey,
    stopping: Callable[[], bool],
    *,
    quiet: bool,
) -> Resent:
    """What ``resend`` would do, without sending; for people, the first letters as a table."""
    done = Resent(found.candidates)
    rows: list[view.Row] = []
    for letter, home in sendable(settings, stretch, choice, found):
        if stopping():
            break
        done.passed += 1
        done.skipped += home is None
        done.handed_over += home is not None
        if home is not None and len(rows) < _SHOWN:
            rows.append(view.row_of(letter, with_topic=True))
    done.ended = done.passed == done.total
    if rows and not quiet:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else view.UNLIMITED
        for line in view.table_lines(rows, width):
            typer.echo(line)
        if len(rows) < done.handed_over:
            typer.echo(f"… and {done.handed_over - len(rows):,} more")
        typer.echo()
    return done


def _report(stretch: Stretch, found: Survey, done: Resent, *, dry_run: bool, as_json: bool) -> None:
    """The result, on standard output."""
    result: dict[str, Any] = {
        "dead_letter_topic": stretch.topic,
        "dry_run": dry_run,
        "chosen": found.chosen,
        "would_be_sent" if dry_run else "sent": done.sent,
        "came_back_later": done.skipped,
        "truncated": found.truncated,
        "not_from_an_input_topic": found.homeless,
        "failed": done.failed,
        "not_acknowledged": done.unsettled,
        "left": done.total - done.passed,
        "seconds": round(done.seconds, 3),
    }
    if as_json:
        failures = [
            {"letter": one.event_id, "topic": one.topic, "reason": one.reason}
            for one in done.failures
        ]
        typer.echo(json.dumps({**result, "topics": dict(found.homes), "failures": failures}))
        return
    if not found.chosen:
        return
    optional = {"came_back_later", "truncated", "not_from_an_input_topic", "failed"}
    optional |= {"not_acknowledged", "left", "seconds", "dry_run"}
    facts = {name: value for name, value in result.items() if value or name not in optional}
    facts["to"] = ", ".join(sorted(found.homes)) or "-"
    facts.pop("dry_run", None)
    room = max(map(len, facts))
    for name, value in facts.items():
        text = value if isinstance(value, str) else f"{value:,}"
        typer.echo(f"{name.replace('_', ' '):{room}}  {text}")


def _conclude(
    stretch: Stretch, choice: Choice, found: Survey, done: Resent, *, dry_run: bool
) -> None:
    """What the user should know beyond the figures, and the exit code."""
    if not found.chosen:
        source = choice.filter.source_topic
        of = "" if source is None else f" from {source}"
        say(f"no such dead letters{of} in topic {stretch.topic}: nothing to send")
        if found.elsewhere:
            say(f"{found.elsewhere:,} came from other topics: --all-profiles takes them too")
    for failure in done.failures:
        say(f"not delivered to {failure.topic}: letter {failure.event_id}: {failure.reason}")
    if found.truncated:
        say(
            f"letters that are cut cannot be sent ({found.truncated:,} chosen): "
            "ask their producer for the events"
        )
    if found.homeless:
        say(
            "letters that come from no input topic of the namespace are not sent "
            f"({found.homeless:,} chosen)"
        )
    if not done.ended:
        doubt = f", {done.unsettled:,} more not acknowledged" if done.unsettled else ""
        count = f"{done.sent:,} of {done.total:,} letters"
        say(
            f"stopped: {'looked at' if dry_run else 'sent'} {count}{doubt}; repeat the command for "
            "the rest, sending one again does no harm"
        )
    if found.truncated or found.homeless or done.failed or not done.ended:
        raise typer.Exit(1)


class _ResendView:
    """A bar on standard error while in a terminal; use as a context manager."""

    def __init__(self, total: int) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._bar = Bar(
            TextColumn("dlq replay"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[errors]} errors"),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("dlq replay", total=total, errors=0)

    def __enter__(self) -> _ResendView:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def show(self, done: Resent) -> None:
        """Redraw."""
        self._bar.update(self._task, completed=done.passed - done.unsettled, errors=done.failed)

    def notice(self, text: str) -> None:
        """One line above the bar."""
        self._console.print(text, markup=False)
