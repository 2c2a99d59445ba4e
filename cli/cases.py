"""``fraudstream cases``: how far people are with alerts."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from cli.csv_options import AsJson
from cli.stream_options import Namespace, StreamProfile
from core.errors import ConfigError
from core.names import CaseState
from core.settings import load_settings

app = typer.Typer(help="How far people are with alerts.", no_args_is_help=True)
_MOST = 1_000


@app.command("list")
def list_cases(
    *,
    state: Annotated[
        CaseState | None, typer.Option(help="Only these.", show_default="all but new")
    ] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=_MOST)] = 50,
    profile: StreamProfile = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Alerts and their cases, the latest event first.

    Example:

        fraudstream cases list --state in_review
    """
    from views.periods import Span
    from views.readmodel.redis_store import RedisStore
    from views.store import AlertFilter

    settings = load_settings(profile=profile, namespace=namespace)
    store = RedisStore(settings)
    states = [one for one in CaseState if one is not CaseState.NEW] if state is None else [state]
    try:
        found = [
            alert
            for one in states
            for alert in store.alerts(
                settings.profile, Span(), AlertFilter(state=one), None, limit
            ).alerts
        ]
    finally:
        store.close()
    found.sort(key=lambda alert: (alert["event_time"], alert["event_id"]), reverse=True)
    rows = [_row(alert) for alert in found[:limit]]
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in ("event_time", "event_id", "amount", "score", "state", "who", "changed_at", "note"):
        table.add_column(name.replace("_", " "))
    for row in rows:
        state_shown = row["state"] + (" (label not sent)" if row["label_sent"] is False else "")
        cells = {**row, "state": state_shown}
        table.add_row(
            *(
                "" if cells[name] is None else str(cells[name])
                for name in (
                    "event_time", "event_id", "amount", "score", "state", "who", "changed_at",
                    "note",
                )
            )
        )  # fmt: skip
    Console(soft_wrap=True, highlight=False, markup=False).print(table if rows else "no cases")


@app.command("set")
def set_case(
    event_id: Annotated[str, typer.Argument(help="Event of the alert.")],
    state: Annotated[CaseState, typer.Argument(help="What it is to be.")],
    *,
    who: Annotated[str, typer.Option(help="Who says so.")] = "",
    note: Annotated[str, typer.Option(help="What was found.")] = "",
    revision: Annotated[
        int | None,
        typer.Option(help="Only if the case is at this revision.", min=0, show_default="any"),
    ] = None,
    profile: StreamProfile = None,
    namespace: Namespace = None,
    as_json: AsJson = False,
) -> None:
    """Set the state of an alert's case; confirmed and dismissed are sent as labels 1 and 0.

    Setting it again to the same changes nothing. Where the label could not be sent, do it again.

    Example:

        fraudstream cases set order-2026-000017 confirmed --who Ada --note "card reported stolen"
    """
    from views.case import MOST_NOTE, MOST_WHO
    from views.handling.casework import Conflict
    from views.handling.work import work_on
    from views.readmodel.cases import NoSuchAlert
    from views.readmodel.redis_store import RedisStore

    for name, text, most in (("--who", who, MOST_WHO), ("--note", note, MOST_NOTE)):
        if len(text) > most:
            raise ConfigError(f"{name} has {len(text)} characters: write at most {most}")
    settings = load_settings(profile=profile, namespace=namespace)
    store = RedisStore(settings)
    try:
        case = work_on(store, settings).cases.change(
            settings.profile,
            event_id,
            state,
            who=who,
            note=note,
            now_ms=time.time_ns() // 1_000_000,
            revision=revision,
        )
    except NoSuchAlert:
        typer.echo(
            f"error: event_id={event_id[:80]!r} has no {settings.profile} alert in namespace "
            f"{settings.namespace}: `fraudstream alerts` lists them",
            err=True,
        )
        raise typer.Exit(1) from None
    except Conflict as error:
        typer.echo(
            f"error: the case is {error.case.state.value} at revision {error.case.revision}, not "
            f"{revision}: look at it, and give that revision",
            err=True,
        )
        raise typer.Exit(1) from None
    finally:
        store.close()
    fields = {"event_id": event_id, **case.fields()}
    if as_json:
        typer.echo(json.dumps(fields))
        return
    sent = " and sent as a label" if case.fields()["label_sent"] else ""
    typer.echo(f"{event_id}: {case.state.value} (revision {case.revision}){sent}")


def _row(alert: Any) -> dict[str, Any]:
    names = ("event_time", "event_id", "amount", "score", "severity", "decision", "label")
    return {**{name: alert[name] for name in names}, **alert["case"]}
