"""Files that appear complete or not at all.

Promise: what is written under the hidden name takes the file's own name in one step, when all went
well. When it fails or is cut short, a file that was there before is untouched and no half file has
its name.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import ConfigError, DataError


def check_place(path: Path, option: str, example: str, *inputs: Path | None) -> None:
    """Refuse a place that cannot be written, before anything is read.

    Args:
        path: where the file is to go.
        option: that named it, for the message.
        example: a good name, for the message.
        inputs: files that must not be overwritten; None is none.

    Raises:
        ConfigError: it is one of the inputs, a folder or device, or in no folder that exists.
        DataError: nothing can be written there.
    """
    for other in inputs:
        if other is not None and _same(path, other):
            raise ConfigError(f"{option} {path} would overwrite {other}: choose another name")
    with _disk_errors(path, option):
        if path.exists() and not path.is_file():
            raise ConfigError(
                f"{option} {path} is a folder or device: name a file, such as {example}"
            )
        if not path.resolve().parent.is_dir():
            raise ConfigError(
                f"{option} {path}: folder {path.parent} does not exist: create it first"
            )
        hidden = _hidden(path)
        with _removed(hidden):
            hidden.touch()


@contextmanager
def whole_file(path: Path, option: str) -> Iterator[Path]:
    """The hidden file beside ``path`` to write into; it takes that name at the end.

    Raises:
        DataError: the disk refuses (full, read-only).
    """
    hidden = _hidden(path)
    with _disk_errors(path, option), _removed(hidden):
        yield hidden
        os.replace(hidden, path.resolve())


def _hidden(path: Path) -> Path:
    target = path.resolve()
    return target.with_name(f".{target.name}.{os.getpid()}.part")


@contextmanager
def _removed(hidden: Path) -> Iterator[None]:
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            hidden.unlink(missing_ok=True)


@contextmanager
def _disk_errors(path: Path, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error.strerror or error}: free some space or choose another "
            f"{option}"
        ) from None


def _same(path: Path, other: Path) -> bool:
    try:
        return path.resolve() == other.resolve() or path.samefile(other)
    except OSError:
        return False
