"""The environment that the Quix Streams contenders run in, made when one of them is first run.

Quix Streams pins an older confluent-kafka than the worker uses, so both cannot live in one. The
environment is kept in the user's cache folder under the digest of its lock file: another lock file
is another environment.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from bench.results_file import say
from stack.artefacts import cache_folder
from stack.guard import exclusive

LOCK_FILE = Path(__file__).with_name("requirements-quix.txt")
_COMPLETE = "complete"


def environment_folder(lock: Path = LOCK_FILE) -> Path:
    """Where the environment of ``lock`` and of this Python is, or is to be."""
    version = f"py{sys.version_info.major}.{sys.version_info.minor}"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    return cache_folder() / f"quix-{version}-{digest}"


def quix_python(lock: Path = LOCK_FILE) -> str:
    """The interpreter of an environment with all that ``lock`` names.

    Raises:
        SystemExit: it could not be made; with what to do.
    """
    folder = environment_folder(lock)
    python = folder / "bin" / "python"
    if not (folder / _COMPLETE).is_file():
        waiting = "waiting for another one to make the environment of Quix Streams …"
        with exclusive(folder.with_name(f"{folder.name}.lock"), lambda: say(waiting)):
            if not (folder / _COMPLETE).is_file():
                try:
                    _make(folder, python, lock)
                except (OSError, subprocess.CalledProcessError) as error:
                    raise SystemExit(
                        f"the environment of Quix Streams could not be made ({error}): see above, "
                        "or leave its contenders out with --contenders"
                    ) from None
    return str(python)


def _make(folder: Path, python: Path, lock: Path) -> None:
    say(f"making the environment of Quix Streams, once, about 150 MB to fetch; kept in {folder}")
    shutil.rmtree(folder, ignore_errors=True)  # one that was not completed
    venv.create(folder, with_pip=True, symlinks=True)
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
    # The lock file is complete, and every file in it has its digest.
    subprocess.run([*pip, "--no-deps", "--require-hashes", "-r", str(lock)], check=True)
    (folder / _COMPLETE).touch()
