"""Two Maven clients that can deliver exact jars: ``mvn`` where installed, else ``jgo`` from PyPI.

Which repositories they ask is their own affair (``mvn`` reads the user's ``settings.xml`` with its
mirrors and proxies, ``jgo`` has its default); what they deliver is checked by the caller.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.sax.saxutils import escape

from tenacity import retry, stop_after_attempt, wait_exponential

from stack.artefacts import Artefact, Client, FetchError

#: Pinned, since the version that an old Maven takes by itself depends on the Maven.
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_TIMEOUT_S = 900
_READ_TIMEOUT_S = 30
_AT_ONCE = 6


def fetch_with_mvn(artefacts: Sequence[Artefact], folder: Path) -> None:
    """Let ``mvn`` copy the jars of ``artefacts``, and nothing they depend on, into ``folder``."""
    copy_with_mvn([f"{a.group}:{a.artifact}:{a.version}" for a in artefacts], folder, deep=False)


def copy_with_mvn(coordinates: Sequence[str], folder: Path, *, deep: bool) -> None:
    """Copy the jars of ``coordinates`` into ``folder``.

    Args:
        coordinates: ``group:artifact:version`` each.
        folder: an existing one.
        deep: with everything they need at run time.

    Raises:
        FetchError: Maven is missing or failed.
    """
    mvn = shutil.which("mvn")
    if mvn is None:
        raise FetchError("mvn: not installed")
    project = folder / "pom.xml"
    project.write_text(_project(coordinates, deep=deep), encoding="utf-8")
    command = [mvn, "--batch-mode", "--quiet", "--update-snapshots", "-Dstyle.color=never"]
    command += ["--file", str(project), _COPY, f"-DoutputDirectory={folder}"]
    # The repository layout tells group and version of what was resolved; a flat folder does not.
    command += ["-DincludeScope=runtime", f"-Dmdep.useRepositoryLayout={str(deep).lower()}"]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise FetchError(f"mvn: {error}") from None
    if done.returncode != 0:
        lines = (line for line in done.stdout.splitlines() if line.startswith("[ERROR]"))
        first = next(lines, f"exit code {done.returncode}").removeprefix("[ERROR]").strip()
        raise FetchError(f"mvn: {first}")


def fetch_with_jgo(artefacts: Sequence[Artefact], folder: Path) -> None:
    """Let ``jgo`` download the jars of ``artefacts`` into ``folder``, a few at a time."""
    try:
        # Imported here: it is an optional package, and slow to import.
        from jgo.maven import MavenContext
    except ImportError:
        raise FetchError("jgo: not installed (`pip install jgo`)") from None
    context = MavenContext(repo_cache=folder / "repository", timeout=_READ_TIMEOUT_S)

    @retry(stop=stop_after_attempt(3), wait=wait_exponential(max=4), reraise=True)
    def download(artefact: Artefact) -> None:
        found = context.project(artefact.group, artefact.artifact).at_version(artefact.version)
        wanted = found.artifact()
        # What a broken attempt left behind would be taken for the whole file.
        wanted.cached_path.unlink(missing_ok=True)
        wanted.resolve().replace(folder / artefact.file_name)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        pending = [pool.submit(download, artefact) for artefact in artefacts]
        try:
            for future in pending:
                future.result()
        except (OSError, RuntimeError, AssertionError) as error:
            pool.shutdown(cancel_futures=True)
            raise FetchError(f"jgo: {' '.join(str(error).split())[:300]}") from None


#: In order of preference.
CLIENTS: tuple[Client, ...] = (fetch_with_mvn, fetch_with_jgo)


def _project(coordinates: Sequence[str], *, deep: bool) -> str:
    only = "<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion>"
    exclusions = "" if deep else f"{only}</exclusions>"
    dependencies = []
    for coordinate in coordinates:
        group, artifact, version = (escape(part) for part in coordinate.split(":"))
        dependencies.append(
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version>{exclusions}</dependency>"
        )
    return (
        "<project><modelVersion>4.0.0</modelVersion><groupId>fraudstream</groupId>"
        "<artifactId>stack</artifactId><version>1</version>"
        f"<dependencies>{''.join(dependencies)}</dependencies></project>"
    )
