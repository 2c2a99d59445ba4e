"""YAML from people as plain nodes with their lines, and nothing that could harm.

Tags make nothing (no object is constructed), anchors and aliases are refused (a few lines could
stand for billions), and so is what is too large or too deep.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from core.errors import RulesError

#: Largest file in bytes.
MAX_BYTES = 262_144
#: A list of rules, each of plain values, is two deep.
_MAX_DEPTH = 4
#: The parser in C where there is one: the same language, ten times as fast.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_bytes(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        RulesError: it cannot be read, or is too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise RulesError(
            f"rules {path}: {reason}: set FRAUDSTREAM_RULES to a file, or to nothing"
        ) from None
    if len(content) > MAX_BYTES:
        raise RulesError(
            f"rules {path}: larger than {MAX_BYTES:,} bytes: put long lists of devices, addresses, "
            "countries or users into `fraudstream lists`"
        )
    return content


def compose(content: bytes, path: Path) -> yaml.Node | None:
    """The root node of the one document in a file; None where it is empty.

    Raises:
        RulesError: it is no YAML, or holds what is refused; names the line.
    """
    try:
        _refuse_harmful(content, path)
        root: yaml.Node | None = yaml.compose(content, Loader=_LOADER)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or error
        raise RulesError(
            f"rules {where}: this is not YAML: {problem}; a condition with `: ` or ` #` in it "
            "wants quotes around it"
        ) from None
    return root


def _refuse_harmful(content: bytes, path: Path) -> None:
    depth = 0
    for event in yaml.parse(content, Loader=_LOADER):
        mark: Any = event.start_mark
        line = mark.line + 1
        if getattr(event, "anchor", None) is not None:
            raise RulesError(
                f"rules {path}:{line}: anchors and aliases (& and *) are not allowed: write the "
                "value out, and a condition that begins with one of these signs in quotes"
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise RulesError(
                f"rules {path}:{line}: nested deeper than a list of rules is; see docs/rules.md"
            )
