"""Panels with the house's settings: title, description, unit, colours and queries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    heatmap,
    stat,
    statetimeline,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders import prometheus as prom
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmaps
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.palette import BLUE, GOOD, HEATMAP_SCHEME

#: The data source that the reader chooses.
DATASOURCE = DataSourceRef("prometheus", "${datasource}")

#: Any of the panel builders: they share these settings, not a base class.
AnyPanel = Any
_Panel = TypeVar("_Panel")


@dataclass(frozen=True, slots=True)
class Text:
    """What a panel says about itself, and its size on a grid of 24 columns."""

    title: str
    description: str
    unit: str
    width: int
    height: int = 8


@dataclass(frozen=True, slots=True)
class Query:
    """A query and how its series are called."""

    expr: str
    legend: str = ""


Steps = Sequence[tuple[float | None, str]]


def over_time(
    text: Text,
    *queries: Query,
    colours: Mapping[str, str] | None = None,
    stacked: bool = False,
    shades: str = BLUE,
    steps: Steps = (),
) -> timeseries.Panel:
    """Lines over time.

    Args:
        text: about it.
        queries: range queries.
        colours: name of a series, or ``/regular expression/`` → colour.
        stacked: one upon the other.
        shades: colour whose shades the other series get.
        steps: thresholds, drawn as lines.
    """
    panel = finished(timeseries.Panel(), text, steps)
    panel.color_scheme(_shades(shades)).min(0)
    panel.line_width(2).fill_opacity(60 if stacked else 10)
    panel.show_points(kinds.VisibilityMode.AUTO)
    panel.tooltip(
        common.VizTooltipOptions()
        .mode(kinds.TooltipDisplayMode.MULTI)
        .sort(kinds.SortOrder.DESCENDING)
    )
    panel.legend(
        common.VizLegendOptions()
        .display_mode(kinds.LegendDisplayMode.LIST)
        .placement(kinds.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    if stacked:
        panel.stacking(common.StackingConfig().mode(kinds.StackingMode.NORMAL))
    if steps:
        panel.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(kinds.GraphThresholdsStyleMode.DASHED)
        )
    _paint(panel, colours or {})
    for place, query in enumerate(queries):
        panel.with_target(_target(place, query).range())
    return panel


def figure(
    text: Text, query: Query, steps: Steps = (), *, none: str = "", shows_name: bool = False
) -> stat.Panel:
    """One number: over the whole range, or the latest.

    Args:
        text: about it.
        query: an instant query.
        steps: thresholds.
        none: what stands there when there is no value and that is nothing to worry about.
        shows_name: the series' name instead of its value.
    """
    panel = finished(stat.Panel(), text, steps or ((None, BLUE),))
    panel.color_scheme(dashboards.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel.graph_mode(kinds.BigValueGraphMode.NONE)
    panel.color_mode(kinds.BigValueColorMode.VALUE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
    if shows_name:
        panel.text_mode(kinds.BigValueTextMode.NAME)
    if none:
        panel.no_value(none)
    return panel.with_target(_target(0, query).instant())


def bars(text: Text, query: Query, colour: str, *, of_buckets: bool = False) -> bargauge.Panel:
    """One bar for each series, over the whole range.

    Args:
        text: about it.
        query: an instant query.
        colour: of the bars.
        of_buckets: the series are a histogram's buckets, to be told apart from cumulative ones.
    """
    panel = finished(bargauge.Panel(), text, ((None, colour),))
    panel.color_scheme(
        dashboards.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(colour)
    )
    panel.orientation(kinds.VizOrientation.HORIZONTAL)
    panel.display_mode(kinds.BarGaugeDisplayMode.BASIC)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
    panel.min(0)
    target = _target(0, query).instant()
    if of_buckets:
        target.format(PromQueryFormat.HEATMAP)
    return panel.with_target(target)


def heat(text: Text, query: Query, values: str) -> heatmap.Panel:
    """How a histogram's values spread over time.

    Args:
        text: about it; its unit is that of a cell.
        query: a range query of buckets by ``le``.
        values: unit of the values, along the vertical axis.
    """
    panel = finished(heatmap.Panel(), text)
    panel.calculate(False)
    panel.color(
        heatmap.HeatmapColorOptions()
        .mode(heatmaps.HeatmapColorMode.SCHEME)
        .scheme(HEATMAP_SCHEME)
        .scale(heatmaps.HeatmapColorScale.EXPONENTIAL)
        .exponent(0.5)
        .steps(64)
    )
    panel.cell_gap(1)
    panel.cell_values(heatmap.CellValues().unit(text.unit))
    panel.y_axis(heatmap.YAxisConfig().unit(values).axis_placement(kinds.AxisPlacement.LEFT))
    panel.rows_frame(heatmap.RowsHeatmapOptions().layout(kinds.HeatmapCellLayout.AUTO))
    panel.tooltip(heatmap.HeatmapTooltip().mode(kinds.TooltipDisplayMode.SINGLE).y_histogram(True))
    panel.show_legend()
    panel.filter_values(heatmap.FilterValueRange().le(1e-9))
    target = _target(0, query).range().format(PromQueryFormat.HEATMAP)
    return panel.with_target(target)


def timeline(
    text: Text, query: Query, states: Mapping[str, tuple[str, str]]
) -> statetimeline.Panel:
    """What state each series was in.

    Args:
        text: about it.
        query: a range query.
        states: value → its name and its colour.
    """
    panel = finished(statetimeline.Panel(), text)
    panel.color_scheme(
        dashboards.FieldColor().mode(models.FieldColorModeId.FIXED).fixed_color(GOOD)
    )
    results = {
        value: models.ValueMappingResult(text=name, color=colour, index=place)
        for place, (value, (name, colour)) in enumerate(states.items())
    }
    panel.mappings([models.ValueMap(options=results)])
    panel.merge_values(True).show_value(kinds.VisibilityMode.AUTO).row_height(0.8)
    panel.fill_opacity(80).line_width(0)
    panel.legend(
        common.VizLegendOptions()
        .display_mode(kinds.LegendDisplayMode.LIST)
        .placement(kinds.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    return panel.with_target(_target(0, query).range())


def table_query(place: int, expr: str) -> prom.Dataquery:
    """A query whose labels become columns."""
    return _target(place, Query(expr)).instant().format(PromQueryFormat.TABLE)


def finished(panel: _Panel, text: Text, steps: Steps = ()) -> _Panel:
    """Give a panel the settings that all have."""
    _finish(panel, text, steps)
    return panel


def _finish(panel: AnyPanel, text: Text, steps: Steps) -> None:
    panel.title(text.title).description(text.description).unit(text.unit)
    panel.datasource(DATASOURCE).span(text.width).height(text.height)
    if steps:
        panel.thresholds(
            dashboards.ThresholdsConfig()
            .mode(models.ThresholdsMode.ABSOLUTE)
            .steps([models.Threshold(value, colour) for value, colour in steps])
        )


def _target(place: int, query: Query) -> prom.Dataquery:
    target = prom.Dataquery().datasource(DATASOURCE).ref_id(chr(ord("A") + place)).expr(query.expr)
    return target.legend_format(query.legend) if query.legend else target


def _shades(colour: str) -> dashboards.FieldColor:
    return dashboards.FieldColor().mode(models.FieldColorModeId.SHADES).fixed_color(colour)


def _paint(panel: AnyPanel, colours: Mapping[str, str]) -> None:
    for name, colour in colours.items():
        properties = [models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": colour})]
        if name.startswith("/"):
            panel.override_by_regexp(name, properties)
        else:
            panel.override_by_name(name, properties)
