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
