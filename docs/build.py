"""``python -m docs.build [--check]``: write the generated files, or fail where they are stale."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.build_schemas import schema_files
from docs.features_table import features_markdown

_DOCS = Path(__file__).parent


def generated_files() -> dict[Path, str]:
    """Path of every generated file → what it is to hold."""
    files = {_DOCS / "schemas" / name: content for name, content in schema_files().items()}
    files[_DOCS / "features.md"] = features_markdown()
    return files


def main(arguments: list[str]) -> int:
    """Write the files, or with ``--check`` compare them; returns the exit code."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m docs.build [--check]\n")
        return 2
    stale = [
        path
        for path, content in generated_files().items()
        if not path.is_file() or path.read_text() != content
    ]
    if arguments:
        for path in stale:
            sys.stderr.write(f"{path.relative_to(_DOCS.parent)} is out of date: run `make docs`\n")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(generated_files()[path])
        sys.stderr.write(f"wrote {path.relative_to(_DOCS.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
