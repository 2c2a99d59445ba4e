"""``python -m grafana.build [--check]``: write ``dashboards/*.json``, or fail where stale."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

with warnings.catch_warnings():
    # The library would rather have the format that only Grafana 13 provisions from files.
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.builders.dashboard import Dashboard
    from grafana_foundation_sdk.cog.encoder import JSONEncoder

    from grafana import devices, geography, model, overview, pipeline

DASHBOARDS = Path(__file__).parent / "dashboards"


def built() -> dict[str, Dashboard]:
    """Name of each file → its dashboard."""
    return {
        "fraud-overview.json": overview.build(),
        "geography.json": geography.build(),
        "devices-and-browsers.json": devices.build(),
        "pipeline.json": pipeline.build(),
        "model.json": model.build(),
    }


def files() -> dict[Path, str]:
    """Path of every file → what it is to hold."""
    return {DASHBOARDS / name: _as_json(dashboard) for name, dashboard in built().items()}


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` compare them; returns the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m grafana.build [--check]\n")
        return 2
    wanted = files()
    stale = [
        path
        for path, content in wanted.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != content
    ]
    strange = sorted(set(DASHBOARDS.glob("*.json")) - wanted.keys())
    for path in strange:
        sys.stderr.write(f"{_shown(path)} is built by nothing: delete it\n")
    if arguments:
        for path in stale:
            sys.stderr.write(f"{_shown(path)} is out of date: run `python -m grafana.build`\n")
        return 1 if stale or strange else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
        sys.stderr.write(f"wrote {_shown(path)}\n")
    return 1 if strange else 0


def _as_json(dashboard: Dashboard) -> str:
    content: dict[str, Any] = json.loads(json.dumps(dashboard.build(), cls=JSONEncoder))
    for shown in (*content["links"], *content["annotations"].get("list", [])):
        del shown["placement"]  # the library always hides them in a menu
    for panel in content["panels"]:
        if panel["type"] == "table":
            del panel["options"]["footer"]  # the library's default is of older tables
    for variable in content["templating"]["list"]:
        for name in [name for name in variable if name.startswith("auto")]:
            del variable[name]  # of intervals, of which there are none
    return json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _shown(path: Path) -> str:
    return str(path.relative_to(DASHBOARDS.parent.parent))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
