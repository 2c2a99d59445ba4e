"""``python -m bench``: every benchmark, or the one that is named.

Each has a baseline in the same run, writes ``bench/results/NAME.json`` and ``.md``, and compares
with the results that were there. Absolute figures hold for the machine they were made on.
"""

from __future__ import annotations

import subprocess
import sys

import typer

from bench.ceiling import ceiling
from bench.challenger import challenger
from bench.dashboards import dashboards
from bench.drift import drift
from bench.memory import memory
from bench.offline import offline
from bench.profile import profile
from bench.reasons import reasons
from bench.recipes import recipes
from bench.rules import rules
from bench.scale import scale
from bench.state import state
from bench.velocity import velocity
from bench.views_http import views_http
from bench.views_memory import views_memory
from bench.worker import worker

app = typer.Typer(help=__doc__, rich_markup_mode=None, pretty_exceptions_enable=False)
app.command()(offline)
app.command()(state)
app.command()(worker)
app.command()(ceiling)
app.command()(profile)
app.command()(scale)
app.command()(memory)
app.command()(velocity)
app.command()(recipes)
app.command()(reasons)
app.command()(challenger)
app.command()(drift)
app.command()(rules)
app.command()(dashboards)
app.command("views-http")(views_http)
app.command("views-memory")(views_memory)


@app.callback(invoke_without_command=True)
def every(context: typer.Context) -> None:
    """Every benchmark that needs no file, but for the long one, one after another."""
    if context.invoked_subcommand is None:
        for name in ("offline", "state", "ceiling", "worker", "profile", "scale"):
            subprocess.run([sys.executable, "-m", "bench", name], check=True)


if __name__ == "__main__":
    app()
