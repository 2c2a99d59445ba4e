"""``fraudstream stack up|down|status``: the servers of this checkout, without Docker."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from stack.local import LocalStack, ServiceStatus

app = typer.Typer(
    help="Kafka, Redis and (where installed) Prometheus on this machine.", no_args_is_help=True
)
_Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
_COLOURS = {"up": "green", "starting": "yellow", "down": "red"}


@app.command()
def up(as_json: _Json = False) -> None:
    """Start the servers that do not run yet; write their addresses to .stack/env.

    FRAUDSTREAM_KAFKA or FRAUDSTREAM_REDIS, if set, name servers that exist: then none is started
    in their place.

    Example:

        fraudstream stack up
    """
    stack = LocalStack.configured()
    addresses = stack.up(_progress)
    if as_json:
        typer.echo(json.dumps(asdict(addresses)))
    else:
        _show(stack.status())


@app.command()
def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Delete their data and logs too.")] = False,
    as_json: _Json = False,
) -> None:
    """Stop the servers; none is left behind.

    Example:

        fraudstream stack down --wipe
    """
    said: list[str] = []
    LocalStack().down(wipe=wipe, report=said.append if as_json else _progress)
    if as_json:
        typer.echo(json.dumps({"done": said}))


@app.command()
def status(as_json: _Json = False) -> None:
    """Show the servers; exit 1 if one of them is down.

    Example:

        fraudstream stack status --json
    """
    found = LocalStack.configured().status()
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], default=str))
    else:
        _show(found)
    if not all(one.ok for one in found):
        raise typer.Exit(1)


def _progress(line: str) -> None:
    Console(stderr=True, highlight=False, markup=False, soft_wrap=True).print(line)


def _show(found: list[ServiceStatus]) -> None:
    table = Table()
    for title in ("server", "state", "address", "pid", "log"):
        table.add_column(title, overflow="fold")
    for one in found:
        colour = _COLOURS.get(one.state, "dim")
        table.add_row(
            one.name,
            f"[{colour}]{one.state}[/]",
            one.address or one.detail,
            str(one.pid or ""),
            str(one.log or ""),
        )
    Console().print(table)
