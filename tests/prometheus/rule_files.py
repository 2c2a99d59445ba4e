"""What is in ``prometheus/``, and the programs that read it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.stream.forked import ROOT

FOLDER = ROOT / "prometheus"
RULE_FILES = sorted((FOLDER / "rules").glob("*.yml"))
TEST_FILES = sorted((FOLDER / "tests").glob("*.yml"))
ALERTMANAGER = FOLDER / "alertmanager.yml"


def rules(kind: str) -> list[dict[str, Any]]:
    """All rules of a kind: ``record`` or ``alert``."""
    return [
        rule
        for path in RULE_FILES
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if kind in rule
    ]


def cases(kind: str) -> list[dict[str, Any]]:
    """All cases of the test files: of ``alert_rule_test`` or ``promql_expr_test``."""
    return [
        case
        for path in TEST_FILES
        for test in yaml.safe_load(path.read_text())["tests"]
        for case in test.get(kind, ())
    ]


def program(*names: str) -> str:
    """The first of ``names`` that is installed; Debian calls some otherwise than their makers."""
    for name in names:
        if found := shutil.which(name):
            return found
    pytest.skip(f"{names[0]} is not installed")


def run(*arguments: str | Path) -> str:
    """What a program says; the test fails with it when the program fails."""
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
