"""Bars on standard error for commands that take several steps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn


@contextmanager
def step_bars(
    console: Console, *, transient: bool = False, hidden: bool = False
) -> Iterator[Progress]:
    """A bar for each step; outside of a terminal only what the finished ones look like.

    Args:
        console: where they are drawn.
        transient: whether they go when all is done, and are not drawn outside of a terminal.
        hidden: whether nothing is drawn at all.
    """
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=transient,
        disable=hidden or (transient and not console.is_terminal),
    ) as bars:
        yield bars
