"""The folder of model versions and the pointers to those in use.

Promise: a version never changes once it has its name, a pointer always names one whole version,
and nothing of a version is used before its bytes were compared with the digests it was made with.

1. ``add`` writes all files and their digests into a hidden folder, flushes them to disk and
   renames the folder to the next free ``vN``: a crash leaves no half version.
2. ``promote`` checks the version and replaces the pointer file in one rename. The first line of a
   pointer is the version in use, the lines below are those before it, the latest first.
3. ``load`` compares every file with its digest and only then reads the metadata.

Those who change pointers take turns (a lock on the profile's folder), so that of several who roll
the same champion back exactly one does. The challenger is never the champion: a version that
becomes champion stops being challenger.

::

    {root}/{profile}/champion                 v2⏎v1⏎
    {root}/{profile}/challenger               v3⏎
    {root}/{profile}/v2/SHA256SUMS            as `sha256sum -c` reads it
    {root}/{profile}/v2/model.onnx, explain.ubj, metadata.json, evaluation.json, outcomes.npz,
                        card.md, card.html, plots/*.png
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.errors import ConfigError, ModelError
from core.names import Role
from features.profiles import profile_spec
from model.metadata import Metadata, decode_metadata
from model.results import Evaluation, decode_evaluation

MODEL_FILE = "model.onnx"
METADATA_FILE = "metadata.json"
EVALUATION_FILE = "evaluation.json"
#: The trees without their calibration, in xgboost's own binary format.
EXPLAIN_FILE = "explain.ubj"
DIGESTS_FILE = "SHA256SUMS"
REQUIRED_FILES = (MODEL_FILE, EXPLAIN_FILE, METADATA_FILE, EVALUATION_FILE)

_VERSION = re.compile(r"v[1-9][0-9]*")
_DIGEST_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_RETRAIN = "promote another version, or train a new one with `fraudstream train CSV`"


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version whose files were found whole.

    Attributes:
        path: its folder.
        metadata: the content of ``metadata.json``.
        digests: relative file name → SHA-256.
    """

    path: Path
    metadata: Metadata
    digests: Mapping[str, str]

    def read(self, name: str) -> bytes:
        """The bytes of one file, compared with its digest again.

        Raises:
            ModelError: it is missing or not the file the version was made with.
        """
        return _read_checked(self.path, name, self.digests)

    def evaluation(self) -> Evaluation:
        """The content of ``evaluation.json``."""
        return decode_evaluation(self.read(EVALUATION_FILE), str(self.path / EVALUATION_FILE))


class Registry:
    """Versions and pointers under one folder, by profile.

    Args:
        root: the folder; made with the first version.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def versions(self, profile: str) -> list[str]:
        """Names of the versions, the oldest first."""
        folder = self._folder(profile)
        if not folder.is_dir():
            return []
        found = (entry.name for entry in folder.iterdir() if _VERSION.fullmatch(entry.name))
        return sorted(found, key=lambda name: int(name[1:]))

    def pointer(self, profile: str, role: str = Role.CHAMPION) -> str | None:
        """The version in use in a role, None where there is none."""
        history = self.history(profile, role)
        return history[0] if history else None

    def promote(self, profile: str, version: str, role: str = Role.CHAMPION) -> None:
        """Put a version into use, in one step; the one before is kept for ``rollback``.

        Raises:
            ModelError: there is no such version, it is damaged, or it is to challenge itself.
            ConfigError: the folder cannot be written.
        """
        self.load(profile, version)
        with self._alone(profile):
            if role == Role.CHALLENGER and version == self.pointer(profile):
                raise ModelError(
                    f"{profile} model {version} is the champion, it cannot challenge itself: "
                    "choose another version, see `fraudstream models list`"
                )
            history = self.history(profile, role)
            if history[:1] != [version]:
                self._point(profile, role, [version, *history])
            if role == Role.CHAMPION:
                self._no_longer_challenges(profile, version)

    def rollback(self, profile: str) -> str:
        """Put the champion before the current one back into use; returns its name.

        Raises:
            ModelError: there is none before it, or it is damaged.
            ConfigError: the folder cannot be written.
        """
        with self._alone(profile):
            return self._roll_back(profile)

    def take_back(self, profile: str, version: str) -> str | None:
        """The same, but only if ``version`` is champion: of several who ask, one does it.

        Returns:
            The name of the champion now; None where another one than ``version`` was champion.
        """
        with self._alone(profile):
            return self._roll_back(profile) if self.pointer(profile) == version else None

    def _roll_back(self, profile: str) -> str:
        history = self.history(profile)
        if len(history) < 2:
            raise ModelError(
                f"{profile}: no champion was in use before {history[0] if history else 'now'}: "
                f"choose one with `fraudstream models promote VERSION --profile {profile}`"
            )
        self.load(profile, history[1])
        self._point(profile, Role.CHAMPION, history[1:])
        self._no_longer_challenges(profile, history[1])
        return history[1]

    def retire(self, profile: str) -> str | None:
        """End the challenge; returns the version that was challenger, None where there was none.

        Raises:
            ConfigError: the folder cannot be written.
        """
        with self._alone(profile):
            challenger = self.pointer(profile, Role.CHALLENGER)
            if challenger is not None:
                self._no_longer_challenges(profile, challenger)
        return challenger

    def load(self, profile: str, version: str | None = None) -> ModelVersion:
        """One version, checked.

        Args:
            profile: name of the profile.
            version: its name; None for the champion.

        Raises:
            ModelError: it is missing, incomplete or damaged; the message says what to do.
        """
        name = self.pointer(profile) if version is None else version
        if name is None:
            raise ModelError(
                f"no {profile} model in use under {self.root}: train one with "
                f"`fraudstream train CSV --profile {profile}`, or set FRAUDSTREAM_MODELS"
            )
        folder = self._folder(profile) / name
        if not _VERSION.fullmatch(name) or not folder.is_dir():
            known = ", ".join(self.versions(profile)) or "none"
            raise ModelError(
                f"{profile} model {name!r} is not under {self.root} (there: {known}): {_RETRAIN}"
            )
        digests = _read_digests(folder)
        contents = {file: _read_checked(folder, file, digests) for file in digests}
        metadata = decode_metadata(contents[METADATA_FILE], str(folder / METADATA_FILE))
        made_as = (metadata.profile, metadata.version, metadata.digest)
        if made_as != (profile, name, digests[MODEL_FILE]):
            raise ModelError(
                f"{folder}: its metadata belongs to {made_as[0]} {made_as[1]} with digest "
                f"{made_as[2][:12]}…, not to this folder: {_RETRAIN}"
            )
        return ModelVersion(folder, metadata, digests)

    def scratch(self, profile: str, name: str) -> Path:
        """A folder where a training may keep what it has found so far.

        Raises:
            ConfigError: it cannot be made.
        """
        folder = self._folder(profile) / f".training-{name}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error) from None
        return folder

    def add(self, profile: str, build: Callable[[str], Mapping[str, bytes]]) -> str:
        """Store a new version.

        Args:
            profile: name of the profile.
            build: gives the files (relative name → bytes) for the version name it is called with;
                called again with the next name when another process took the first.

        Returns:
            The name of the version.

        Raises:
            ConfigError: the folder cannot be written.
        """
        folder = self._folder(profile)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            while True:
                last = self.versions(profile)[-1:]
                name = f"v{int(last[0][1:]) + 1 if last else 1}"
                if _store(folder, name, build(name)):
                    return name
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> ConfigError:
        return ConfigError(
            f"model registry {self.root}: {error.strerror or error}: make the folder writable "
            "or set FRAUDSTREAM_MODELS to another one"
        )

    def _folder(self, profile: str) -> Path:
        return self.root / profile_spec(profile).name

    def history(self, profile: str, role: str = Role.CHAMPION) -> list[str]:
        """The version in use in a role and those before it, the latest first.

        Raises:
            ModelError: the pointer cannot be read.
        """
        path = self._folder(profile) / role
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").split()
        except (FileNotFoundError, NotADirectoryError):
            return []
        bad = [line for line in lines if not _VERSION.fullmatch(line)]
        if bad:
            raise ModelError(
                f"{path}: {bad[0][:40]!r} is not a version: write one of "
                f"{', '.join(self.versions(profile)) or '(none there)'} with "
                "`fraudstream models promote`, after deleting the file"
            )
        return lines

    @contextmanager
    def _alone(self, profile: str) -> Iterator[None]:
        """Nobody else changes pointers of the profile meanwhile, in whatever process."""
        folder = self._folder(profile)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(folder, os.O_RDONLY)
        except OSError as error:
            raise self._unwritable(error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        except OSError as error:
            raise self._unwritable(error) from None
        finally:
            os.close(handle)

    def _no_longer_challenges(self, profile: str, version: str) -> None:
        if self.pointer(profile, Role.CHALLENGER) == version:
            (self._folder(profile) / Role.CHALLENGER).unlink(missing_ok=True)
            _sync_folder(self._folder(profile))

    def _point(self, profile: str, role: str, history: list[str]) -> None:
        folder = self._folder(profile)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=f".{role}-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write("".join(f"{version}\n" for version in history))
                file.flush()
                os.fsync(file.fileno())
            # mkstemp gives the owner alone access; a worker under another user reads this file.
            os.chmod(temporary, 0o644)
            os.replace(temporary, folder / role)
        except BaseException:
            os.unlink(temporary)
            raise
        _sync_folder(folder)


def _store(folder: Path, name: str, files: Mapping[str, bytes]) -> bool:
    """Write a version; False when the name was taken meanwhile."""
    temporary = Path(tempfile.mkdtemp(dir=folder, prefix=".new-"))
    try:
        sums = "".join(
            f"{hashlib.sha256(content).hexdigest()}  {file}\n" for file, content in files.items()
        )
        for file, content in {**files, DIGESTS_FILE: sums.encode()}.items():
            _write(temporary / file, content)
        for inner in (temporary, *(path for path in temporary.rglob("*") if path.is_dir())):
            inner.chmod(0o755)
            _sync_folder(inner)
        # A rename onto an existing version fails, because that folder is not empty.
        try:
            os.rename(temporary, folder / name)
        except OSError:
            if (folder / name).exists():
                return False
            raise
        _sync_folder(folder)
        return True
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _read_digests(folder: Path) -> dict[str, str]:
    path = folder / DIGESTS_FILE
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}: {_RETRAIN}") from None
    digests = {}
    for line in lines:
        match = _DIGEST_LINE.fullmatch(line)
        if match is None or not _inside(match[2]):
            raise ModelError(f"{path}: the line {line[:80]!r} cannot be read: {_RETRAIN}")
        digests[match[2]] = match[1]
    missing = [file for file in REQUIRED_FILES if file not in digests]
    if missing:
        raise ModelError(f"{path}: lists no {missing[0]}: {_RETRAIN}")
    return digests


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _read_checked(folder: Path, name: str, digests: Mapping[str, str]) -> bytes:
    path = folder / name
    if name not in digests:
        raise ModelError(f"{folder / DIGESTS_FILE}: lists no {name}: {_RETRAIN}")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}: {_RETRAIN}") from None
    found = hashlib.sha256(content).hexdigest()
    if found != digests[name]:
        raise ModelError(
            f"{path}: SHA-256 is {found[:12]}…, the version was made with "
            f"{digests[name][:12]}…, so the file was changed or damaged: {_RETRAIN}"
        )
    return content
