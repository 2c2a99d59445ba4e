"""Events and alerts by a label's values: a table, and a map where the values are countries."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.builders import common, geomap, table
from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import geomap as maps

from core.metrics import COUNTRY_ALERTS, COUNTRY_TRANSACTIONS, Metric
from core.metrics import TRANSACTIONS as EVERYTHING
from grafana.frame import link_to
from grafana.palette import ALERTS, BAD, BLUE, GREY, WATCH
from grafana.panels import AnyPanel, Text, finished, table_query
from grafana.queries import of, total

TRANSACTIONS, COUNT, SHARE, RATE = "Transactions", "Alerts", "Share of transactions", "Alert share"
#: Alert shares from which a value deserves a look, and from which it stands out.
RATE_STEPS = ((None, BLUE), (0.1, WATCH), (0.25, BAD))


def by_label(
    text: Text,
    label: str,
    heading: str,
    transactions: Metric,
    alerts: Metric,
    *chosen: str,
    link: str = "",
    shares: bool = True,
) -> table.Panel:
    """A table: value, events, their share of all, alerts, share of alerts; most alerts first.

    Args:
        text: about it.
        label: whose values are its rows.
        heading: of the first column.
        transactions: counter of events.
        alerts: counter of alerts.
        chosen: variables that narrow it.
        link: uid of the dashboard that tells more about a value.
        shares: whether it has the column of shares of all events.
    """
    panel = finished(table.Panel(), text, ((None, BLUE),))
    events = total(of(transactions, *chosen), label)
    queries = {TRANSACTIONS: events, COUNT: total(of(alerts, *chosen), label)}
    if shares:
        queries[SHARE] = f"{events} / scalar({total(of(EVERYTHING))} > 0)"
    _fill(panel, label, heading, queries)
    panel.sort_by([common.TableSortByFieldState().display_name(COUNT).desc(True)])
    panel.cell_height(kinds.TableCellHeight.SM).cell_options(kinds.TableAutoCellOptions())
    panel.override_by_name(TRANSACTIONS, [_property("decimals", 0)])
    panel.override_by_name(COUNT, [_property("decimals", 0)])
    if shares:
        panel.override_by_name(SHARE, _share_cell(BLUE))
    panel.override_by_name(RATE, _share_cell(ALERTS))
    if link:
        links = link_to(link, f"More about this {label}", label, heading)
        panel.override_by_name(heading, [_property("links", links)])
    return panel


def world(text: Text, *chosen: str, link: str = "") -> geomap.Panel:
    """A map: a marker for each country that had events, the larger the more alerts.

    Its ground is the outlines that come with Grafana: no tile is fetched from the internet.

    Args:
        text: about it.
        chosen: variables that narrow it.
        link: uid of the dashboard that tells more about a country.
    """
    panel = finished(geomap.Panel(), text, RATE_STEPS)
    queries = {
        name: total(of(metric, *chosen, fixed='country!="unknown"'), "country")
        for name, metric in ((TRANSACTIONS, COUNTRY_TRANSACTIONS), (COUNT, COUNTRY_ALERTS))
    }
    _fill(panel, "country", "Country", queries)
    panel.color_scheme(dashboards.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    panel.override_by_name(RATE, [_property("unit", "percentunit"), _property("decimals", 1)])
    panel.override_by_name(TRANSACTIONS, [_property("decimals", 0)])
    panel.override_by_name(COUNT, [_property("decimals", 0)])
    if link:
        links = link_to(link, "More about this country", "country", "Country")
        panel.override_by_name("Country", [_property("links", links)])
    panel.view(geomap.MapViewConfig().id("zero").lat(20).lon(0).zoom(1).all_layers(True))
    panel.controls(
        geomap.ControlsOptions().show_zoom(True).mouse_wheel_zoom(False).show_attribution(False)
    )
    panel.tooltip(geomap.TooltipOptions().mode(maps.TooltipMode.DETAILS))
    panel.basemap(
        common.MapLayerOptions()
        .type("geojson")
        .name("Outlines")
        .config(
            {"src": "public/maps/countries.geojson", "rules": [], "style": _fixed(GREY, 3, 0.1)}
        )
    )
    panel.layers([_markers()])
    return panel


def _markers() -> common.MapLayerOptions:
    style = {
        **_fixed(BLUE, 6, 0.7),
        "size": {"field": COUNT, "fixed": 6, "min": 4, "max": 24},
        "color": {"field": RATE, "fixed": BLUE},
    }
    return (
        common.MapLayerOptions()
        .type("markers")
        .name("Alerts")
        .config({"showLegend": True, "style": style})
        .location(
            common.FrameGeometrySource()
            .mode(kinds.FrameGeometrySourceMode.LOOKUP)
            .lookup("Country")
            .gazetteer("public/gazetteer/countries.json")
        )
        .tooltip(True)
    )


def _fixed(colour: str, size: float, opacity: float) -> dict[str, Any]:
    return {
        "color": {"fixed": colour},
        "opacity": opacity,
        "size": {"fixed": size, "min": 2, "max": 15},
        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/circle.svg"},
        "lineWidth": 1,
    }


def _fill(panel: AnyPanel, label: str, heading: str, queries: dict[str, str]) -> None:
    """Queries, and the steps that make one table of their answers.

    The share of alerts is computed by Grafana: asked of Prometheus, it would read both families of
    series once more, which for all countries over a month is most of the work.
    """
    columns = {}
    for place, (name, expr) in enumerate(queries.items()):
        target = table_query(place, expr)
        columns[f"Value #{target.build().ref_id}"] = name
        panel.with_target(target)
    order = ("Time", label, *columns)
    steps: dict[str, dict[str, Any]] = {
        "merge": {},
        "organize": {
            "excludeByName": {"Time": True},
            "indexByName": {name: place for place, name in enumerate(order)},
            "renameByName": {label: heading, **columns},
        },
        "calculateField": {
            "mode": "binary",
            "alias": RATE,
            "binary": {"left": _column(COUNT), "operator": "/", "right": _column(TRANSACTIONS)},
        },
        "filterByValue": {
            "type": "include",
            "match": "all",
            "filters": [
                {"fieldName": TRANSACTIONS, "config": {"id": "greater", "options": {"value": 0}}}
            ],
        },
    }
    for name, options in steps.items():
        panel.with_transformation(models.DataTransformerConfig(name, options=options))


def _column(name: str) -> dict[str, Any]:
    return {"matcher": {"id": "byName", "options": name}}


def _share_cell(colour: str) -> list[models.DynamicConfigValue]:
    return [
        _property("unit", "percentunit"),
        _property("decimals", 1),
        _property("min", 0),
        _property("max", 1),
        _property("color", {"mode": "fixed", "fixedColor": colour}),
        _property("custom.cellOptions", {"type": "gauge", "mode": "basic"}),
    ]


def _property(name: str, value: object) -> models.DynamicConfigValue:
    return models.DynamicConfigValue(name, value)
