"""Every PromQL expression of the committed dashboards, and Grafana's variables filled in.

For tests and pictures, which ask a Prometheus what Grafana would ask it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

DASHBOARDS = Path(__file__).parent / "dashboards"

_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
_LABEL_VALUES = re.compile(r"label_values\((?P<series>.+), (?P<label>\w+)\)")


class Kind(StrEnum):
    """How Grafana asks: one value now, values over time, or a list of label values."""

    INSTANT = "instant"
    RANGE = "range"
    VARIABLE = "variable"
    ANNOTATION = "annotation"


@dataclass(frozen=True, slots=True)
class Expression:
    """One expression.

    Attributes:
        dashboard: title of the dashboard.
        title: of the panel, or name of the variable or annotation.
        ref: which query of the panel.
        kind: how Grafana asks it.
        expr: PromQL with Grafana's variables in it.
        legend: what its series are called.
        heatmap: whether it gives a histogram's cumulative buckets.
    """

    dashboard: str
    title: str
    ref: str
    kind: Kind
    expr: str
    legend: str = ""
    heatmap: bool = False


def dashboards(folder: Path = DASHBOARDS) -> dict[str, dict[str, Any]]:
    """Name of each committed file → its content."""
    return {
        path.name: json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))
    }


def panels_of(dashboard: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Its panels without the headings."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def expressions(folder: Path = DASHBOARDS) -> Iterator[Expression]:
    """Every expression of every panel, annotation and variable.

    A variable's ``label_values(series, label)``, which is Grafana's own, becomes a query that gives
    one series for each value.
    """
    for dashboard in dashboards(folder).values():
        title = dashboard["title"]
        for panel in panels_of(dashboard):
            for target in panel["targets"]:
                yield of_target(title, panel, target)
        for annotation in dashboard["annotations"].get("list", []):
            expr = annotation["target"]["expr"]
            yield Expression(title, annotation["name"], "Anno", Kind.ANNOTATION, expr)
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                expr = _of_values(variable["query"]["query"])
                yield Expression(title, variable["name"], "Variable", Kind.VARIABLE, expr)


def of_target(dashboard: str, panel: Mapping[str, Any], target: Mapping[str, Any]) -> Expression:
    """The expression of one query of a panel."""
    return Expression(
        dashboard,
        panel["title"],
        target["refId"],
        Kind.INSTANT if target.get("instant") else Kind.RANGE,
        target["expr"],
        target.get("legendFormat", ""),
        target.get("format") == "heatmap",
    )


def substituted(
    expr: str,
    *,
    range_s: int = 3600,
    interval_s: int = 15,
    scrape_s: int = 60,
    values: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """An expression as Grafana sends it to Prometheus.

    Args:
        expr: of a dashboard.
        range_s: length of the dashboard's time range.
        interval_s: distance of the points of a line.
        scrape_s: of the data source: how far its samples are apart.
        values: variable → regular expression of what was chosen; all, where it is not named.
    """
    step = max(interval_s, scrape_s)
    known = {
        "__range": f"{range_s}s",
        "__interval": f"{step}s",
        "__rate_interval": f"{max(step + scrape_s, 4 * scrape_s)}s",
        **values,
    }

    def value(found: re.Match[str]) -> str:
        name = found.group(1) or found.group(2)
        if name.startswith("__") and name not in known:
            raise ValueError(f"{expr!r} holds ${name}: fill it in here too")
        return known.get(name, ".+")

    return _VARIABLE.sub(value, expr)


def _of_values(query: str) -> str:
    found = _LABEL_VALUES.fullmatch(query)
    if found is None:
        raise ValueError(f"{query!r} is not label_values(series, label)")
    return f"group by ({found['label']}) ({found['series']})"
