"""The jars of one pinned Kafka: fetched once per user, checked against the lock file at every use.

Promise: whatever ``ensure_jars`` returns has exactly the size and SHA-256 that ``kafka.lock.json``
names, whoever delivered it.

1. Look for each locked jar in the user's cache folder, and check it.
2. Say how much is missing; fetch that into a temporary folder, with the first of the Maven clients
   in ``stack.clients`` that manages.
3. Check each file; move it into the cache only if it is the one that was locked.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from core.errors import StackError
from stack.guard import exclusive

LOCK_FILE = Path(__file__).with_name("kafka.lock.json")
Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Artefact:
    """One jar in a Maven repository and what it must be."""

    group: str
    artifact: str
    version: str
    sha256: str
    size: int  #: bytes

    @property
    def file_name(self) -> str:
        """Name of the jar in a repository."""
        return f"{self.artifact}-{self.version}.jar"

    def check(self, path: Path) -> None:
        """Raise ``StackError`` unless the file is the one that was locked."""
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != self.sha256:
            raise StackError(
                f"refused {self.file_name}: its SHA-256 is {found}, {LOCK_FILE.name} says "
                f"{self.sha256}; whoever delivered it (a proxy or mirror, the local Maven "
                "repository) has another file: clean that up and try again"
            )

    def is_in(self, folder: Path) -> bool:
        """Whether ``folder`` holds this very jar."""
        path = folder / self.file_name
        try:
            return path.stat().st_size == self.size and (
                hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256
            )
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class Lock:
    """Contents of the lock file: what was asked for and what that came down to."""

    roots: tuple[str, ...]  #: group:artifact:version
    artefacts: tuple[Artefact, ...]

    @property
    def kafka_version(self) -> str:
        """Version of the broker that is locked."""
        return next(a.version for a in self.artefacts if a.artifact == "kafka-clients")

    @classmethod
    def read(cls, path: Path = LOCK_FILE) -> Lock:
        """Read the lock file.

        Raises:
            StackError: it is missing or damaged.
        """
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            artefacts = tuple(Artefact(**entry) for entry in found["artefacts"])
            return cls(tuple(found["roots"]), artefacts)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StackError(
                f"lock file {path} cannot be used ({error}): restore it from version control"
            ) from None

    def write(self, path: Path = LOCK_FILE) -> None:
        """Write the lock file."""
        content = {
            "about": "Apache Kafka for the local stack; written by `python -m stack.lock`",
            "roots": list(self.roots),
            "artefacts": [asdict(artefact) for artefact in self.artefacts],
        }
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


class FetchError(Exception):
    """A client could not deliver; the message is one line."""


#: Puts the jars of the given artefacts into the given folder, or raises ``FetchError``.
Client = Callable[[Sequence[Artefact], Path], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a fetch came to."""

    jars: tuple[Path, ...]  #: in the order of the lock file
    bytes: int  #: fetched now; 0 when everything was in the cache
    seconds: float


def cache_folder() -> Path:
    """Folder for downloads, shared by all checkouts of a user (``XDG_CACHE_HOME/fraudstream``)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base, "fraudstream")


def ensure_jars(lock: Lock, clients: Sequence[Client], cache: Path, report: Report) -> Fetched:
    """Have every jar of ``lock`` in ``cache``, verified.

    Args:
        lock: what is wanted.
        clients: tried in this order until one delivers everything.
        cache: folder that keeps the jars; made if missing.
        report: told, before it starts, how much is to be downloaded.

    Raises:
        StackError: nobody could deliver (names the alternatives), or a digest is wrong.
    """
    begun = time.monotonic()
    folder = cache / "jars"
    jars = tuple(folder / artefact.file_name for artefact in lock.artefacts)
    missing = _missing(lock, folder)
    if not missing:
        return Fetched(jars, 0, time.monotonic() - begun)
    with exclusive(cache / "lock", lambda: report("waiting for another download of Kafka …")):
        missing = _missing(lock, folder)  # the other one may have brought them
        size = sum(artefact.size for artefact in missing)
        if missing:
            report(
                f"downloading Apache Kafka {lock.kafka_version}: {len(missing)} jars, "
                f"{size / 1e6:.0f} MB, once; kept in {folder}"
            )
            _bring(missing, clients, folder, lock.kafka_version)
    return Fetched(jars, size, time.monotonic() - begun)


def _missing(lock: Lock, folder: Path) -> list[Artefact]:
    return [artefact for artefact in lock.artefacts if not artefact.is_in(folder)]


def _bring(missing: list[Artefact], clients: Sequence[Client], folder: Path, version: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    for client in clients:
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetch-") as name:
            try:
                client(missing, Path(name))
            except FetchError as error:
                failures.append(str(error))
                continue
            for artefact in missing:
                artefact.check(Path(name, artefact.file_name))
            for artefact in missing:
                Path(name, artefact.file_name).replace(folder / artefact.file_name)
            return
    raise StackError(
        f"Apache Kafka {version} could not be fetched ({'; '.join(failures)}): check the network "
        "and try again, or use an existing broker through FRAUDSTREAM_KAFKA=host:port, or run "
        "everything in containers with `docker compose up`"
    )
