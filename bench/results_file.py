"""Where benchmark results go, and what is written beside the figures."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import typer

RESULTS = Path(__file__).parent / "results"
_LIBRARIES = (
    "faust-streaming", "aiokafka", "confluent-kafka", "redis", "onnxruntime", "numpy", "numba",
    "pandas", "pyarrow",
)  # fmt: skip


def surroundings() -> dict[str, Any]:
    """What the figures hang on: machine, versions and commit."""
    return {
        "machine": f"{platform.machine()}, {psutil.cpu_count()} cores, {platform.system()}",
        "versions": {"python": platform.python_version()}
        | {one: version(one) for one in _LIBRARIES},
        "commit": subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
        ).stdout.strip(),
    }


def keep(
    name: str, result: dict[str, Any], as_text: Callable[[dict[str, Any] | None], str]
) -> None:
    """Write ``results/NAME.json`` and ``.md`` and print the text.

    Args:
        name: of the benchmark.
        result: the figures.
        as_text: Markdown of the figures, given the result that was kept before, if any.
    """
    RESULTS.mkdir(exist_ok=True)
    latest = RESULTS / f"{name}.json"
    before = json.loads(latest.read_text()) if latest.is_file() else None
    text = as_text(before)
    latest.write_text(json.dumps(result, indent=2) + "\n")
    (RESULTS / f"{name}.md").write_text(text)
    typer.echo(text)


def say(text: str) -> None:
    """Tell whoever waits how far it is."""
    typer.echo(text, err=True)
