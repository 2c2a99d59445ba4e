"""Panels as matplotlib axes, drawn from what a Prometheus answers to the panels' own queries.

They show the data that Grafana would show, in the same colours, not Grafana's own drawing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm

from docs.units import written
from grafana.asking import Series
from grafana.palette import BLUE, GREY, OKABE_ITO

_INK = "#222222"
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one query of a panel."""

    ref: str
    legend: str
    series: list[Series]

    def name(self, one: Series) -> str:
        """A series' name, as Grafana makes it from the legend."""
        named = re.sub(r"\{\{(\w+)\}\}", lambda found: one.labels.get(found[1], ""), self.legend)
        return named or ", ".join(f"{key}={value}" for key, value in sorted(one.labels.items()))


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel and its answers.

    Attributes:
        spec: as the dashboard has it.
        answers: of its queries, in their order.
        start: of the time range, Unix time.
        end: of the time range, Unix time.
    """

    spec: Mapping[str, Any]
    answers: list[Answer]
    start: float
    end: float

    @property
    def unit(self) -> str:
        """Unit of its values."""
        return str(self.spec["fieldConfig"]["defaults"].get("unit", "short"))

    @property
    def named(self) -> list[tuple[str, Series]]:
        """All its series with their names."""
        return [(answer.name(one), one) for answer in self.answers for one in answer.series]

    def colour(self, name: str, place: int) -> str:
        """Colour of a series: that of its override, or one of its own."""
        for override in self.spec["fieldConfig"].get("overrides", []):
            matcher = override["matcher"]
            by_name = matcher["id"] == "byName" and matcher["options"] == name
            by_text = matcher["id"] == "byRegexp" and re.search(matcher["options"].strip("/"), name)
            if by_name or by_text:
                for one in override["properties"]:
                    if one["id"] == "color":
                        return str(one["value"]["fixedColor"])
        default = self.spec["fieldConfig"]["defaults"].get("color", {}).get("fixedColor", BLUE)
        colours = [default, *(one for one in OKABE_ITO if one != default)]
        return str(colours[place % len(colours)])

    def step_colour(self, value: float) -> str:
        """Colour of the threshold that a value has passed."""
        found = BLUE
        for step in self.spec["fieldConfig"]["defaults"].get("thresholds", {}).get("steps", []):
            if step["value"] is None or value >= step["value"]:
                found = step["color"]
        return str(found)


def draw(axes: Axes, panel: Panel) -> None:
    """Draw a panel; raises ``KeyError`` for a kind of panel that it does not know."""
    drawing = _DRAWINGS[panel.spec["type"]]
    axes.set_title(panel.spec["title"], loc="left", fontsize=8, color=_INK, weight="bold")
    axes.tick_params(labelsize=6, length=2, colors=_INK)
    for spine in axes.spines.values():
        spine.set_color("#cccccc")
    if panel.named:
        drawing(axes, panel)
    else:
        _say(axes, panel.spec["fieldConfig"]["defaults"].get("noValue", "no data"), GREY)


def _say(axes: Axes, text: str, colour: str, size: float = 11) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    middle = axes.transAxes
    axes.text(0.5, 0.5, text, color=colour, size=size, ha="center", va="center", transform=middle)


def _stat(axes: Axes, panel: Panel) -> None:
    _, series = panel.named[0]
    if panel.spec["options"].get("textMode") == "name":
        _say(axes, "\n".join(name for name, _ in panel.named), BLUE, 12)
        return
    _say(axes, written(series.last, panel.unit), panel.step_colour(series.last), 17)


def _times(axes: Axes, panel: Panel) -> None:
    axes.set_xlim(_date(panel.start), _date(panel.end))
    count = 3 if panel.spec["gridPos"]["w"] < 8 else 5
    length = panel.end - panel.start
    shown = "%H:%M" if length <= 2 * _DAY_S else "%d %b" if length <= 200 * _DAY_S else "%b %Y"
    ticks = [panel.start + length * place / count for place in range(count)]
    texts = [datetime.fromtimestamp(at, UTC).strftime(shown) for at in ticks]
    axes.set_xticks([_date(at) for at in ticks], texts)


def _lines(axes: Axes, panel: Panel) -> None:
    _times(axes, panel)
    custom = panel.spec["fieldConfig"]["defaults"].get("custom", {})
    named = panel.named
    if custom.get("stacking", {}).get("mode") == "normal":
        times = sorted({at for _, one in named for at, _ in one.points})
        rows = [[dict(one.points).get(at, 0.0) for at in times] for _, one in named]
        colours = [panel.colour(name, place) for place, (name, _) in enumerate(named)]
        axes.stackplot(
            [_date(at) for at in times], *rows, labels=[name for name, _ in named], colors=colours
        )
    else:
        for place, (name, one) in enumerate(named):
            x, y = [_date(at) for at, _ in one.points], [value for _, value in one.points]
            axes.plot(x, y, label=name, color=panel.colour(name, place), linewidth=1.2)
    axes.set_ylim(0, max(axes.get_ylim()[1], 1e-9) * 1.2)  # room for the legend
    axes.yaxis.set_major_formatter(lambda value, _: written(value, panel.unit))
    axes.grid(axis="y", color="#eeeeee")
    axes.legend(fontsize=5.5, ncols=3, frameon=False, loc="upper left")


def _bars(axes: Axes, panel: Panel) -> None:
    heatmap = panel.spec["targets"][0].get("format") == "heatmap"
    pairs = _by_bucket(panel) if heatmap else [(name, one.last) for name, one in panel.named]
    names, values = [name for name, _ in pairs], [value for _, value in pairs]
    axes.barh(range(len(pairs)), values, color=panel.colour("", 0))
    axes.set_yticks(range(len(pairs)), names)
    axes.invert_yaxis()
    axes.set_xticks([])
    for place, value in enumerate(values):
        axes.text(value, place, f" {written(value, panel.unit)}", va="center", fontsize=6)
    axes.margins(x=0.15)


def _by_bucket(panel: Panel) -> list[tuple[str, float]]:
    """Cumulative buckets told apart."""
    ordered = sorted(panel.named, key=lambda one: float(one[0]))
    values = np.diff([0.0, *(one.last for _, one in ordered)])
    return [(name, max(value, 0.0)) for (name, _), value in zip(ordered, values, strict=True)]


def _heat(axes: Axes, panel: Panel) -> None:
    _times(axes, panel)
    ordered = sorted(panel.named, key=lambda one: float(one[0]))
    times = sorted({at for _, one in ordered for at, _ in one.points})
    grid = np.array([[dict(one.points).get(at, 0.0) for at in times] for _, one in ordered])
    cells = np.diff(grid, axis=0, prepend=0.0).clip(0)
    shown = np.ma.masked_less_equal(cells, 1e-9)
    axes.pcolormesh(
        [_date(at) for at in times],
        np.arange(len(ordered)),
        shown,
        cmap="cividis",
        norm=PowerNorm(0.5),
        shading="nearest",
    )
    axes.set_yticks(range(len(ordered)), [name for name, _ in ordered])


def _timeline(axes: Axes, panel: Panel) -> None:
    _times(axes, panel)
    states = panel.spec["fieldConfig"]["defaults"]["mappings"][0]["options"]
    for place, (name, one) in enumerate(panel.named):
        gaps = np.diff([at for at, _ in one.points])
        width = float(np.median(gaps)) if len(gaps) else panel.end - panel.start
        spans: dict[str, list[tuple[float, float]]] = {}
        for at, value in one.points:
            colour = str(states.get(f"{value:g}", {}).get("color", GREY))
            spans.setdefault(colour, []).append((_date(at), width / _DAY_S))
        for colour, bars in spans.items():
            axes.broken_barh(bars, (place - 0.4, 0.8), color=colour)
        axes.text(_date(panel.start), place, f" {name}", va="center", color="white", fontsize=7)
    axes.set_yticks([])


def _rows(panel: Panel) -> tuple[list[str], list[list[tuple[str, float]]]]:
    """Headings and rows of a table: (text, value) for each cell, the label first."""
    organised = next(one for one in panel.spec["transformations"] if one["id"] == "organize")
    names = organised["options"]["renameByName"]
    label = next(key for key in names if not key.startswith("Value #"))
    units = {
        one["matcher"]["options"]: two["value"]
        for one in panel.spec["fieldConfig"]["overrides"]
        for two in one["properties"]
        if two["id"] == "unit"
    }
    cells: dict[str, dict[str, float]] = {}
    for answer in panel.answers:
        for one in answer.series:
            cells.setdefault(one.labels[label], {})[names[f"Value #{answer.ref}"]] = one.last
    computed = next(one for one in panel.spec["transformations"] if one["id"] == "calculateField")
    alias, parts = computed["options"]["alias"], computed["options"]["binary"]
    above, below = (parts[side]["matcher"]["options"] for side in ("left", "right"))
    cells = {value: row for value, row in cells.items() if row[below] > 0}
    columns = [*(name for key, name in names.items() if key.startswith("Value #")), alias]
    rows = []
    for value, row in sorted(cells.items(), key=lambda one: -one[1][above]):
        numbers = {**row, alias: row[above] / row[below]}
        shown = [
            (written(numbers[name], units.get(name, panel.unit)), numbers[name]) for name in columns
        ]
        rows.append([(value, 0.0), *shown])
    return [names[label], *columns], rows


def _table(axes: Axes, panel: Panel) -> None:
    headings, rows = _rows(panel)
    room = int(panel.spec["gridPos"]["h"] * 1.5) - 2
    axes.axis("off")
    drawn = axes.table(
        [[text for text, _ in row] for row in rows[:room]],
        colLabels=headings,
        loc="upper center",
        edges="horizontal",
    )
    drawn.auto_set_font_size(False)
    drawn.set_fontsize(6.5)


def _map(axes: Axes, panel: Panel) -> None:
    headings, rows = _rows(panel)
    alerts, rate = headings.index("Alerts"), headings.index("Alert share")
    most = max((row[alerts][1] for row in rows), default=0.0) or 1.0
    axes.set_xlim(-180, 180)
    axes.set_ylim(-60, 85)
    axes.set_xticks(range(-180, 181, 60))
    axes.set_yticks(range(-60, 91, 30))
    axes.grid(color="#e5e5e5")
    places = _places()
    for row in rows:
        country = row[0][0]
        if country in places:
            size = 12 + 400 * row[alerts][1] / most
            colour = panel.step_colour(row[rate][1])
            axes.scatter(*places[country], s=size, color=colour, alpha=0.7, linewidths=0)
            axes.annotate(country, places[country], fontsize=5, ha="center", va="center")


@cache
def _places() -> dict[str, tuple[float, float]]:
    """Country → longitude and latitude of its first city in the time zone database."""
    found: dict[str, tuple[float, float]] = {}
    for line in files("tzdata.zoneinfo").joinpath("zone.tab").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            country, position = line.split("\t")[:2]
            latitude, longitude = re.findall(r"[+-]\d+", position)
            found.setdefault(country, (_degrees(longitude, 3), _degrees(latitude, 2)))
    return found


def _degrees(text: str, digits: int) -> float:
    """``+DDMM[SS]`` as a number."""
    minutes = float(text[1 + digits : 3 + digits])
    return float(f"{text[0]}1") * (float(text[1 : 1 + digits]) + minutes / 60)


def _date(at: float) -> float:
    return at / _DAY_S  # matplotlib counts days from 1970


_DRAWINGS: dict[str, Callable[[Axes, Panel], None]] = {
    "stat": _stat,
    "timeseries": _lines,
    "bargauge": _bars,
    "heatmap": _heat,
    "state-timeline": _timeline,
    "table": _table,
    "geomap": _map,
}
