"""What ``fraudstream features --explain`` found, as a person wants to read it.

First the event and its own features; then, for each entity, its features with the windows side by
side, what they were made of, and the earlier events with the numbers by which these refer to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from cli.explain_json import Line, line_of, plain, windows_of
from core.durations import duration
from core.names import DAY_MS
from features.csv_source import CsvData
from features.csv_source.transactions import id_prefix
from features.declared import LOOK_BACK_MS, WINDOWS
from features.explain import Explained, Explanation, Past
from features.iso_times import iso_time
from features.offline import FeatureTable

#: Earlier events of an entity that are listed, beside the earliest.
LISTED = 10
_UNKNOWN = "–"
#: From this width on, what a row means stands beside it, and not only its unit.
_WIDE = 120
_GAP = 2


def show_explanation(
    explanation: Explanation, data: CsvData, table: FeatureTable, console: Console
) -> None:
    """Print an explanation of one event of ``data``, whose features are ``table``."""
    line = line_of(data, table, explanation.row)
    console.print(f"[bold]{escape(line.event_id)}[/], line {line.row:,} of {_name(data)}")
    console.print(escape(" · ".join(_facts(line, int(data.label[explanation.row])))))
    _print_own(explanation, console)
    shown: dict[tuple[int, ...], str] = {}
    for past in explanation.pasts.values():
        mine = [one for one in explanation.features if one.feature.entity == past.entity]
        console.print()
        if not mine:
            continue
        if not len(past.rows):
            _print_nothing(past, mine, console)
            continue
        _print_features(past, mine, console)
        rows = tuple(past.rows.tolist())
        if rows in shown:
            console.print(f"  earlier events: the same as those of the {shown[rows]}")
        else:
            shown[rows] = past.entity
            _print_events(past, data, table, console)


def _name(data: CsvData) -> str:
    return escape(data.report.path.name)


def _short(column: str) -> str:
    return column.removesuffix("_id").removesuffix("_address")


def _facts(line: Line, label: int) -> list[str]:
    known = [f"{_short(name)} {one}" for name, one in line.who.items() if one]
    return [
        _time(line.time_ms) + " UTC",
        f"{line.amount:,.2f}",
        *known,
        *([] if line.country is None else [f"country {line.country}"]),
        {0: "labelled honest", 1: "labelled fraud"}.get(label, "no label"),
    ]


def _print_own(explanation: Explanation, console: Console) -> None:
    grid = _grid()
    grid.add_column("of the event itself", style="cyan", no_wrap=True)
    grid.add_column("value", justify="right", no_wrap=True)
    grid.add_column("", style="dim")
    for one in explanation.features:
        if not one.feature.entity:
            grid.add_row(one.feature.name, escape(_value(one)), escape(_meaning(one)))
    console.print()
    console.print(grid)


def _print_nothing(past: Past, mine: Sequence[Explained], console: Console) -> None:
    """An entity without a past says little, however many features it has."""
    if past.whom is None:
        console.print(f"[bold]{past.entity}[/]: the event has none")
    else:
        console.print(f"[bold]{past.entity} {escape(past.whom)}[/]: no earlier event")
    same: dict[str, list[str]] = {}
    for one in mine:
        names = same.setdefault(_value(one), [])
        if _what(one) not in names:
            names.append(_what(one))
    for value, names in same.items():
        console.print(f"  {'unknown' if value == _UNKNOWN else value}: {', '.join(names)}")


def _print_features(past: Past, mine: Sequence[Explained], console: Console) -> None:
    count = len(past.rows)
    events = f"{count:,} earlier event{'s'[: count > 1]} within {LOOK_BACK_MS // DAY_MS} d"
    if past.truncated:
        events = f"the latest {count:,} of its earlier events"
    console.print(f"[bold]{past.entity} {escape(str(past.whom))}[/]: {events}, #1 is the latest")
    wide = console.width >= _WIDE
    grid = _grid()
    grid.add_column("", style="cyan", no_wrap=True)
    for window in WINDOWS:
        grid.add_column(window, justify="right", no_wrap=True)
    grid.add_column("", style="dim")
    others = ""
    for what, row in _by_what(one for one in mine if one.feature.window):
        first = next(iter(row.values()))
        about = _meaning(first) if wide else first.feature.unit.replace("1", "ratio")
        cells = [_value(row[window]) if window in row else "" for window in WINDOWS]
        grid.add_row(what, *cells, escape(about))
        if any(not np.array_equal(one.made_by, past.within(w)) for w, one in row.items()):
            own = [_numbers(row[window].made_by) if window in row else "" for window in WINDOWS]
            grid.add_row("  made of", *own, "", style="dim")
            others = "the other rows"
    within = [_numbers(past.within(window)) for window in WINDOWS]
    grid.add_row("made of", *within, others, style="dim")
    console.print(grid)
    rest = _grid()
    rest.add_column("", style="cyan", no_wrap=True)
    rest.add_column("", justify="right", no_wrap=True)
    rest.add_column("", style="dim", no_wrap=True)
    rest.add_column("", style="dim")
    rest.show_header = False
    for one in mine:
        if not one.feature.window:
            made = f"made of {_numbers(one.made_by)}"
            rest.add_row(_what(one), _value(one), made, escape(one.feature.meaning))
    console.print(rest)


def _by_what(features: Iterable[Explained]) -> Iterable[tuple[str, dict[str, Explained]]]:
    """The windows of each quantity, in the order of the list."""
    rows: dict[str, dict[str, Explained]] = {}
    for one in features:
        rows.setdefault(_what(one), {})[one.feature.window] = one
    return rows.items()


@dataclass(frozen=True, slots=True)
class _Column:
    """One column of the earlier events; those of the highest rank are left out first."""

    header: str
    cells: list[str]
    justify: Literal["left", "right"] = "left"
    rank: int = 0

    @property
    def width(self) -> int:
        return max(map(len, (self.header, *self.cells)))


def _print_events(past: Past, data: CsvData, table: FeatureTable, console: Console) -> None:
    count = len(past.rows)
    shown = list(range(count)) if count <= LISTED + 2 else [*range(LISTED), count - 1]
    lines = [line_of(data, table, int(past.rows[position])) for position in shown]
    gaps = [int(past.gap_ms[position]) for position in shown]
    columns = [
        _Column("#", [str(position + 1) for position in shown], "right"),
        _Column("line", [f"{line.row:,}" for line in lines], "right"),
        _Column("time (UTC)", [_time(line.time_ms) for line in lines], rank=2),
        _Column("before", [duration(gap / 1000) for gap in gaps], "right"),
        _Column("within", [(*windows_of(gap), f"{LOOK_BACK_MS // DAY_MS}d")[0] for gap in gaps]),
        _Column("amount", [f"{line.amount:,.2f}" for line in lines], "right"),
    ]
    mine = {"user": "user_id", "device": "device_id", "ip": "ip_address", "card": "card_id"}
    for name in lines[0].who:
        if name != mine.get(past.entity):
            cells = [line.who[name] or _UNKNOWN for line in lines]
            columns.append(_Column(_short(name), cells))
    if lines[0].country is not None:
        columns.append(_Column("country", [str(line.country) for line in lines], rank=1))
    prefix = id_prefix(data.batch.profile, data.report.sha256)
    derived = all(line.event_id == f"{prefix}{line.row:012d}" for line in lines)
    ids = [line.event_id for line in lines]
    columns.append(_Column("event id", ids, rank=3 if derived else 0))
    kept = _fitting(columns, console.width - _GAP)

    grid = _grid()
    console.print()
    for column in kept:
        grid.add_column(column.header, justify=column.justify, overflow="fold")
    for index in range(len(shown)):
        if index == len(shown) - 1 and len(shown) < count:
            grid.add_row("…", f"{count - len(shown):,} more", style="dim")
        grid.add_row(*(escape(column.cells[index]) for column in kept))
    console.print(grid)
    if columns[-1] not in kept:
        console.print(f"  ids: {prefix} and the line in twelve digits", style="dim")


def _fitting(columns: Sequence[_Column], width: int) -> list[_Column]:
    """The columns that fit side by side, in their order; those of rank 0 always stay."""
    kept = list(columns)
    while sum(column.width + _GAP for column in kept) > width:
        last = max(kept, key=lambda column: column.rank)
        if not last.rank:
            break
        kept.remove(last)
    return kept


def _grid() -> Table:
    return Table(box=None, padding=(0, 0, 0, _GAP), pad_edge=True, header_style="bold")


def _what(one: Explained) -> str:
    """The part of a feature's name between entity and window."""
    feature = one.feature
    name = feature.name.removeprefix(f"{feature.entity}_")
    return name.removesuffix(f"_{feature.window}") if feature.window else name


def _meaning(one: Explained) -> str:
    return one.feature.meaning.replace(f" within {one.feature.window}", "")


def _value(one: Explained) -> str:
    feature, value = one.feature, plain(one.value)
    if value is None:
        return _UNKNOWN
    if feature.categories:
        return f"{feature.categories[int(value)]} ({value:.0f})"
    if feature.unit == "seconds":
        return duration(value)
    if feature.unit == "currency units":
        return f"{value:,.2f}"
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def _time(time_ms: int) -> str:
    return iso_time(time_ms).removesuffix("Z").removesuffix(".000").replace("T", " ")


def _numbers(positions: np.ndarray) -> str:
    """``#1–3,7`` for positions 0, 1, 2 and 6; at most two runs."""
    if not len(positions):
        return _UNKNOWN
    runs = np.split(positions + 1, np.flatnonzero(np.diff(positions) > 1) + 1)
    texts = [f"{run[0]}" if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]
    return "#" + ",".join(texts[:2]) + ("…" if len(texts) > 2 else "")
