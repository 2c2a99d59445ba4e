"""What all plots have in common: size, colours, and bytes that the same figures always give."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

#: Split → colour (Okabe and Ito, told apart by the colour-blind) and line, told apart in print.
COLOURS = {"random": "#0072b2", "time": "#d55e00", "attack": "#009e73"}
LINES = {"random": "-", "time": "--", "attack": "-."}
GREY = "#8a8a8a"
INK = "#333333"
_DPI = 120


@contextmanager
def house_style() -> Iterator[None]:
    """Matplotlib's own defaults, whatever the settings of this machine say."""
    with matplotlib.style.context("default"):
        yield


def canvas(title: str, x: str, y: str) -> tuple[Figure, Axes]:
    """A figure with one set of axes."""
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title, loc="left", fontsize=13)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    plain(axes)
    return figure, axes


def legend_below(figure: Figure, axes: Axes, title: str | None = None, columns: int = 1) -> None:
    """What the lines are, where it hides none of them."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, title=title, loc="outside lower center", ncols=columns, frameon=False,
        fontsize=9, title_fontsize=9, handlelength=3,
    )  # fmt: skip


def plain(axes: Axes) -> None:
    """No frame, a light grid behind what is drawn."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e3e3e3", linewidth=0.6)
    axes.set_axisbelow(True)


def png(figure: Figure) -> bytes:
    """The picture, without the name and version of the program that drew it."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    return buffer.getvalue()
