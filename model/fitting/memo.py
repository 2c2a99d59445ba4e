"""What an interrupted training had found already.

Fitting takes minutes; a run that was stopped finds its results again if it asks for the same. They
lie in one folder for each question (data, seed, budget, library versions), which goes when the
question is answered.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


class Memo:
    """Results by name, below one folder; several threads may use it.

    Args:
        folder: None: nothing is remembered.
        prefix: of every name.
    """

    def __init__(self, folder: Path | None, prefix: str = "") -> None:
        self._folder = folder
        self._prefix = prefix

    def part(self, name: str) -> Memo:
        """The same with names of its own."""
        return Memo(self._folder, f"{self._prefix}{name}|")

    def recall(self, name: str, compute: Callable[[], Arrays]) -> Arrays:
        """What ``compute`` gives, or gave an earlier run."""
        if self._folder is None:
            return compute()
        digest = hashlib.sha256((self._prefix + name).encode()).hexdigest()[:32]
        path = self._folder / f"{digest}.npz"
        try:
            with np.load(path, allow_pickle=False) as found:
                return {key: found[key] for key in found.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile):
            pass  # not there yet, or cut off: it is made anew
        made = compute()
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self._folder, suffix=".part")
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **made)  # type: ignore[arg-type]
        os.replace(temporary, path)
        return made

    def forget(self) -> None:
        """The question is answered."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
