"""From a matplotlib figure to a picture inside a page, and the look that all of them share.

A picture is an SVG in a data URI: nothing is fetched, nothing runs, and texts of a file, which
may be hostile, are never read as mathematics or markup.
"""

from __future__ import annotations

import base64
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

#: Blue and vermilion of Okabe and Ito, told apart by every kind of sight.
HONEST, FRAUD, VOLUME = "#0072b2", "#d55e00", "#7c97ab"
_INK = "#3b4046"
_STYLE: dict[RcKeyType, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": "#b9bdc2",
    "axes.grid": True,
    "axes.labelcolor": _INK,
    "axes.labelsize": 8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "font.size": 8,
    "grid.color": "#e7e9eb",
    "grid.linewidth": 0.6,
    "legend.fontsize": 8,
    "lines.linewidth": 1.2,
    "svg.fonttype": "none",
    "svg.hashsalt": "fraudstream",
    "text.color": _INK,
    "text.parse_math": False,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}
_LONG_DECIMALS = re.compile(r"(\d\.\d\d)\d+")


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture for a page.

    Attributes:
        src: data URI.
        alt: what it shows, for those who do not see it.
        narrow: data URI of its form for a phone, "" where it is the same.
    """

    src: str
    alt: str
    narrow: str = ""


@contextmanager
def style() -> Iterator[None]:
    """The shared look, for figures that are made inside."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # A browser has the glyphs that the font for measuring lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        yield


def picture(
    make: Callable[[], Figure], alt: str, narrow: Callable[[], Figure] | None = None
) -> Picture:
    """Make the figure in the shared look and turn it into a picture."""
    with style():
        return Picture(_data_uri(make()), alt, "" if narrow is None else _data_uri(narrow()))


def _data_uri(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    # A hundredth of a point is less than is seen; this halves a map.
    text = _LONG_DECIMALS.sub(r"\1", text[text.index("<svg") :])
    return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode()
