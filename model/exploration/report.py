"""The exploration as one page of HTML: no script, nothing fetched, nobody named.

Texts of the file are escaped wherever they stand; ids and rejected values are not shown at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from core.durations import duration
from core.names import DAY_MS
from features.csv_source.header import KINDS
from features.declared import COUNTRIES
from features.iso_times import iso_time
from model.exploration.charts import correlation_chart, cycle_chart, number_chart, time_chart
from model.exploration.events import printable
from model.exploration.explored import Exploration
from model.exploration.finding import Weight, percent, with_interval
from model.exploration.pictures import Picture, picture
from model.exploration.shares import Share, fraud_share, rank_correlation
from model.exploration.summary import QUANTILES, NumberSummary
from model.exploration.world import BLUES, REDS, world, world_map
from model.figures import counted

#: Labelled events from which a country's rate of fraud is coloured.
MIN_OF_COUNTRY = 50
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}


@dataclass(frozen=True, slots=True)
class Maps:
    """Countries on the map, and in words what is not on it."""

    volume: Picture
    rate: Picture | None
    beside: str


def html_report(found: Exploration) -> str:
    """The page, complete in itself."""
    environment = Environment(
        loader=PackageLoader("model.exploration", "."),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_unbroken,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "interval": with_interval,
        "printable": printable,
        "value": _value,
        "count": lambda one: f"{one:,}",
    }
    page = environment.get_template("report.html.jinja")
    events = found.events
    return page.render(
        found=found,
        traps=found.of_weight(Weight.TRAP),
        notes=found.of_weight(Weight.NOTE),
        clear=found.of_weight(Weight.CLEAR),
        what=KINDS[found.report.kind].what,
        facts=_facts(found),
        labelled=events.has_labels,
        quantiles=[f"{100 * one:g} %" for one in QUANTILES],
        course=_course_picture(found),
        cycles=_cycles(found),
        numbers=_number_pictures(found),
        maps=_maps(found),
        correlations=_correlation_picture(found),
        with_label=_with_label(found),
        category_scale=_largest_rate,
        period=_period(found),
    )


def _unbroken(one: Any) -> Any:
    """A number and its per cent sign stay on one line."""
    return one.replace(" %", "\u00a0%") if isinstance(one, str) else one


def _facts(found: Exploration) -> list[tuple[str, str]]:
    report, events = found.report, found.events
    order = rank_correlation(events.line.astype(float), events.time_ms.astype(float))
    in_time = bool((np.diff(events.line) > 0).all())
    rows = [
        ("kind", KINDS[report.kind].what),
        ("rows used", f"{report.accepted:,}"),
        ("lines rejected", f"{report.rejected:,}"),
        ("period", _period(found)),
        (
            "order of the lines",
            "in time" if in_time else f"not in time (rank correlation {order or 0:.2f})",
        ),
        (
            "written as",
            f"{report.encoding}, {report.line_ends.upper()}, {_DELIMITERS[report.delimiter]}"
            + (", gzip" if report.compressed else ""),
        ),
        ("size", f"{report.size:,} bytes uncompressed"),
        ("SHA-256", report.sha256),
        ("columns read", ", ".join(report.columns)),
    ]
    if report.date_order:
        rows.append(("dates", f"read as {report.date_order}"))
    if report.ignored:
        names = [printable(name) for name in report.ignored[:20]]
        more = len(report.ignored) - len(names)
        rows.append(("columns ignored", ", ".join(names) + (f", {more} more" if more else "")))
    return rows


def _period(found: Exploration) -> str:
    first, last = found.report.first_ms, found.report.last_ms
    if first is None or last is None:
        return "unknown"
    span = duration((last - first) / 1000)
    return f"{_moment(first)} to {_moment(last)} UTC ({span})"


def _moment(time_ms: int) -> str:
    return iso_time(time_ms)[:16].replace("T", " ")


def _value(value: float | None, one: NumberSummary) -> str:
    """A value of a column, with the unit where it changes."""
    if value is None:
        return "–"
    if one.unit == "seconds":
        return duration(value)
    if one.unit == "currency units":
        return f"{value:,.2f}"
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 1 else f"{value:,.3g}"


def _course_picture(found: Exploration) -> Picture:
    course = found.course
    alt = f"Events per {course.unit}" + (
        " and the share of fraud among them, over time" if course.labelled.any() else ", over time"
    )
    return picture(partial(time_chart, course), alt, partial(time_chart, course, 4.4))


def _cycles(found: Exploration) -> list[Picture]:
    events = found.events
    hour = ((events.time_ms // 3_600_000) % 24).astype(np.intp)
    hours = [f"{one}" for one in range(24)]
    pictures = [
        picture(
            partial(cycle_chart, hour, hours, events.label, "hour of the day, UTC"),
            "Events and share of fraud by hour of the day",
        )
    ]
    if events.time_ms[-1] - events.time_ms[0] >= 7 * DAY_MS:
        # 1970-01-01 was a Thursday.
        day = ((events.time_ms // DAY_MS + 3) % 7).astype(np.intp)
        names = list(_WEEKDAYS)
        pictures.append(
            picture(
                partial(cycle_chart, day, names, events.label, "day of the week, UTC"),
                "Events and share of fraud by day of the week",
            )
        )
    return pictures


def _number_pictures(found: Exploration) -> list[Picture]:
    """The columns that tell most first."""
    label = found.events.label
    what = "Distribution by class and share of fraud" if found.events.has_labels else "Distribution"
    strength = {
        one.name: 0.0 if one.separation is None else abs(one.separation - 0.5)
        for one in found.numbers
    }
    known = [one for one in found.events.numbers if not np.isnan(one.values).all()]
    return [
        picture(partial(number_chart, one, label), f"{what} of {one.name}")
        for one in sorted(known, key=lambda one: -strength[one.name])
    ]


def _maps(found: Exploration) -> Maps | None:
    country, label = found.events.country, found.events.label
    if country is None or not country.any():
        return None
    volume: dict[str, float] = {}
    rate: dict[str, float] = {}
    few: list[str] = []
    nowhere = 0
    for code in np.unique(country[country > 0]).tolist():
        rows = country == code
        name = COUNTRIES[code]
        volume[name] = int(rows.sum())
        nowhere += 0 if world().has(name) else int(rows.sum())
        share = fraud_share(label[rows])
        if share is not None and share.total >= MIN_OF_COUNTRY:
            rate[name] = share.value
        else:
            few.append(name)
    unknown = float((country == 0).mean())
    beside = f"{percent(unknown)} of the events have no known country and are not on the map."
    lost = fraud_share(label[country == 0])
    if lost is not None:
        beside += f" {with_interval(lost)} of them are fraud."
    if nowhere:
        verb = "comes" if nowhere == 1 else "come"
        beside += f" {counted(nowhere, 'event')} {verb} from places too small for it."
    return Maps(
        volume=picture(
            partial(world_map, volume, label="events, log scale", logarithmic=True, colours=BLUES),
            "Map of the world: events by country",
        ),
        rate=picture(
            partial(
                world_map, rate, label="fraud, share of labelled events", percent=True,
                colours=REDS, faint=few, faint_label=f"under {MIN_OF_COUNTRY} labelled events",
            ),
            "Map of the world: share of fraud by country",
        )
        if rate
        else None,
        beside=beside,
    )  # fmt: skip


def _correlation_picture(found: Exploration) -> Picture:
    one = found.correlations
    return picture(partial(correlation_chart, one), "Spearman's rank correlations of all numbers")


def _with_label(found: Exploration) -> list[tuple[str, float]]:
    """Columns by the strength of their rank correlation with fraud."""
    names, matrix = found.correlations.names, found.correlations.matrix
    if "fraud" not in names:
        return []
    column = matrix[names.index("fraud")].tolist()
    pairs = [
        (name, rho)
        for name, rho in zip(names, column, strict=True)
        if name != "fraud" and not np.isnan(rho)
    ]
    return sorted(pairs, key=lambda pair: -abs(pair[1]))[:10]


def _largest_rate(levels: list[Any]) -> float:
    """Upper end of the scale on which the rates of one category are drawn."""
    shares: list[Share] = [one.fraud for one in levels if one.fraud is not None]
    # Intervals of a handful of events would squeeze all others into a corner.
    high = [one.high for one in shares if one.total >= MIN_OF_COUNTRY]
    return max(high, default=max((one.high for one in shares), default=1.0)) or 1.0
