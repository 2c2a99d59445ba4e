"""What all dashboards share: variables, annotations, links, time range and tags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import dashboard as dashboards
from grafana_foundation_sdk.builders import prometheus as prom
from grafana_foundation_sdk.models import dashboard as models

from core import metrics
from grafana import queries
from grafana.palette import BLUE, PURPLE
from grafana.panels import DATASOURCE, AnyPanel

TAG = "fraudstream"
#: Matches every value: the series of the product have all labels that are asked for.
ALL = ".+"

OVERVIEW_UID = "fraudstream-overview"
GEOGRAPHY_UID = "fraudstream-geography"
DEVICES_UID = "fraudstream-devices"
PIPELINE_UID = "fraudstream-pipeline"
MODEL_UID = "fraudstream-model"

_CARRIED = ("datasource", "job", "instance", "profile")


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading."""

    title: str
    panels: Sequence[AnyPanel]


@dataclass(frozen=True, slots=True)
class Choice:
    """A variable that lists the values a label has.

    Attributes:
        name: of the variable and of the label.
        label: as people read it.
        metric: where the values are found.
        within: variables that narrow the list.
    """

    name: str
    label: str
    metric: metrics.Metric
    within: tuple[str, ...] = ("job", "instance")


PROFILE = Choice("profile", "Profile", metrics.TRANSACTIONS)


def dashboard(
    uid: str,
    title: str,
    description: str,
    rows: Sequence[Row],
    choices: Sequence[Choice],
    annotations: Sequence[dashboards.AnnotationQuery] = (),
) -> dashboards.Dashboard:
    """A dashboard with everything that is common to all.

    Args:
        uid: its address; others link to it.
        title: its name.
        description: what it is for.
        rows: its panels.
        choices: variables beside ``datasource``, ``job`` and ``instance``.
        annotations: events drawn over its panels.
    """
    built = (
        dashboards.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .time("now-6h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .timepicker(
            dashboards.TimePicker().refresh_intervals(["5s", "30s", "1m", "5m", "15m", "1h"])
        )
        .link(
            dashboards.DashboardLink("Fraudstream")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .tooltip("The other dashboards, with the same time range and choices")
            .keep_time(True)
            .include_vars(True)
        )
    )
    built.with_variable(
        dashboards.DatasourceVariable("datasource")
        .label("Data source")
        .description("A Prometheus: that of now, or one with backfilled history")
        .type("prometheus")
        .current(models.VariableOption(text="default", value="default"))
    )
    for choice in (
        Choice("job", "Job", metrics.TRANSACTIONS, ()),
        Choice("instance", "Instance", metrics.TRANSACTIONS, ("job",)),
        *choices,
    ):
        built.with_variable(_variable(choice))
    for annotation in annotations:
        built.annotation(annotation)
    ids = iter(range(1, 1000))
    for row in rows:
        built.with_row(dashboards.Row(row.title).id(next(ids)))
        for panel in row.panels:
            built.with_panel(panel.id(next(ids)))
    return built


def link_to(uid: str, title: str, variable: str, field: str) -> list[dict[str, Any]]:
    """A link from a table's cell: the same time range and choices, and the value of a column.

    Args:
        uid: of the dashboard it leads to.
        title: of the link.
        variable: that takes the value.
        field: column that holds it.
    """
    carried = "&".join(f"${{{name}:queryparam}}" for name in _CARRIED)
    chosen = f'var-{variable}=${{__data.fields["{field}"]}}'
    return [{"title": title, "url": f"/d/{uid}?{carried}&{chosen}&${{__url_time_range}}"}]


def restarts() -> dashboards.AnnotationQuery:
    """Where a worker's process began anew."""
    started = queries.process(queries.STARTED)
    return _annotation(
        "Restarts", f"changes({started}[{queries.RATE}]) > 0", "Worker restarted", BLUE
    )


def rebalances() -> dashboards.AnnotationQuery:
    """Where partitions were taken from a worker."""
    revoked = queries.of(metrics.REBALANCES)
    expr = f"increase({revoked}[{queries.RATE}]) > 0"
    return _annotation("Rebalances", expr, "Partitions revoked", PURPLE)


def _annotation(name: str, expr: str, title: str, colour: str) -> dashboards.AnnotationQuery:
    target = prom.Dataquery().datasource(DATASOURCE).ref_id("Anno").expr(expr).range()
    return (
        dashboards.AnnotationQuery()
        .name(name)
        .datasource(DATASOURCE)
        .enable(True)
        .hide(False)
        .icon_color(colour)
        .target(target)
        .title_format(title)
        .text_format("{{instance}}")
        .tag_keys("instance")
    )


def _variable(choice: Choice) -> dashboards.QueryVariable:
    limits = ", ".join(f'{name}=~"${name}"' for name in choice.within)
    series = choice.metric.series[-1]
    chosen = f"{series}{{{limits}}}" if limits else series
    query = f"label_values({chosen}, {choice.name})"
    return (
        dashboards.QueryVariable(choice.name)
        .label(choice.label)
        .datasource(DATASOURCE)
        .query({"query": query, "refId": "Variable"})
        .multi(True)
        .include_all(True)
        .all_value(ALL)
        .current(models.VariableOption(text="All", value="$__all"))
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )
