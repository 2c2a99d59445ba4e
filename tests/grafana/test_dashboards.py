"""What holds for all dashboards together: addresses, places, links, variables, colours, words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import combinations
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from features.declared import BROWSERS, SOURCES
from grafana import palette
from grafana.expressions import dashboards, expressions, panels_of
from tests.stream.forked import ROOT

FILES = dashboards()
EVERY_FILE = pytest.mark.parametrize("dashboard", FILES.values(), ids=FILES.keys())
BY_UID = {dashboard["uid"]: dashboard for dashboard in FILES.values()}


def variables(dashboard: dict[str, Any]) -> set[str]:
    return {one["name"] for one in dashboard["templating"]["list"]}


def strings(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)
    elif isinstance(value, str):
        yield value


def test_the_five_dashboards_have_addresses_of_their_own() -> None:
    assert sorted(one["title"] for one in FILES.values()) == [
        "Devices and browsers", "Fraud overview", "Geography", "Model", "Pipeline",
    ]  # fmt: skip
    assert len(BY_UID) == 5
    assert all(re.fullmatch(r"[a-z-]{8,40}", uid) for uid in BY_UID)


@EVERY_FILE
def test_panels_have_ids_and_titles_of_their_own(dashboard: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in dashboard["panels"]]
    titles = [panel["title"] for panel in panels_of(dashboard)]
    assert len(set(ids)) == len(ids)
    assert len(set(titles)) == len(titles)


@EVERY_FILE
def test_panels_lie_side_by_side_on_the_grid(dashboard: dict[str, Any]) -> None:
    boxes = [panel["gridPos"] for panel in dashboard["panels"]]
    for box in boxes:
        assert box["w"] > 0
        assert box["h"] > 0
        assert 0 <= box["x"] <= box["x"] + box["w"] <= 24
    for one, other in combinations(boxes, 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    assert sum(box["w"] * box["h"] for box in boxes) == 24 * max(
        box["y"] + box["h"] for box in boxes
    ), "there is a hole in the grid"


@EVERY_FILE
def test_every_variable_that_is_used_is_there_and_the_other_way_round(
    dashboard: dict[str, Any],
) -> None:
    text = " ".join(strings(dashboard))
    used = {one or other for one, other in re.findall(r"\$(?:\{(\w+)|(\w+))", text)}
    asked = {name for name in used if not name.startswith("__")}
    carried = {"datasource", "job", "instance", "profile"}  # by links; other dashboards have them
    assert asked <= variables(dashboard) | carried
    in_queries = {
        name
        for target in strings([panel["targets"] for panel in panels_of(dashboard)])
        for name in re.findall(r"\$\{?([a-z]\w*)", target)
    }
    assert in_queries == variables(dashboard)


def links(dashboard: dict[str, Any]) -> Iterator[str]:
    for panel in panels_of(dashboard):
        for override in panel["fieldConfig"]["overrides"]:
            for one in override["properties"]:
                if one["id"] == "links":
                    yield from (link["url"] for link in one["value"])


@EVERY_FILE
def test_links_lead_to_dashboards_and_keep_time_and_choices(dashboard: dict[str, Any]) -> None:
    (menu,) = dashboard["links"]
    assert menu["type"] == "dashboards"
    assert menu["keepTime"]
    assert menu["includeVars"]
    assert all(set(menu["tags"]) <= set(one["tags"]) for one in FILES.values())
    for url in links(dashboard):
        path, query = urlsplit(url).path, urlsplit(url).query
        target = BY_UID[path.removeprefix("/d/")]
        carried = set(re.findall(r"\$\{(\w+):queryparam\}", query))
        assert carried >= {"datasource", "job", "instance"}
        chosen = {key.removeprefix("var-") for key, _ in parse_qsl(query) if key.startswith("var-")}
        assert carried | chosen <= variables(target)
        assert "${__url_time_range}" in query


def test_tables_and_the_map_of_the_overview_lead_on() -> None:
    found = [*links(FILES["fraud-overview.json"])]
    chosen = [re.search(r"var-(\w+)=\$\{__data\.fields\[\"(\w+)\"\]\}", url) for url in found]
    assert [one.groups() for one in chosen if one] == [
        ("country", "Country"),
        ("country", "Country"),
        ("browser", "Browser"),
        ("source", "Source"),
    ]


@EVERY_FILE
def test_links_use_columns_that_the_table_has(dashboard: dict[str, Any]) -> None:
    for panel in panels_of(dashboard):
        organised = [one for one in panel.get("transformations", []) if one["id"] == "organize"]
        renamed = {name for one in organised for name in one["options"]["renameByName"].values()}
        steps = {one["id"]: one["options"] for one in panel.get("transformations", [])}
        computed = {steps[name]["alias"] for name in steps if name == "calculateField"}
        for override in panel["fieldConfig"]["overrides"]:
            if organised:
                assert override["matcher"]["options"] in renamed | computed
        for url in links({"panels": [panel]}):
            assert set(re.findall(r'fields\["(\w+)"\]', url)) <= renamed


def test_shares_of_tables_and_maps_are_computed_from_their_columns() -> None:
    seen = 0
    for panel in (panel for one in FILES.values() for panel in panels_of(one)):
        if panel["type"] not in ("table", "geomap"):
            continue
        steps = {one["id"]: one["options"] for one in panel["transformations"]}
        assert [one["id"] for one in panel["transformations"]] == [
            "merge", "organize", "calculateField", "filterByValue",
        ]  # fmt: skip
        renamed = steps["organize"]["renameByName"]
        refs = {name: key.split("#")[1] for key, name in renamed.items() if "#" in key}
        asked = {target["refId"]: target["expr"] for target in panel["targets"]}
        assert set(refs.values()) == set(asked)
        parts = steps["calculateField"]["binary"]
        for side, word in (("left", "_alerts_total"), ("right", "_transactions_total")):
            assert word in asked[refs[parts[side]["matcher"]["options"]]]
        assert {one["fieldName"] for one in steps["filterByValue"]["filters"]} <= set(refs)
        seen += 1
    assert seen == 8


def test_no_data_source_has_its_name_in_a_dashboard() -> None:
    for dashboard in FILES.values():
        text = json.dumps(dashboard)
        assert set(re.findall(r'"uid": "([^"]+)"', text)) == {"${datasource}", dashboard["uid"]}


@EVERY_FILE
def test_colours_are_those_of_the_palette(dashboard: dict[str, Any]) -> None:
    found = {text for text in strings(dashboard) if re.fullmatch(r"#[0-9A-Fa-f]{6}", text)}
    assert found
    assert found <= set(palette.OKABE_ITO)
    modes = set(re.findall(r'"mode": "(palette[\w-]*|continuous[\w-]*)"', json.dumps(dashboard)))
    assert modes == set()
    schemes = {
        p["options"]["color"]["scheme"] for p in panels_of(dashboard) if p["type"] == "heatmap"
    }
    assert schemes <= {"Cividis"}


def test_every_browser_and_source_has_a_colour_of_its_own() -> None:
    for title, names in (
        ("Transactions per hour by browser", BROWSERS),
        ("Transactions per hour by source", SOURCES),
    ):
        (panel,) = (p for p in panels_of(FILES["devices-and-browsers.json"]) if p["title"] == title)
        colours = {
            one["matcher"]["options"]: one["properties"][0]["value"]["fixedColor"]
            for one in panel["fieldConfig"]["overrides"]
        }
        assert set(colours) == set(names)
        assert len(set(colours.values())) == len(names)


def test_the_map_fetches_nothing_from_the_internet() -> None:
    maps = [p for one in FILES.values() for p in panels_of(one) if p["type"] == "geomap"]
    assert len(maps) == 2
    for panel in maps:
        base = panel["options"]["basemap"]
        assert (base["type"], base["config"]["src"]) == ("geojson", "public/maps/countries.geojson")
        (layer,) = panel["options"]["layers"]
        assert layer["location"] == {
            "mode": "lookup",
            "lookup": "Country",
            "gazetteer": "public/gazetteer/countries.json",
        }
    assert all("://" not in text for one in FILES.values() for text in strings(one))


def test_restarts_and_rebalances_are_annotations_of_the_pipeline() -> None:
    found = FILES["pipeline.json"]["annotations"]["list"]
    assert [one["name"] for one in found] == ["Restarts", "Rebalances"]
    for one in found:
        assert one["enable"]
        assert one["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_the_operations_page_explains_every_panel() -> None:
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    page = page.split("\n## Dashboards\n")[1].split("\n## ")[0]
    for dashboard in FILES.values():
        section = page.split(f"\n### {dashboard['title']}\n")[1].split("\n### ")[0]
        rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", section, re.MULTILINE)
        explained = [name for name, what, todo in rows if len(what) > 5 and len(todo) > 5]
        assert explained[1:] == [panel["title"] for panel in panels_of(dashboard)]


def test_every_query_that_is_written_is_asked() -> None:
    written = sum(len(p["targets"]) for one in FILES.values() for p in panels_of(one))
    asked = [one for one in expressions() if one.kind in ("instant", "range")]
    assert len(asked) == written > 90
