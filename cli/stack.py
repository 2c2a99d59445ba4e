"""``fraudstream stack up|down|status``: the local servers."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from stack.local import LocalStack

app = typer.Typer(
    help="Kafka, Redis and (where installed) Prometheus on this machine.", no_args_is_help=True
)
_Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command()
def up(as_json: _Json = False) -> None:
    """Start the servers that do not run yet, and write their addresses to .stack/env.

    Example:

        fraudstream stack up
    """
    addresses = LocalStack().up(Console(stderr=True, highlight=False).print)
    if as_json:
        typer.echo(json.dumps(asdict(addresses)))
        return
    typer.echo(f"Kafka {addresses.kafka}   Redis {addresses.redis}", nl=False)
    typer.echo(f"   Prometheus {addresses.prometheus}" if addresses.prometheus else "")


@app.command()
def down(
    wipe: Annotated[bool, typer.Option("--wipe", help="Delete data and logs too.")] = False,
    as_json: _Json = False,
) -> None:
    """Stop the servers.

    Example:

        fraudstream stack down --wipe
    """
    stopped = LocalStack().down(wipe=wipe)
    if as_json:
        typer.echo(json.dumps({"stopped": stopped, "wiped": wipe}))
        return
    typer.echo(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")


@app.command()
def status(as_json: _Json = False) -> None:
    """Show the servers; exit 1 when one is down.

    Example:

        fraudstream stack status --json
    """
    found = LocalStack().status()
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], indent=2))
    else:
        table = Table()
        for title in ("server", "state", "address", "pid", "log"):
            table.add_column(title)
        for one in found:
            state = "up" if one.healthy else "not answering" if one.running else "down"
            table.add_row(one.name, state, one.address, str(one.pid or ""), one.log)
        Console().print(table)
    if not all(one.healthy for one in found):
        raise typer.Exit(1)
