"""Lock files as a test reads them."""

from __future__ import annotations

import re
from pathlib import Path

from packaging.markers import Marker

_ENTRY = re.compile(
    r"^([a-z0-9._-]+)==(\S+?)(?: ; ([^\\\n]+?))? \\\n((?:    --hash=\S+(?: \\)?\n)+)", re.MULTILINE
)


def entries(lock: Path) -> dict[tuple[str, str], str]:
    """(name, version) → hashes, of all platforms."""
    text = lock.read_text("utf-8")
    found = {(name, version): hashes for name, version, _, hashes in _ENTRY.findall(text)}
    assert len(found) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE)), "not all was understood"
    return found


def names_here(lock: Path) -> list[str]:
    """Names of what is installed of it on a machine like this one."""
    found = _ENTRY.findall(lock.read_text("utf-8"))
    return [name for name, _, marker, _ in found if not marker or Marker(marker).evaluate()]
