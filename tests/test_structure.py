"""The house: imports run one way, files stay small, each name is written once."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from core import names
from tests.stream.forked import ROOT

#: What each room may import of ours (docs/adr/0003).
ALLOWED = {
    "core": {"core"},
    "features": {"core", "features"},
    "model": {"core", "features", "model"},
    "producer": {"core", "features", "producer"},
    "stream": {"core", "features", "model", "stream"},
    "views": {"core", "features", "model", "views"},
    "stack": {"core", "stack"},
    "cli": {"core", "features", "model", "producer", "stream", "views", "stack", "cli"},
}
#: The same inside ``views``: its own folder holds what all of them speak of.
VIEWS: dict[str, set[str]] = {
    "": set(),
    "file": set(),
    "readmodel": set(),
    "predicting": set(),
    "handling": {"readmodel"},
    "api": {"handling", "predicting", "readmodel"},
    "page": {"api"},
    "serving": {"api", "handling", "page", "predicting", "readmodel"},
}
FILES = [path for room in ALLOWED for path in sorted((ROOT / room).rglob("*.py"))]


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found & ALLOWED.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way_and_the_file_is_small(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    assert imported(path) <= ALLOWED[room]
    assert len(path.read_text().splitlines()) <= 400


def test_imports_run_one_way_inside_the_views() -> None:
    for path in (ROOT / "views").rglob("*.py"):
        room = path.relative_to(ROOT / "views").parent.parts[:1]
        assert rooms_of_views(path) <= {"", *room} | VIEWS[room[0] if room else ""], path


def rooms_of_views(path: Path) -> set[str]:
    modules = {
        module
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
        for module in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        if module.startswith("views.")
    }
    return {one.split(".")[1] for one in modules} & VIEWS.keys()


@pytest.mark.parametrize("name", ["fraud-alerts", "fraud-scores", "transactions-dlq"])
def test_topic_names_are_written_once(name: str) -> None:
    def literals(path: Path) -> set[str]:
        return {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }

    holders = [path for path in FILES if name in literals(path)]
    assert holders == [Path(names.__file__)]
