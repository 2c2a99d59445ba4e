"""Getting Kafka's jars: from the local Maven repository, or else from the network, once.

Promise: what ``fetch`` returns has the size and the SHA-256 that the lock file says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import StackError
from stack.lock import Artefact, read_lock, sha256

_AT_ONCE = 6
_ATTEMPTS = 3
_HINT = (
    "use a broker that exists (set FRAUDSTREAM_KAFKA and FRAUDSTREAM_REDIS), "
    "or run `docker compose up`"
)

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What fetching took: the jars in class path order, bytes downloaded, seconds."""

    jars: list[Path]
    downloaded: int
    seconds: float


def fetch(
    report: Report,
    *,
    artefacts: Sequence[Artefact] | None = None,
    repository: Path | None = None,
) -> Fetched:
    """Make sure all jars are in the local Maven repository.

    Args:
        report: is told, before a download starts, how much there is to download.
        artefacts: default: those of the lock file.
        repository: default: Maven's own (``~/.m2/repository``), which other checkouts share.

    Raises:
        StackError: an artefact cannot be fetched, or is not the one that was pinned.
    """
    from jgo.maven import MavenContext

    started = time.monotonic()
    wanted = read_lock() if artefacts is None else artefacts
    context = MavenContext(repo_cache=repository, timeout=60)
    missing = [one for one in wanted if not _cached(context, one).is_file()]
    size = sum(one.size for one in missing)
    if missing:
        report(f"downloading Apache Kafka: {len(missing)} files, {size / 1e6:.0f} MB …")
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda one: _download(context, one), missing))
        jars = list(pool.map(lambda one: _verified(context, one), wanted))
    return Fetched(jars, size, time.monotonic() - started)


def _component(context: Any, one: Artefact) -> Any:
    return context.project(one.group, one.name).at_version(one.version).artifact(packaging="jar")


def _cached(context: Any, one: Artefact) -> Path:
    folder = Path(context.repo_cache).joinpath(*one.group.split("."), one.name, one.version)
    return folder / f"{one.name}-{one.version}.jar"


def _download(context: Any, one: Artefact) -> None:
    for attempt in range(_ATTEMPTS):
        try:
            _component(context, one).resolve()
            return
        except Exception as error:  # the resolver passes on whatever its HTTP client raises
            if attempt == _ATTEMPTS - 1:
                raise StackError(f"cannot download {one} ({error}): {_HINT}") from None
            time.sleep(1 + attempt)


def _verified(context: Any, one: Artefact) -> Path:
    path = _cached(context, one)
    if not path.is_file():
        raise StackError(f"{one} was downloaded, but {path} is not there: {_HINT}")
    found = sha256(path)
    if found != one.sha256:
        raise StackError(
            f"{path} has SHA-256 {found[:12]}…, pinned is {one.sha256[:12]}…: delete the file and "
            "try again; if it comes back, it is not what this version was tested with"
        )
    return path
