"""Blocks of the Prometheus database from text, by the program that comes with Prometheus."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from core.errors import StackError

#: Length of a block. promtool reads a whole text once for every block it makes, so a text never
#: spans two of them; Prometheus merges short blocks by itself, and this is a length it knows
#: (2 h × 3⁴).
BLOCK_S = 162 * 3600


def find_program(name: str) -> str:
    """Path of ``prometheus`` or ``promtool``.

    Raises:
        StackError: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise StackError(
            f"{name} is not on PATH: install Prometheus, which brings it (Debian and Ubuntu: the "
            "package prometheus)"
        )
    return found


def create_blocks(text: Path, folder: Path) -> None:
    """Turn OpenMetrics text into blocks below ``folder``.

    Raises:
        StackError: promtool is missing or refuses the text.
    """
    done = subprocess.run(
        [
            find_program("promtool"), "tsdb", "create-blocks-from",
            f"--max-block-duration={BLOCK_S // 3600}h", "--quiet", "openmetrics", text, folder,
        ],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )  # fmt: skip
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise StackError(f"promtool could not make blocks in {folder}: {' '.join(said)}")
