"""Reading a file of transactions with a bar, as every command does that takes one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from features.csv_source import CsvData


def read_with_bar(
    bars: Progress,
    csv: Path,
    profile: str | None,
    *,
    tz: str,
    date_order: str,
    rejects: Path | None,
) -> CsvData:
    """The accepted events of a file; arguments and errors as ``features.csv_source`` has them."""
    from features.csv_source import read_transactions

    reading = bars.add_task(f"reading {csv.name}", total=None)
    return read_transactions(
        csv,
        profile,
        tz=tz,
        date_order=date_order,
        rejects=rejects,
        progress=lambda done, total: bars.update(reading, completed=done, total=total),
    )
