"""Charts of one file: classes side by side, fraud over time, correlations.

Honest events are blue, fraud is vermilion; bands and bars are 95 % Wilson intervals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from model.exploration.events import Number
from model.exploration.pictures import FRAUD, HONEST, VOLUME
from model.exploration.shares import Share, share_of
from model.exploration.summary import Correlations, TimeCourse

_BINS = 40
_TENTHS = 10
#: Shown of a number; what lies beyond is counted in the outermost bins.
_SHOWN = (0.005, 0.995)
_FEW_COLUMNS = 12
#: Ticks of a logarithmic axis of seconds.
_MOMENTS = {
    "1 s": 1.0,
    "1 min": 60.0,
    "1 h": 3_600.0,
    "1 d": 86_400.0,
    "10 d": 864_000.0,
    "100 d": 8_640_000.0,
}
_PERCENT = FuncFormatter(lambda value, _: f"{100 * value:.3g} %")
_COUNT = FuncFormatter(lambda value, _: f"{value:,.0f}")


def number_chart(number: Number, label: NDArray[np.int8]) -> Figure:
    """Distribution of a number, by class where there are labels, and the rate of fraud over it.

    The rate is given for ten groups of equally many events (fewer where values repeat).
    """
    known = ~np.isnan(number.values)
    values, label = number.values[known], label[known]
    rated = bool((label >= 0).any())
    figure = Figure(figsize=(4.8, 2.0), layout="constrained")
    left, *right = figure.subplots(1, 2 if rated else 1, squeeze=False)[0]
    _distribution(left, number, values, label)
    if rated:
        _rate_by_tenth(right[0], number, values, label)
    return figure


def time_chart(course: TimeCourse, width: float = 8.6) -> Figure:
    """Events in each bucket of time, and below it the rate of fraud."""
    rated = bool(course.labelled.any())
    figure = Figure(figsize=(width, 3.4 if rated else 2.0), layout="constrained")
    axes = figure.subplots(2 if rated else 1, 1, sharex=True, squeeze=False)[:, 0]
    when = course.start_ms.astype("datetime64[ms]")
    axes[0].fill_between(when, course.events, step="post", color=VOLUME, linewidth=0)
    axes[0].set_title(f"events per {course.unit}")
    axes[0].set_ylim(bottom=0)
    axes[0].yaxis.set_major_formatter(_COUNT)
    if rated:
        _rate_over(axes[1], when, course.fraud, course.labelled)
        axes[1].set_title(f"fraud, share of labelled events per {course.unit}")
    locator = AutoDateLocator(maxticks=9 if width > 6 else 5)  # type: ignore[no-untyped-call]
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(
        ConciseDateFormatter(locator)  # type: ignore[no-untyped-call]
    )
    axes[-1].set_xlabel("event time, UTC")
    return figure


def cycle_chart(
    code: NDArray[np.intp], names: Sequence[str], label: NDArray[np.int8], x: str
) -> Figure:
    """Events and rate of fraud by hour of the day or day of the week.

    Args:
        code: index into ``names`` of each event, shape (n,).
        names: of the positions in the cycle.
        label: 1 fraud, 0 honest, −1 unknown, shape (n,).
        x: label of the axis.
    """
    rated = bool((label >= 0).any())
    figure = Figure(figsize=(4.8, 2.8 if rated else 1.8), layout="constrained")
    axes = figure.subplots(2 if rated else 1, 1, sharex=True, squeeze=False)[:, 0]
    at, width = np.arange(len(names)), len(names)
    axes[0].bar(at, np.bincount(code, minlength=width), color=VOLUME, width=0.85)
    axes[0].set_title("events")
    axes[0].yaxis.set_major_formatter(_COUNT)
    if rated:
        fraud = np.bincount(code[label == 1], minlength=width)
        _dots(axes[1], at, [share_of(*one) for one in _pairs(fraud, code[label >= 0], width)])
        axes[1].set_title("fraud, share of labelled events")
    step = 1 if width < 10 else 3
    axes[-1].set_xticks(at[::step], list(names)[::step])
    axes[-1].set_xlabel(x)
    return figure


def correlation_chart(found: Correlations, width: float = 6.4) -> Figure:
    """Spearman's ρ of each pair; with numbers where there is room for them."""
    count = len(found.names)
    few = count <= _FEW_COLUMNS
    side = min(width, 2.2 + 0.62 * count)
    figure = Figure(figsize=(side, 0.88 * side), layout="constrained")
    axes = figure.add_subplot()
    mesh = axes.pcolormesh(
        found.matrix[::-1], cmap="PuOr", vmin=-1, vmax=1, edgecolor="white", linewidth=0.4
    )
    if few:
        for row, column in np.ndindex(count, count):
            value = float(found.matrix[row, column])
            if not np.isnan(value):
                axes.text(
                    column + 0.5, count - row - 0.5, _signed(value), ha="center", va="center",
                    color="white" if abs(value) > 0.7 else "black", fontsize=8,
                )  # fmt: skip
    size = 8 if few else 6.5
    at = np.arange(count) + 0.5
    axes.set_xticks(at, found.names, rotation=45 if few else 90, fontsize=size)
    if few:
        for tick in axes.get_xticklabels():
            tick.set_horizontalalignment("right")
    axes.set_yticks(at, found.names[::-1], fontsize=size)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    bar = figure.colorbar(mesh, ax=axes, fraction=0.04, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label("Spearman's ρ")
    return figure


def _signed(value: float) -> str:
    """Two decimals, a true minus, and no minus before zero."""
    text = f"{value:.2f}"
    return "0.00" if float(text) == 0 else text.replace("-", "−")


def _distribution(
    axes: Axes, number: Number, values: NDArray[np.float64], label: NDArray[np.int8]
) -> None:
    axes.set_title(_titled(number))
    if not len(values):
        return
    edges = _edges(number, values)
    inside = np.clip(values, edges[0], edges[-1])
    classes = [(label == 0, HONEST, "honest"), (label == 1, FRAUD, "fraud")]
    if not (label >= 0).any():
        classes = [(np.ones(len(label), np.bool_), VOLUME, "")]
    for rows, colour, name in classes:
        if not rows.any():
            continue
        counts = np.histogram(inside[rows], edges)[0] / rows.sum()
        axes.stairs(counts, edges, fill=True, color=colour, alpha=0.25)
        axes.stairs(counts, edges, color=colour, label=name)
    _value_axis(axes, number, values, edges)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter(_PERCENT)
    axes.set_ylabel("share of the class" if (label >= 0).any() else "share of events")
    if (label >= 0).any():
        axes.legend(frameon=False, handlelength=1, borderpad=0)


def _rate_by_tenth(
    axes: Axes, number: Number, values: NDArray[np.float64], label: NDArray[np.int8]
) -> None:
    rated = label >= 0
    values, fraud = values[rated], label[rated] == 1
    cuts = np.unique(np.quantile(values, np.linspace(0, 1, _TENTHS + 1)[1:-1]))
    group = np.searchsorted(cuts, values, side="right")
    width = len(cuts) + 1
    totals = np.bincount(group, minlength=width)
    middles = np.array(
        [np.median(values[group == one]) if totals[one] else np.nan for one in range(width)]
    )
    shares = [
        share_of(*one) for one in _pairs(np.bincount(group[fraud], minlength=width), group, width)
    ]
    edges = _edges(number, values)
    if _on_log_axis(number, values):
        # What is not positive stands at the left end, as in the distribution.
        middles = np.maximum(middles, edges[0])
    _value_axis(axes, number, values, edges)
    _dots(axes, middles, shares)
    axes.set_title("fraud, by tenths")


def _pairs(fraud: NDArray[np.int64], code: NDArray[np.intp], width: int) -> list[tuple[int, int]]:
    totals = np.bincount(code, minlength=width)
    return list(zip(fraud.tolist(), totals.tolist(), strict=True))


def _dots(
    axes: Axes, at: NDArray[np.float64] | NDArray[np.intp], shares: Sequence[Share | None]
) -> None:
    there = [(x, one) for x, one in zip(at.tolist(), shares, strict=True) if one is not None]
    for x, one in there:
        axes.plot([x, x], [one.low, one.high], color=FRAUD, linewidth=1.6, alpha=0.45)
    axes.plot(
        [x for x, _ in there], [one.value for _, one in there], "o", color=FRAUD, markersize=3.2
    )
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(_PERCENT)


def _rate_over(
    axes: Axes, when: NDArray[np.datetime64], fraud: NDArray[np.int64], labelled: NDArray[np.int64]
) -> None:
    pairs = zip(fraud.tolist(), labelled.tolist(), strict=True)
    shares = [share_of(*one) for one in pairs]
    nothing = (np.nan, np.nan, np.nan)
    value, low, high = np.array(
        [nothing if one is None else (one.value, one.low, one.high) for one in shares]
    ).T
    axes.fill_between(when, low, high, color=FRAUD, alpha=0.22, linewidth=0)
    marker = "o" if len(when) < 80 else ""
    axes.plot(when, value, color=FRAUD, marker=marker, markersize=2.5)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(_PERCENT)


def _edges(number: Number, values: NDArray[np.float64]) -> NDArray[np.float64]:
    if _on_log_axis(number, values):
        positive = values[values > 0]
        low, high = np.quantile(positive, _SHOWN)
        low, high = min(low, high / 10), max(high, low * 10)
        return np.geomspace(low, high, _BINS + 1)
    low, high = np.quantile(values, _SHOWN)
    if low == high:
        return np.linspace(low - 0.5, high + 0.5, _BINS + 1)
    if (values == np.floor(values)).all() and high - low <= 4 * _BINS:
        # Whole numbers: each bin holds equally many of them.
        step = int(np.ceil((high - low + 1) / _BINS))
        return np.arange(np.floor(low), high + step + 1, step) - 0.5
    return np.linspace(low, high, _BINS + 1)


def _value_axis(
    axes: Axes, number: Number, values: NDArray[np.float64], edges: NDArray[np.float64]
) -> None:
    """The axis of a number's values: limits, ticks that can be read, unit."""
    axes.set_xlabel(number.unit)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    if not _on_log_axis(number, values):
        return
    axes.set_xscale("log")
    axes.set_xlabel(f"{number.unit}, log scale")
    if number.unit == "seconds":
        ticks = {text: at for text, at in _MOMENTS.items() if edges[0] <= at <= edges[-1]}
        if len(ticks) > 4:
            del ticks["10 d"]
        axes.set_xlabel("log scale")
    else:
        powers = range(int(np.ceil(np.log10(edges[0]))), int(np.log10(edges[-1])) + 1)
        ticks = {f"{10.0**one:,g}": 10.0**one for one in powers}
    axes.set_xticks(list(ticks.values()), list(ticks))
    axes.xaxis.set_minor_locator(NullLocator())


def _on_log_axis(number: Number, values: NDArray[np.float64]) -> bool:
    return number.logarithmic and bool((values > 0).any())


def _titled(number: Number) -> str:
    return number.name.replace("_", " ")
