"""Blocks of history in the folder of a Prometheus, each file's at most once.

Promise: after ``install`` the folder holds the samples of the new blocks and none that an earlier
call put there for the same file; nothing else is touched. A call that is cut short is undone by the
next one. How it works:

1. ``fraudstream-history.json`` in the folder says which blocks belong to which file. It names the
   new blocks before the first is moved, and forgets the old ones when the last is gone.
2. Prometheus merges blocks. Its merged block names those it came from: it is the file's own when
   all of them are.
3. New blocks are renamed into the folder, whole; a Prometheus that works there sees them when it
   looks at its folder again, which it does every minute.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import ConfigError, StackError
from stack.guard import exclusive

_RECORD = "fraudstream-history.json"
_LOCK = "fraudstream-history.lock"
_STAGING = ".fraudstream-history-"
_BLOCK = re.compile(r"[0-9A-HJKMNP-TV-Z]{26}")
#: What a Prometheus that has run leaves in its folder.
_SIGNS = ("wal", "chunks_head", "queries.active", "lock")


def check_data_folder(folder: Path, *, create: bool) -> None:
    """Refuse what is not the data folder of a Prometheus.

    Args:
        folder: ``--storage.tsdb.path`` of the server.
        create: make it if it is missing: its server has not run yet.

    Raises:
        ConfigError: it is missing, or something else.
        StackError: it cannot be made.
    """
    if create and not folder.exists():
        with _disk_errors(folder):
            folder.mkdir(parents=True)
    if not folder.is_dir():
        raise ConfigError(
            f"--data {folder} is no folder: name the one that Prometheus was given as "
            "--storage.tsdb.path"
        )
    with _disk_errors(folder):
        names = {path.name for path in folder.iterdir()}
    known = any(name in _SIGNS or _BLOCK.fullmatch(name) for name in names)
    if names and not known and not any(name.startswith("fraudstream-history.") for name in names):
        raise ConfigError(
            f"--data {folder} holds {min(names)} and nothing of a Prometheus: name the folder that "
            "Prometheus was given as --storage.tsdb.path"
        )


class HistoryBlocks:
    """Installs blocks into a data folder; made by ``history_blocks``.

    Attributes:
        staging: a folder on the same disk, gone at the end.
    """

    def __init__(self, folder: Path, staging: Path) -> None:
        self._folder = folder
        self._record = folder / _RECORD
        self.staging = staging

    def holds(self, file_name: str, content: str) -> bool:
        """Whether exactly this is there already, merged or not."""
        known = self._known().get(file_name, {})
        if known.get("content") != content:
            return False
        there: set[str] = set().union(*self._sources().values())
        return set(known["blocks"]) <= there

    def install(self, file_name: str, content: str, blocks: Sequence[Path]) -> int:
        """Put blocks in the place of those the file had; gives their number.

        Args:
            file_name: whose history it is.
            content: what tells this history from another one of the file.
            blocks: their folders, on the disk of ``staging``.

        Raises:
            StackError: old blocks were merged with something else, or the disk refuses.
        """
        with _disk_errors(self._folder):
            known = self._known()
            before = set(known.get(file_name, {}).get("blocks", ()))
            mine: list[str] = []
            shared: list[str] = []
            for name, sources in self._sources().items():
                if sources & before:
                    (mine if sources <= before else shared).append(name)
            if shared:
                raise StackError(
                    f"an earlier history of {file_name} in {self._folder} was merged with other "
                    f"samples by Prometheus: stop Prometheus, delete the folders "
                    f"{', '.join(sorted(shared))} there, and backfill each file anew"
                )
            new = sorted(path.name for path in blocks)
            known[file_name] = {"content": None, "blocks": sorted({*before, *new})}
            self._write(known)
            for name in mine:
                self._delete(name)
            for path in blocks:
                self._give_to_owner(path)
                path.rename(self._folder / path.name)
            known[file_name] = {"content": content, "blocks": new}
            self._write(known)
        return len(new)

    def _known(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads(self._record.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError:
            raise StackError(
                f"{self._record} is damaged: delete it together with the blocks of history"
            ) from None
        return found

    def _write(self, known: dict[str, Any]) -> None:
        fresh = self.staging / _RECORD
        fresh.write_text(json.dumps(known, indent=1), encoding="utf-8")
        self._give_to_owner(fresh)
        fresh.replace(self._record)

    def _sources(self) -> dict[str, set[str]]:
        """Block of the folder → the blocks it was merged from, or itself."""
        found = {}
        for path in self._folder.iterdir():
            if not _BLOCK.fullmatch(path.name):
                continue
            try:
                meta = json.loads((path / "meta.json").read_text(encoding="utf-8"))
                found[path.name] = set(meta["compaction"]["sources"])
            except (FileNotFoundError, ValueError, KeyError):
                continue  # Prometheus deletes it just now, or will
        return found

    def _delete(self, name: str) -> None:
        # As Prometheus does it: a block is there as a whole or not at all.
        doomed = self._folder / f"{name}.tmp-for-deletion"
        with contextlib.suppress(FileNotFoundError):  # Prometheus was faster
            (self._folder / name).rename(doomed)
            shutil.rmtree(doomed)

    def _give_to_owner(self, path: Path) -> None:
        """A Prometheus that runs as another user has to delete it one day."""
        owner = self._folder.stat()
        if os.geteuid() == 0 and owner.st_uid != 0:
            for one in (path, *path.rglob("*")):
                os.chown(one, owner.st_uid, owner.st_gid)


@contextmanager
def history_blocks(folder: Path, on_wait: Callable[[], None]) -> Iterator[HistoryBlocks]:
    """The data folder, for one command at a time.

    Raises:
        StackError: nothing can be written there.
    """
    with _disk_errors(folder):
        # Whether something can be written at all is told apart from who holds the lock.
        tempfile.TemporaryDirectory(prefix=_STAGING, dir=folder).cleanup()
    with exclusive(folder / _LOCK, on_wait):
        for left in folder.glob(f"{_STAGING}*"):  # by one that was killed
            shutil.rmtree(left, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=_STAGING, dir=folder) as staging:
            yield HistoryBlocks(folder, Path(staging))


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StackError(
            f"cannot write into {folder}: {error.strerror or error}: free some space, or run this "
            "as a user who may write there"
        ) from None
