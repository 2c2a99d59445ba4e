"""How a replay is shown: a bar in a terminal, now and then a line elsewhere; always on stderr."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bar

from features.iso_times import iso_time
from producer.replay import Progress

_LINE_EVERY_S = 5.0


class ReplayView:
    """Shows progress; use as a context manager.

    Args:
        total: events of the plan, None when there is no end.
        console: where to; a terminal gets a bar.
    """

    def __init__(self, total: int | None, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._total = total
        self._latest_line = time.monotonic()
        self._bar: Bar | None = None
        if self._console.is_terminal:
            self._bar = Bar(
                TextColumn("replay"),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]:,.0f}/s"),
                TextColumn("{task.fields[reached]}"),
                TextColumn("{task.fields[errors]} errors"),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
            )
            self._task = self._bar.add_task("replay", total=total, rate=0.0, reached="", errors=0)

    def __enter__(self) -> ReplayView:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def progress(self, progress: Progress) -> None:
        """Redraw, or write a line when the last one is some seconds old."""
        rate = progress.sent / progress.seconds if progress.seconds else 0.0
        reached = "" if progress.last_ms is None else iso_time(progress.last_ms)[:10]
        if self._bar is not None:
            self._bar.update(
                self._task,
                completed=progress.events,
                rate=rate,
                reached=reached,
                errors=progress.failed,
            )
        elif time.monotonic() - self._latest_line >= _LINE_EVERY_S:
            self._latest_line = time.monotonic()
            total = "" if self._total is None else f" of {self._total:,}"
            self.notice(
                f"{progress.events:,}{total} events, {rate:,.0f}/s, at {reached}, "
                f"{progress.failed} errors"
            )

    def notice(self, text: str) -> None:
        """One line above the bar."""
        self._console.print(text, markup=False)


def say(text: str) -> None:
    """One line for people, beside what goes to standard output."""
    sys.stderr.write(text + "\n")
