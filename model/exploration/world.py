"""A map of the world that colours countries by a number.

Outlines and positions are those of Natural Earth (public domain), taken from the npm package
``world-atlas`` 2.0.2. ``world.json`` was derived from it in these steps:

1. the TopoJSON arcs of ``countries-110m.json`` were joined into rings of longitude and latitude
   and rounded to hundredths of a degree; outer rings and holes keep their directions;
2. rings that cross the antimeridian were cut there;
3. the countries' ISO 3166-1 numbers became alpha-2 codes (``pycountry``); areas without a number
   stand together under "", Antarctica was left out;
4. a country that only the finer ``countries-50m.json`` has (Singapore, Malta …) became a point:
   the centroid of its largest ring.

The projection is Equal Earth (Šavrič, Patterson, Jenny 2018): areas keep their proportions, so
that no country looks more important than another because of its latitude.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator
from numpy.typing import NDArray

#: From light to dark, so that they are told apart without seeing hues, and in grey print.
BLUES, REDS = "Blues", "YlOrRd"
_LAND, _FAINT, _BORDER = "#eceae6", "#d3d0ca", "#ffffff"
_POINT_SIZE = 9.0


@dataclass(frozen=True, slots=True)
class World:
    """Shapes of the world, projected.

    Attributes:
        outlines: alpha-2 code → outline; "" holds areas that have no code.
        points: alpha-2 code → (x, y) of a country too small to have an outline.
    """

    outlines: dict[str, Path]
    points: dict[str, tuple[float, float]]

    def has(self, code: str) -> bool:
        """Whether the country has a place on the map."""
        return bool(code) and (code in self.outlines or code in self.points)


@cache
def world() -> World:
    """The shapes that come with the program."""
    text = files(__package__).joinpath("world.json").read_text(encoding="utf-8")
    found = json.loads(text)
    return World(
        outlines={code: _outline(rings) for code, rings in found["outlines"].items()},
        points={
            code: tuple(equal_earth(np.array([place], np.float64) / 100)[0].tolist())
            for code, place in found["points"].items()
        },
    )


def equal_earth(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """Project (longitude, latitude) in degrees, shape (n, 2), to the plane, shape (n, 2)."""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    longitude, latitude = np.radians(degrees).T
    theta = np.arcsin(np.sqrt(3) / 2 * np.sin(latitude))
    slope = 9 * a4 * theta**8 + 7 * a3 * theta**6 + 3 * a2 * theta**2 + a1
    x = 2 * np.sqrt(3) * longitude * np.cos(theta) / (3 * slope)
    y = theta * (a4 * theta**8 + a3 * theta**6 + a2 * theta**2 + a1)
    return np.column_stack([x, y])


def world_map(
    values: Mapping[str, float],
    *,
    label: str,
    percent: bool = False,
    logarithmic: bool = False,
    colours: str = BLUES,
    faint: Collection[str] = (),
    faint_label: str = "too few events",
) -> Figure:
    """Colour countries by a number.

    Args:
        values: ISO 3166-1 alpha-2 code → finite number; codes without a place on the map
            (``world().has``) are not drawn, and it is up to the caller to say so.
        label: what the number is, with its unit.
        percent: whether the numbers are shares, to be written as percentages.
        logarithmic: colour by the logarithm; numbers must be positive.
        colours: name of a matplotlib map that runs from light to dark.
        faint: countries that have no number but shall not look as if nothing was known of them.
        faint_label: what they are, for the legend.

    Returns:
        A figure 6.2 by 3.5 inches.
    """
    figure = Figure(figsize=(6.2, 3.5), layout="constrained")
    axes = figure.add_subplot()
    norm = _norm(list(values.values()), logarithmic)
    shades = _without_the_lightest(colours)
    shapes = world()
    for code, path in shapes.outlines.items():
        colour = shades(norm(values[code])) if code in values else _land(code, faint)
        axes.add_patch(PathPatch(path, facecolor=colour, edgecolor=_BORDER, linewidth=0.3))
    for code, (x, y) in shapes.points.items():
        if code in values or code in faint:
            colour = shades(norm(values[code])) if code in values else _FAINT
            axes.scatter(
                [x], [y], s=_POINT_SIZE, color=[colour], edgecolors="#555555", linewidths=0.4,
                zorder=3,
            )  # fmt: skip
    _frame(axes)
    if values:
        _colour_bar(figure, axes, ScalarMappable(norm, shades), label, percent, logarithmic)
    keys = [(_FAINT, faint_label)] if faint else []
    for colour, text in [*keys, (_LAND, "no event")]:
        axes.scatter([], [], s=40, marker="s", color=colour, label=text)
    axes.legend(loc="lower left", frameon=False, fontsize=8, borderpad=0, handletextpad=0.2)
    return figure


def _norm(numbers: list[float], logarithmic: bool) -> Normalize:
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 1.0)
    if logarithmic:
        return LogNorm(low, max(high, 10 * low))
    return Normalize(0.0 if low >= 0 else low, high if high > low or high > 0 else 1.0)


def _without_the_lightest(colours: str) -> LinearSegmentedColormap:
    """The map without its first sixth, which would pass for land without a number."""
    from matplotlib import colormaps

    whole = colormaps[colours]
    return LinearSegmentedColormap.from_list(colours, whole(np.linspace(0.17, 1, 128)))


def _land(code: str, faint: Collection[str]) -> str:
    return _FAINT if code in faint else _LAND


def _frame(axes: Axes) -> None:
    edge = equal_earth(np.array([[-180.0, 0.0], [180.0, 0.0], [0.0, -57.0], [0.0, 84.0]]))
    axes.set_xlim(edge[0, 0] + 0.1, edge[1, 0])
    axes.set_ylim(edge[2, 1], edge[3, 1])
    axes.set_aspect("equal")
    axes.set_axis_off()


def _colour_bar(
    figure: Figure,
    axes: Axes,
    scale: ScalarMappable,
    label: str,
    percent: bool,
    logarithmic: bool,
) -> None:
    bar = figure.colorbar(
        scale, ax=axes, location="bottom", fraction=0.045, pad=0.02, aspect=40,
        ticks=LogLocator() if logarithmic else MaxNLocator(5),
        format=FuncFormatter(lambda value, _: f"{100 * value:g} %" if percent else f"{value:,.5g}"),
    )  # fmt: skip
    bar.ax.xaxis.set_minor_locator(NullLocator())
    bar.outline.set_visible(False)
    bar.set_label(label)


def _outline(rings: list[list[int]]) -> Path:
    """One compound path; outer rings and holes run in opposite directions."""
    parts = [equal_earth(_dense(np.array(ring, np.float64).reshape(-1, 2) / 100)) for ring in rings]
    return Path.make_compound_path(*(Path(part, closed=True) for part in parts))


def _dense(ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points on long straight edges, which the projection bends."""
    pieces = []
    for start, end in pairwise(ring):
        count = max(1, int(np.abs(end - start).max() // 10))
        pieces.append(start + (end - start) * np.linspace(0, 1, count, endpoint=False)[:, None])
    return np.concatenate([*pieces, ring[-1:]])
