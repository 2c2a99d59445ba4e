"""Dashboards hold to the published schema of their kind, and panels to that of their options."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from grafana.expressions import dashboards, panels_of

SCHEMA = json.loads((Path(__file__).parent / "schema" / "grafana-12.2.0.json").read_text("utf-8"))
FILES = dashboards()
#: Read by the Prometheus data source, which the kind leaves open.
OF_PROMETHEUS = ("titleFormat", "textFormat", "tagKeys")


def problems(schema: dict[str, Any], value: object) -> list[str]:
    found = Draft7Validator(schema).iter_errors(value)
    return [f"{'/'.join(map(str, one.absolute_path))}: {one.message[:300]}" for one in found]


def as_published(dashboard: dict[str, Any]) -> dict[str, Any]:
    """Without what data sources add, for which the published types have no room."""
    copy = deepcopy(dashboard)
    for annotation in copy["annotations"].get("list", []):
        for name in OF_PROMETHEUS:
            annotation.pop(name, None)
        # Targets of annotations are typed as Grafana's own; those of a data source are its matter.
        annotation["target"] = {"limit": 100, "matchAny": False, "tags": [], "type": "tags"}
        annotation["builtIn"] = int(annotation["builtIn"])
    return copy


@pytest.mark.parametrize("name", FILES)
def test_a_dashboard_fits_the_schema_of_its_kind(name: str) -> None:
    assert FILES[name]["schemaVersion"] == 42
    assert problems(SCHEMA["dashboard"], as_published(FILES[name])) == []


def every_panel() -> Iterator[Any]:
    for dashboard in FILES.values():
        for panel in panels_of(dashboard):
            yield pytest.param(panel, id=f"{dashboard['title']}: {panel['title']}")


@pytest.mark.parametrize("panel", [*every_panel()])
def test_a_panel_fits_the_schema_of_its_options(panel: dict[str, Any]) -> None:
    assert problems(SCHEMA["options"][panel["type"]], panel["options"]) == []
    custom = panel["fieldConfig"]["defaults"].get("custom", {})
    if panel["type"] in SCHEMA["fieldConfig"]:
        assert problems(SCHEMA["fieldConfig"][panel["type"]], custom) == []
    else:
        assert custom == {}


def test_the_schema_refuses_what_it_does_not_know() -> None:
    wrong = as_published(FILES["model.json"])
    wrong["panels"][1]["gridPos"] = {"h": "tall"}
    wrong["editible"] = False
    assert len(problems(SCHEMA["dashboard"], wrong)) >= 2
